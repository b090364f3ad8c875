"""A classroom service to talk to over real HTTP, and a Jupyter server with the extension in it."""

import asyncio
import base64
import hashlib
import json
import socket
import uuid
from dataclasses import dataclass, field

import pytest
from pytest_jupyter import jupyter_server as jupyter_fixtures
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import Application, RequestHandler

# The top conftest switches these two off for the other zones.
jp_asyncio_loop = jupyter_fixtures.jp_asyncio_loop
jp_server_cleanup = jupyter_fixtures.jp_server_cleanup

TOKEN = "the-learner's-own-hub-token"
PREFIX = "/services/studyhall"
API = "studyhall/api/v1"
COURSE, LESSON = "python-foundations", "values-and-names"


@dataclass
class Recorded:
    method: str
    path: str
    query: str
    headers: HTTPHeaders
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Scripted:
    """An answer that the service gives once instead of its own."""

    status: int
    body: str | dict | None = None
    headers: dict = field(default_factory=dict)
    # What is asked next waits for the gate.
    closes_gate: bool = False


def envelope(data=None, error=None):
    return {"success": error is None, "data": data, "meta": {"request_id": "r"}, "error": error}


def refusal(code, message):
    return envelope(error={"code": code, "message": message, "details": []})


class Classroom:
    """The service's side of the wire: its API as the contract has it, on a loopback port that can go away."""

    def __init__(self):
        self.requests: list[Recorded] = []
        self.lessons = {}
        self.attempts = {}
        self.streams = set()
        self.streams_opened = 0
        self.script: list[Scripted] = []
        # Idempotency keys that the service stumbles over each time.
        self.stumbles_over = set()
        self.stream_script: list[Scripted] = []
        self.open_gate = asyncio.Event()
        self.open_gate.set()
        self._changed = asyncio.Condition()
        self._server = None
        # Bound and never listening, for as long as the test: while the service is away nobody else gets its port.
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reservation.bind(("127.0.0.1", 0))
        self.port = self._reservation.getsockname()[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    async def up(self):
        self._server = HTTPServer(
            Application([(rf"{PREFIX}/api/v1/events", EventsPeer), (r".*", ServicePeer)], classroom=self),
            max_body_size=200_000_000,
        )
        self._server.listen(self.port, "127.0.0.1", reuse_port=True)

    async def down(self):
        if self._server is not None:
            server, self._server = self._server, None
            server.stop()
            for stream in list(self.streams):
                stream.drop()
            await server.close_all_connections()

    def forget_port(self):
        self._reservation.close()

    async def note(self):
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition):
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(condition)

    def asked(self, method, path):
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    @property
    def submissions(self):
        return self.asked("POST", "/submissions")

    def publish(self, release, files, lesson=LESSON, course=COURSE):
        """Offer a release; files: path → bytes or text."""
        entries = []
        for path, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            text = isinstance(content, str)
            entries.append(
                {
                    "path": path,
                    "encoding": "text" if text else "base64",
                    "content": content if text else base64.b64encode(raw).decode(),
                    "sha256": hashlib.sha256(raw).hexdigest(),
                }
            )
        self.lessons[course, lesson] = {
            "course": course,
            "lesson": lesson,
            "title": "Values and names",
            "release": release,
            "files": entries,
        }


class ServicePeer(RequestHandler):
    def check_xsrf_cookie(self):
        """Token requests need none."""

    async def answer(self):
        classroom = self.settings["classroom"]
        path = self.request.path.removeprefix(f"{PREFIX}/api/v1")
        recorded = Recorded(
            self.request.method, path, self.request.query, self.request.headers, self.request.body
        )
        classroom.requests.append(recorded)
        await classroom.note()
        await classroom.open_gate.wait()
        self.set_header("X-Request-ID", self.request.headers["X-Request-ID"])
        if classroom.script:
            scripted = classroom.script.pop(0)
            if scripted.closes_gate:
                classroom.open_gate.clear()
            self.set_status(scripted.status)
            for name, value in scripted.headers.items():
                self.set_header(name, value)
            if scripted.body is not None:
                self.write(scripted.body)
            return
        if self.request.headers.get("Authorization") != f"token {TOKEN}":
            self.set_status(401)
            self.write(refusal("unauthorized", "This token is not valid any more."))
            return
        self.respond(classroom, recorded)

    def respond(self, classroom, request):
        parts = request.path.split("/")
        if request.method == "POST" and parts[1] == "courses" and parts[-1] == "start":
            lesson = classroom.lessons.get((parts[2], parts[4]))
            if lesson is None:
                self.set_status(404)
                self.write(refusal("not_found", "This lesson is not in your course."))
            else:
                self.write(envelope(lesson))
        elif request.method == "POST" and request.path == "/submissions":
            key = request.headers["Idempotency-Key"]
            if key in classroom.stumbles_over:
                self.set_status(500)
                self.write(refusal("internal_error", "Something broke."))
                return
            attempt = classroom.attempts.setdefault(
                key,
                {
                    "id": str(uuid.uuid4()),
                    "number": len(classroom.attempts) + 1,
                    "status": "queued",
                    **request.json,
                },
            )
            self.set_status(202)
            self.write(envelope({name: value for name, value in attempt.items() if name != "notebooks"}))
        elif request.method == "DELETE":
            self.set_status(204)
        else:
            self.write(envelope({"method": request.method, "path": request.path}))

    get = post = put = patch = delete = answer


