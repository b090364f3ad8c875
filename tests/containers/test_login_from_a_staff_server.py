"""`studyhall login` where the terminal's address of the service is not the one for a browser."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from studyhall.access.terminal import AccessError, login


class AskedAndRefused(BaseHTTPRequestHandler):
    """A service in which somebody refuses the terminal at once."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        data = (
            {"state": "refused"}
            if self.path.endswith("/claim")
            else {"code": "ABCD", "expires_in": 60, "interval": 0}
        )
        answer = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_words) -> None:
        return


@pytest.fixture
def inner_address():
    with ThreadingHTTPServer(("127.0.0.1", 0), AskedAndRefused) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/services/studyhall"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("public", ["https://hub.example/services/studyhall", None])
def test_the_person_reads_the_address_that_a_browser_reaches(inner_address, tmp_path, monkeypatch, public):
    monkeypatch.delenv("STUDYHALL_PUBLIC_URL", raising=False)
    if public:
        monkeypatch.setenv("STUDYHALL_PUBLIC_URL", public)
    said = []
    with pytest.raises(AccessError, match="refused in the browser"):
        login(inner_address, "c", 1, gradebook=False, file=tmp_path / "tokens.json", say=said.append)
    assert said[0].startswith(f"Open {public or inner_address}/access in your browser")
