"""A terminal that signs in while the service comes and goes."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager

import pytest
from studyhall.access.terminal import AccessError, login

APPROVED = {
    "state": "approved",
    "course": "python-foundations",
    "token": "t",
    "token_id": "7",
    "username": "gabriel",
    "role": "grader",
    "expires_at": "2100-01-01T00:00:00+00:00",
}
WAITING = {"state": "waiting"}


@contextmanager
def service_that_says(*answers, expires_in=60):
    """Run a service that answers the claims one after the other; None stands for hanging up. Yields its address."""
    left = list(answers)

    class Service(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = {"code": "ABCD", "expires_in": expires_in, "interval": 0.01}
            if self.path.endswith("/claim"):
                answer = left.pop(0) if len(left) > 1 else left[0]
            if answer is None:
                return
            status = 200 if isinstance(answer, dict) else answer
            body = {"data": answer} if status == 200 else {"error": {"message": f"It is {status}."}}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def sign_in(address, folder):
    return login(
        address, "python-foundations", 8, gradebook=False, file=folder / "tokens.json", say=lambda _: None
    )


def test_a_service_that_is_away_for_a_while_ends_nothing(tmp_path):
    with service_that_says(WAITING, None, 502, 503, None, WAITING, APPROVED) as address:
        assert sign_in(address, tmp_path)["username"] == "gabriel"


def test_a_service_that_stays_away_is_said_when_the_code_has_expired(tmp_path):
    with (
        service_that_says(WAITING, None, expires_in=1) as address,
        pytest.raises(AccessError, match="Studyhall does not answer at 127"),
    ):
        sign_in(address, tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"), [(404, "It is 404"), ({"state": "refused"}, "It was refused in the browser")]
)
def test_what_is_decided_is_said_at_once(tmp_path, answer, said):
    with service_that_says(WAITING, answer) as address, pytest.raises(AccessError, match=said):
        sign_in(address, tmp_path)