class EventsPeer(RequestHandler):
    async def get(self):
        self.classroom = self.settings["classroom"]
        self.classroom.requests.append(
            Recorded("GET", "/events", self.request.query, self.request.headers, b"")
        )
        if self.classroom.stream_script:
            scripted = self.classroom.stream_script.pop(0)
            self.set_status(scripted.status)
            for name, value in scripted.headers.items():
                self.set_header(name, value)
            self.write(scripted.body)
            return
        self.gone = asyncio.Event()
        self.set_header("Content-Type", "text/event-stream")
        self.classroom.streams.add(self)
        self.classroom.streams_opened += 1
        await self.push(b'event: state\ndata: {"attempts_in_flight": []}\n\n')
        await self.classroom.note()
        await self.gone.wait()
        self.classroom.streams.discard(self)
        await self.classroom.note()

    async def push(self, content):
        try:
            self.write(content)
            await self.flush()
        except StreamClosedError:
            self.gone.set()

    def drop(self):
        """Cut the connection as a crash does."""
        self.request.connection.stream.close()
        self.gone.set()

    def on_connection_close(self):
        self.gone.set()


def notebook(*sources, release=1, stem="values-and-names", lesson=LESSON, course=COURSE):
    """A released notebook's text."""
    metadata = {"course": course, "lesson": lesson, "notebook": stem, "release": release}
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for index, source in enumerate(sources)
    ]
    return json.dumps(
        {"cells": cells, "metadata": {"studyhall": metadata}, "nbformat": 4, "nbformat_minor": 5}
    )


@pytest.fixture
def make_notebook():
    return notebook


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def refused():
    return refusal


@pytest.fixture
def classroom(jp_asyncio_loop):
    async def start():
        peer = Classroom()
        await peer.up()
        return peer

    peer = jp_asyncio_loop.run_until_complete(start())
    yield peer
    peer.open_gate.set()
    jp_asyncio_loop.run_until_complete(peer.down())
    peer.forget_port()


@pytest.fixture
def extension_settings():
    """Settings of the extension that a test module may change."""
    return {}


@pytest.fixture
def jp_server_config(classroom, extension_settings, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)
    monkeypatch.setenv("STUDYHALL_SERVICE_URL", classroom.url)
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    return {
        "ServerApp": {
            "jpserver_extensions": {"studyhall_extension": True, "jupyter_server_terminals": False}
        },
        "StudyhallExtension": {
            "retry_delay": 0.05,
            "reconnect_delay": 0.02,
            # A machine that does something else for seconds is no service that is away.
            "connect_timeout": 60.0,
            "request_timeout": 60.0,
            **extension_settings,
        },
    }


@pytest.fixture
def extension(jp_serverapp, jp_asyncio_loop):
    """The extension's application inside a server that has started."""
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.start_all_extensions())
    return jp_serverapp.extension_manager.extension_points["studyhall_extension"].app


@dataclass
class Reply:
    status: int
    headers: HTTPHeaders
    body: bytes

    @property
    def envelope(self):
        return json.loads(self.body)

    @property
    def data(self):
        return self.envelope["data"]

    @property
    def error(self):
        return self.envelope["error"]


@pytest.fixture
def ask(extension, http_server_client, jp_auth_header, jp_base_url):
    """Send a request to the extension as the browser does; no answer may ever hold the token."""

    # The fixture's own client sends ten requests at once and no more.
    client = SimpleAsyncHTTPClient(force_instance=True, max_clients=1000)

    async def send(method, path, body=None, *, headers=None, raw=None, auth=True):
        response = await client.fetch(
            http_server_client.get_url(f"{jp_base_url}{API}{path}"),
            method=method,
            body=raw if raw is not None else (json.dumps(body) if body is not None else None),
            headers={**(jp_auth_header if auth else {}), **(headers or {})},
            allow_nonstandard_methods=True,
            raise_error=False,
            follow_redirects=False,
            connect_timeout=120,
            request_timeout=120,
        )
        assert TOKEN.encode() not in response.body
        assert TOKEN not in str(response.headers)
        assert b"Traceback" not in response.body
        return Reply(response.code, response.headers, response.body)

    yield send
    client.close()


@pytest.fixture
def open_lesson(ask):
    async def send(*, update=False, lesson=LESSON):
        return await ask("POST", f"/courses/{COURSE}/lessons/{lesson}/open", {"update": update})

    return send


@pytest.fixture
def submit(ask):
    """Press Submit."""

    async def send(key=None, path=f"{COURSE}/{LESSON}/values-and-names.ipynb", lesson=LESSON):
        return await ask(
            "POST",
            f"/courses/{COURSE}/lessons/{lesson}/submissions",
            {"idempotency_key": key or str(uuid.uuid4()), "path": path},
        )

    return send


@pytest.fixture
def folder(jp_root_dir):
    return jp_root_dir / COURSE / LESSON


@pytest.fixture
def outbox_files(jp_root_dir):
    def listing():
        outbox = jp_root_dir / ".studyhall" / "outbox"
        return sorted(file.name for file in outbox.iterdir()) if outbox.is_dir() else []

    return listing


@pytest.fixture
def solved(folder, make_notebook):
    """The learner's solved notebook, on disk without ever having been fetched."""
    folder.mkdir(parents=True)
    file = folder / "values-and-names.ipynb"
    file.write_text(make_notebook("answer = 42", release=3))
    return file


@pytest.fixture
def key():
    return str(uuid.uuid4())


@pytest.fixture
def outbox_events(extension):
    """Waits for an event of the outbox."""
    with extension.sender.events.subscribed() as queue:

        async def next_event():
            frame = await asyncio.wait_for(queue.get(), 60)
            name, data = frame.decode().strip().split("\n")
            assert name == "event: outbox.updated"
            return json.loads(data.removeprefix("data: "))

        yield next_event
