"""The service's live events reach the browser, with the outbox's own; connections end when they should."""

import asyncio
import json

import pytest
from studyhall_extension.events.handlers import EventsHandler
from studyhall_extension.events.local_events import QUEUE_LENGTH, LocalEvents
from studyhall_extension.events.service_stream import MAX_FRAME_BYTES, FrameSplitter

STATE = ("state", {"attempts_in_flight": []})
ONLINE = ("connection", {"online": True})


class Browser:
    """One Lab window: a raw connection that shows each event as it comes and can be cut."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.comments = []
        self.head = b""

    async def frame(self):
        """The next event; comments are collected."""
        async with asyncio.timeout(60):
            while True:
                size = int(await self.reader.readline(), 16)
                if size == 0:
                    return None
                chunk = await self.reader.readexactly(size + 2)
                lines = chunk[:-2].decode().strip().split("\n")
                if lines[0].startswith(":"):
                    self.comments.append(lines[0])
                    continue
                fields = dict(line.split(": ", 1) for line in lines)
                return fields["event"], json.loads(fields["data"])

    def cut(self):
        self.writer.transport.abort()


@pytest.fixture
def look(extension, http_server_client, jp_auth_header, jp_base_url, jp_asyncio_loop):
    """Open a stream as the browser does."""
    browsers = []

    async def connect(query=""):
        reader, writer = await asyncio.open_connection("127.0.0.1", http_server_client.get_http_port())
        writer.write(
            f"GET {jp_base_url}studyhall/api/v1/events{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: {jp_auth_header['Authorization']}\r\nCookie: secret=1\r\n\r\n".encode()
        )
        browser = Browser(reader, writer)
        browsers.append(browser)
        browser.head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        return browser

    yield connect

    async def disconnect():
        for browser in browsers:
            browser.cut()

    jp_asyncio_loop.run_until_complete(disconnect())


async def test_events_arrive_as_they_happen(look, classroom, jp_serverapp):
    token = jp_serverapp.identity_provider.token
    browser = await look(f"?course=python&token={token}&no_track_activity=1")
    assert b"text/event-stream" in browser.head
    assert b"no-store" in browser.head
    assert [await browser.frame(), await browser.frame()] == [ONLINE, STATE]
    [stream] = classroom.streams
    for number in range(3):
        await stream.push(f'event: submission.progress\ndata: {{"done": {number}}}\n\n'.encode())
        assert await browser.frame() == ("submission.progress", {"done": number})
    [request] = classroom.asked("GET", "/events")
    assert request.query == "course=python"
    assert request.headers["Authorization"] == "token the-learner's-own-hub-token"
    assert request.headers["Accept"] == "text/event-stream"
    assert "Cookie" not in request.headers
    assert request.headers["X-Request-ID"].encode() in browser.head


async def test_heartbeats_pass_through(look, classroom):
    browser = await look()
    await browser.frame()
    await browser.frame()
    [stream] = classroom.streams
    await stream.push(b": heartbeat\n\nevent: a\ndata: {}\n\n")
    assert await browser.frame() == ("a", {})
    assert ": heartbeat" in browser.comments


async def test_a_browser_that_goes_away_closes_the_service_stream_at_once(look, classroom, extension):
    browser = await look()
    await browser.frame()
    assert len(classroom.streams) == 1
    browser.cut()
    await classroom.until(lambda: not classroom.streams)
    assert classroom.streams_opened == 1


async def test_the_outboxs_events_are_in_the_stream(look, submit, classroom, folder, make_notebook):
    folder.mkdir(parents=True)
    (folder / "values-and-names.ipynb").write_text(make_notebook("a"))
    browsers = [await look(), await look()]
    await submit()
    for browser in browsers:
        events = [await browser.frame() for _ in range(3)]
        assert {name for name, _ in events} == {"connection", "state", "outbox.updated"}
        [data] = [data for name, data in events if name == "outbox.updated"]
        assert (data["state"], data["attempt"]["number"]) == ("sent", 1)


async def test_a_lost_service_is_said_and_found_again(look, classroom):
    browser = await look()
    assert [await browser.frame(), await browser.frame()] == [ONLINE, STATE]
    await classroom.down()
    name, data = await browser.frame()
    assert (name, data["online"]) == ("connection", False)
    name, data = await browser.frame()
    assert (name, data["online"], data["code"]) == ("connection", False, "service_unavailable")
    await classroom.up()
    event = await browser.frame()
    while event[1] != {"online": True}:
        event = await browser.frame()
    assert await browser.frame() == STATE
    assert any("trying again" in comment for comment in browser.comments)


async def test_a_half_sent_event_never_reaches_the_browser(look, classroom):
    browser = await look()
    await browser.frame()
    await browser.frame()
    [stream] = classroom.streams
    await stream.push(b'event: submission.updated\ndata: {"half": ')
    stream.drop()
    assert (await browser.frame())[1]["online"] is False
    assert [await browser.frame(), await browser.frame()] == [ONLINE, STATE]


async def test_a_refused_stream_says_why_and_tries_again(look, classroom, scripted, refused):
    body = json.dumps(refused("unauthorized", "Restart your server."))
    classroom.stream_script = [
        scripted(401, body),
        scripted(200, "<html>a page</html>"),
        scripted(503, "", {"Retry-After": "0"}),
    ]
    browser = await look()
    assert await browser.frame() == (
        "connection",
        {"online": False, "code": "unauthorized", "message": "Restart your server."},
    )
    for _ in range(2):
        name, data = await browser.frame()
        assert (name, data["online"], data["code"]) == ("connection", False, "service_unavailable")
    assert [await browser.frame(), await browser.frame()] == [ONLINE, STATE]


class TestASilentService:
    @pytest.fixture
    def extension_settings(self):
        return {"silence": 0.1}

    async def test_counts_as_lost(self, look, classroom):
        browser = await look()
        assert [await browser.frame(), await browser.frame()] == [ONLINE, STATE]
        assert await browser.frame() == ("connection", {"online": False})
        assert [await browser.frame(), await browser.frame()] == [ONLINE, STATE]
        assert classroom.streams_opened >= 2


async def test_many_windows_and_ordinary_requests_at_once(look, ask, classroom):
    """Streams hold no place among the connections for ordinary requests."""
    browsers = [await look() for _ in range(150)]
    for browser in browsers:
        assert await browser.frame() == ONLINE
    assert classroom.streams_opened == 150
    assert (await ask("GET", "/courses")).status == 200


async def test_looking_is_no_activity(look, jp_serverapp):
    before = jp_serverapp.web_app.settings.get("api_last_activity")
    browser = await look()
    await browser.frame()
    assert jp_serverapp.web_app.settings.get("api_last_activity") == before


async def test_stopping_the_server_ends_every_stream(look, extension, classroom):
    browsers = [await look() for _ in range(3)]
    for browser in browsers:
        await browser.frame()
    await extension.stop_extension()
    assert classroom.streams_opened == 3
    for browser in browsers:
        while await browser.frame():
            pass
    await classroom.until(lambda: not classroom.streams)


async def test_stopping_ends_a_stream_whose_first_bytes_are_on_their_way(look, extension, monkeypatch):
    began, gate = asyncio.Event(), asyncio.Event()
    send = EventsHandler._send

    async def send_behind_gate(self, frame):
        began.set()
        await gate.wait()
        await send(self, frame)

    monkeypatch.setattr(EventsHandler, "_send", send_behind_gate)
    looking = asyncio.ensure_future(look())
    await began.wait()
    gate.set()  # the stream goes on when this test next waits, and by then it has been told to end
    async with asyncio.timeout(60):
        await extension.stop_extension()
        assert await (await looking).frame() is None


async def test_a_server_may_stop_before_it_has_begun(jp_serverapp):
    await jp_serverapp.extension_manager.extension_points["studyhall_extension"].app.stop_extension()


class TestWithoutAClassroom:
    @pytest.fixture
    def extension_settings(self):
        return {"service_url": ""}

    async def test_the_stream_says_so(self, look):
        name, data = await (await look()).frame()
        assert (name, data["online"], data["code"]) == ("connection", False, "service_unavailable")


def split(*chunks):
    splitter = FrameSplitter()
    return [frame for chunk in chunks for frame in splitter.feed(chunk)]


@pytest.mark.parametrize(
    ("chunks", "frames"),
    [
        ([b"data: 1\n\ndata: 2\n\n"], [b"data: 1\n\n", b"data: 2\n\n"]),
        ([b"data: 1\n", b"\n"], [b"data: 1\n\n"]),
        ([b"da", b"ta: 1", b"\n\nda", b"ta: 2\n\n", b"rest"], [b"data: 1\n\n", b"data: 2\n\n"]),
        ([b"data: 1\r\n\r\n"], [b"data: 1\n\n"]),
        ([b"data: 1\r", b"\n\r", b"\n"], [b"data: 1\n\n"]),
        ([b"data: 1\r\rdata: 2", b"\r\r", b"x"], [b"data: 1\n\n", b"data: 2\n\n"]),
        ([b""], []),
    ],
)
def test_events_are_cut_where_they_end(chunks, frames):
    assert split(*chunks) == frames


def test_events_are_cut_alike_however_they_arrive():
    content = b"event: a\r\ndata: 1\r\n\r\n: heartbeat\n\ndata: \xc3\xa9\n\n"
    whole = split(content)
    assert len(whole) == 3
    for size in range(1, len(content)):
        assert split(*(content[start : start + size] for start in range(0, len(content), size))) == whole


def test_an_endless_event_is_given_up():
    with pytest.raises(ValueError, match="too large"):
        split(b"x" * (MAX_FRAME_BYTES + 1))


def test_a_window_that_does_not_read_does_not_fill_the_memory():
    events = LocalEvents()
    with events.subscribed() as queue:
        for number in range(QUEUE_LENGTH + 10):
            events.publish("outbox.updated", {"number": number})
        assert queue.qsize() == QUEUE_LENGTH
    events.publish("outbox.updated", {})
    assert queue.qsize() == QUEUE_LENGTH
