"""What tests of signing in need around a real hub: a mailbox, a provider, somebody at a browser, a clock."""

import asyncio
import base64
import hashlib
import io
import json
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from aiosmtpd.smtp import SMTP
from studyhall.supervisor.ports import reserved_port
from studyhall_hub.sign_in.__main__ import main as account_command

PROGRAM = Path(__file__).with_name("hub") / "sign_in_hub.py"
PASSWORD = "four plain words here"


class Mailbox:
    """A mail server that keeps what it gets."""

    def __init__(self):
        self.messages = []
        self.answer = "250 OK"
        self.arrived = threading.Condition()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd calls it so
        if self.answer != "250 OK":
            return self.answer
        with self.arrived:
            self.messages.append(
                (envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default))
            )
            self.arrived.notify_all()
        return "250 OK"

    def wait_for(self, to, *, number=1):
        """Return the newest message to an address, once it has had `number` of them."""

        def found():
            return [message for people, message in self.messages if people == [to]]

        with self.arrived:
            assert self.arrived.wait_for(lambda: len(found()) >= number, timeout=120), f"no mail to {to}"
            return found()[-1]

    def number(self, to):
        with self.arrived:
            return sum(people == [to] for people, _ in self.messages)


@contextmanager
def mail_server():
    box, loop, ready = Mailbox(), asyncio.new_event_loop(), threading.Event()

    async def serve():
        box.server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
        box.port = box.server.sockets[0].getsockname()[1]
        ready.set()

    def run():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()
        box.server.close()
        loop.run_until_complete(box.server.wait_closed())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(60)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)


def link_in(message):
    """Return the one address with a token in a message's plain text."""
    (link,) = re.findall(r"https?://\S+token=\S+", message.get_body(("plain",)).get_content())
    return link


class Provider:
    """Plays GitHub and Google: whoever comes is `person`, who belongs to `organizations`."""

    def __init__(self):
        self.person = {}
        self.organizations = set()
        self.codes = {}
        self.asked = []

    def answer(self, method, path, query, form, headers):
        """Return status, headers and JSON."""
        self.asked.append(path)
        if path in ("/login/oauth/authorize", "/google/auth"):
            code = secrets.token_hex(8)
            self.codes[code] = query
            back = urlencode({"code": code, "state": query["state"]})
            return 302, {"Location": f"{query['redirect_uri']}?{back}"}, None
        if path in ("/login/oauth/access_token", "/google/oauth2/v4/token"):
            begun = self.codes.pop(form.get("code", ""), None)
            proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            if (
                begun is None
                or form["client_secret"] != "the-secret"
                or form["redirect_uri"] != begun["redirect_uri"]
                or proof.rstrip(b"=").decode() != begun["code_challenge"]
            ):
                return 400, {}, {"error": "invalid_grant"}
            return 200, {}, {"access_token": "the-token", "token_type": "bearer", "scope": "read:org"}
        return self.answer_api(path, headers)

    def answer_api(self, path, headers):
        if headers.get("Authorization") != "Bearer the-token":
            return 401, {}, {}
        if path in ("/api/v3/user", "/google/oauth2/v1/userinfo"):
            return 200, {}, self.person
        member = re.fullmatch(r"/api/v3/orgs/([^/]+)/members/([^/]+)", path)
        if member and member[1] in self.organizations and member[2] == self.person["login"]:
            return 204, {}, None
        return 404, {}, {"message": "Not Found"}


@contextmanager
def provider():
    plays = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer({})

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.answer({name: values[0] for name, values in parse_qs(body).items()})

        def answer(self, form):
            at = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(at.query).items()}
            status, headers, found = plays.answer(self.command, at.path, query, form, self.headers)
            body = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    plays.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield plays
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Browser:
    """Somebody at a browser."""

    def __init__(self, hub, address):
        self.hub = hub
        # Each test comes from a network of its own, as the proxy in front of the hub's would say.
        self.client = httpx.Client(
            base_url=hub.url, timeout=120, follow_redirects=False, headers={"X-Forwarded-For": address}
        )

    def get(self, path, **options):
        return self.client.get(path, **options)

    def post(self, page, fields, *, path=None, **options):
        """Fill in the form of a page and send it off."""
        form = {"_xsrf": self.proof(page) or self.proof("/hub/login"), **fields}
        return self.client.post(path or page, data=form, **options)

    def proof(self, page):
        """Return the token of a page's form; a page that says no has none, which holds nobody back."""
        found = re.search(r'name="_xsrf" value="([^"]+)"', self.client.get(page).text)
        return found[1] if found else ""

    def sign_up(self, name, mail, password=PASSWORD, again=None):
        fields = {
            "name": name,
            "mail": mail,
            "password": password,
            "again": password if again is None else again,
        }
        return self.post("/hub/signup", fields)

    def use(self, link, **fields):
        """Open a link and send its form off."""
        at = urlsplit(link)
        token = parse_qs(at.query)["token"][0]
        return self.post(f"{at.path}?{at.query}", {"token": token, **fields}, path=at.path)

    def sign_in(self, name, password=PASSWORD, *, next_page=None):
        query = f"?{urlencode({'next': next_page})}" if next_page else ""
        return self.post(f"/hub/login{query}", {"username": name, "password": password})

    @property
    def is_signed_in(self):
        return self.client.get("/hub/token").status_code == httpx.codes.OK


