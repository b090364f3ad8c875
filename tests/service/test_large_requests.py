"""Large requests: whose body is read, and how much at a time."""

import asyncio
import json

import pytest
import pytest_asyncio
from studyhall.web.client_address import networks
from studyhall.web.large_requests import LARGE, ROOM, SHARE, BoundedServer, Room
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

KIB = 1024


class Sizes(RequestHandler):
    def post(self):
        self.finish(str(len(self.request.body)))


@pytest_asyncio.fixture
async def server():
    running = BoundedServer(
        Application([("/", Sizes)]), trusted=networks("127.0.0.1"), max_body_size=2 * SHARE
    )
    socket, port = bind_unused_port()
    running.add_socket(socket)
    yield port
    running.stop()
    await running.close_all_connections()


async def begin(port, length, **headers):
    """Send a request's head and a little of its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = {
        "Host": "x",
        "Content-Length": str(length),
        **{name.replace("_", "-"): it for name, it in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    writer.write(f"POST / HTTP/1.1\r\n{head}\r\n".encode() + bytes(KIB))
    await writer.drain()
    return reader, writer


async def status(reader):
    return int((await reader.readline()).split()[1])


@pytest.mark.asyncio
async def test_nobody_sends_much_without_saying_who_they_are(server):
    reader, writer = await begin(server, LARGE + 1)
    assert await status(reader) == 401
    writer.close()
    reader, writer = await begin(server, LARGE)
    writer.write(bytes(LARGE - KIB))
    assert await status(reader) == 200
    writer.close()


@pytest.mark.asyncio
async def test_one_address_has_a_share_and_gets_it_back(server):
    who = {"Authorization": "token x", "X_Forwarded_For": "10.77.0.200"}
    held = [await begin(server, SHARE // 2, **who) for _ in range(2)]
    reader, writer = await begin(server, LARGE + 1, **who)
    assert await status(reader) == 429
    said = await reader.read()
    assert b"Retry-After: 5" in said
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_many_requests"
    writer.close()
    # Somebody else is not held up.
    reader, writer = await begin(server, LARGE + 1, Authorization="token y", X_Forwarded_For="10.77.0.201")
    writer.write(bytes(LARGE + 1 - KIB))
    assert await status(reader) == 200
    writer.close()
    for _, one in held:
        one.close()
    while True:
        reader, writer = await begin(server, LARGE + 1, **who)
        writer.write(bytes(LARGE + 1 - KIB))
        got = await status(reader)
        writer.close()
        if got == 200:
            break
        assert got == 429


def test_all_share_one_room():
    room = Room()
    assert room.enter("10.0.0.1", SHARE)
    assert not room.enter("10.0.0.1", 1)
    assert room.enter("10.0.0.2", SHARE)
    assert not room.enter("10.0.0.3", SHARE)
    room.leave("10.0.0.2", SHARE)
    assert room.enter("127.0.0.1", ROOM - SHARE), "as which proxies come"
