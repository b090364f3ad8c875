import os
import signal
import stat

import pytest
import redis
from studyhall.supervisor.errors import StartError
from studyhall.supervisor.valkey import EmbeddedValkey


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "valkey"


def test_it_answers_on_a_private_socket_and_nowhere_else(folder):
    with EmbeddedValkey(folder) as server, redis.Redis.from_url(server.url()) as client:
        assert client.set("a", "b")
        assert client.config_get("port") == {"port": "0"}
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    assert not server.answers()


def test_nothing_is_kept(folder):
    with EmbeddedValkey(folder) as server, redis.Redis.from_url(server.url()) as client:
        client.set("a", "b")
    with EmbeddedValkey(folder) as server, redis.Redis.from_url(server.url()) as client:
        assert client.get("a") is None
    assert not list(folder.glob("*.rdb"))


def test_it_dies_with_its_parent_and_a_stale_socket_is_no_obstacle(folder, python, until, alive):
    program = """
import pathlib, signal, sys
from studyhall.supervisor.valkey import EmbeddedValkey
print(EmbeddedValkey(pathlib.Path(sys.argv[1])).start().process.pid, flush=True)
signal.pause()
"""
    parent = python(program, folder)
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    until(lambda: not alive(pid), what="the server is gone")
    assert EmbeddedValkey(folder).socket.exists()
    with EmbeddedValkey(folder) as server:
        assert server.answers()


def test_a_server_that_ends_at_once_names_its_log(folder):
    server = EmbeddedValkey(folder)
    server.socket.mkdir(parents=True)
    server.socket.rmdir()
    server.launch()
    server.process.kill()
    with pytest.raises(StartError, match=r"valkey\.log"):
        server.wait()
    server.stop()