class Hub:
    """A hub with a mailbox and a provider beside it."""

    def __init__(self, folder, box, plays, *, mail=True, lti=(), settings=None):
        self.box, self.provider = box, plays
        self.data = folder / "data"
        self.clock = folder / "clock"
        self.ahead = 0.0
        self.pass_time(0)
        server = {
            "host": "127.0.0.1",
            "port": box.port,
            "encryption": "none",
            "sender": "hall@school.example",
        }
        app = {"client_id": "the-app", "client_secret": "the-secret"}
        wanted = {
            "sign_in": {
                "local": {"mail": server} if mail else {},
                "github": {**app, "organizations": ["school"], "url": plays.url},
                "google": {**app, "domains": ["school.example"]},
                "lti": list(lti),
                # The hub's own proxy, and one that stands before it: what a test's browser says.
                "proxies": 2,
            },
            "clock": str(self.clock),
            "google": plays.url,
            "settings": settings or {},
        }
        file = folder / "wanted.json"
        file.write_text(json.dumps(wanted))
        self.port = reserved_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = secrets.token_hex(32)
        self.browsers = []
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.data), str(self.port), self.token, str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = ""
        for line in self.process.stdout:
            said += line
            if line.rstrip().endswith("ready") and "(" not in line:
                break
        else:
            self.process.communicate()
            raise AssertionError(f"the hub did not start: {said}")
        self.settings = self.data / "hub" / "settings.json"
        self.inner = json.loads(self.settings.read_text())["hub_url"]

    def pass_time(self, seconds):
        self.ahead += seconds
        replaced = self.clock.with_suffix(".new")
        replaced.write_text(str(self.ahead))
        replaced.replace(self.clock)

    def browser(self):
        self.browsers.append(Browser(self, f"198.51.100.{len(self.browsers) + 1}"))
        return self.browsers[-1]

    def ask(self, method, path, token=None, **options):
        headers = {"Authorization": f"token {token or self.token}"}
        return httpx.request(method, f"{self.inner}/hub/api{path}", headers=headers, timeout=120, **options)

    def has_person(self, name):
        return self.ask("GET", f"/users/{name}").status_code == httpx.codes.OK

    def log(self):
        """Return everything that was written to logs."""
        return "".join(file.read_text() for file in (self.data / "logs").glob("*.log"))

    def account(self, name):
        """Sign somebody up, confirmed."""
        browser, mail = self.browser(), f"{name}@school.example"
        assert browser.sign_up(name, mail).status_code == httpx.codes.ACCEPTED
        used = browser.use(link_in(self.box.wait_for(mail)), password=PASSWORD)
        assert used.headers["Location"] == "/hub/login?done=confirmed", used.text
        return mail

    def operator(self, *words):
        """Run `studyhall account` without the time that a process takes to start."""
        said, problem = io.StringIO(), io.StringIO()
        with redirect_stdout(said), redirect_stderr(problem):
            code = account_command([*words, "--settings", str(self.settings)])
        return SimpleNamespace(returncode=code, stdout=said.getvalue(), stderr=problem.getvalue())

    def operator_s_terminal(self, *words):
        """Run `studyhall account`."""
        return subprocess.run(
            [sys.executable, "-m", "studyhall.cli", "account", *words, "--settings", str(self.settings)],
            capture_output=True,
            text=True,
            check=False,
        )

    def stop(self):
        for browser in self.browsers:
            browser.client.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=120)


@contextmanager
def running(folder, **options):
    with mail_server() as box, provider() as plays:
        hub = Hub(folder, box, plays, **options)
        try:
            yield hub
        finally:
            hub.stop()


def quickest(times, *deeds):
    """Return the shortest time in seconds that each deed took, of so many.

    They take turns: what else the machine has to do at some moment befalls all of them.
    """
    found = [[] for _ in deeds]
    for number in range(times):
        for taken, do in zip(found, deeds, strict=True):
            begun = time.perf_counter()
            do(number)
            taken.append(time.perf_counter() - begun)
    return [min(taken) for taken in found]
