"""Stands between a hub and the engine: answers on a socket of the hub's what the policy lets through."""

import http.client
import json
import logging
import os
import socket
import socketserver
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from studyhall_hub.engine_door.policy import Call, Refused, Rules, checked_question, decide, is_own_container

LARGEST = 1024 * 1024
"""Bytes of what a hub asks; the description of a server has some thousands."""
LONGEST_QUESTION = 1000
PATIENCE = 120.0
"""Seconds. A server that does not end by itself is ended after ten; a slow disk takes its time."""

STORE_PATIENCE = 270.0
"""Seconds. A whole class waits in a row for its home folders; less than the hub waits, so that it hears what it was."""

log = logging.getLogger(__name__)


class _Engine(http.client.HTTPConnection):
    """A connection to the engine, for one request."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(
    engine: str, method: str, path: str, query: Mapping[str, str], body: bytes | None
) -> tuple[int, bytes]:
    """Ask the engine, on a connection of its own; return the status and what it said.

    Raises:
        OSError: it does not answer.
        http.client.HTTPException: what answers is no engine.
    """
    connection = _Engine(engine)
    try:
        words = f"?{urlencode(query)}" if query else ""
        connection.request(
            method, path + words, body, {} if body is None else {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class _Server(socketserver.ThreadingUnixStreamServer):
    """A socket that its user and its group may use."""

    daemon_threads = True
    # A whole class asks at once. Who finds the queue full is not made to wait but turned away.
    request_queue_size = 4096

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver names both
        """Say in a line that somebody went away before the answer."""
        log.info("a connection was broken off: %s", sys.exception())

    def __init__(self, path: Path, handler: type[socketserver.BaseRequestHandler]) -> None:
        path.unlink(missing_ok=True)
        before = os.umask(0o117)
        try:
            super().__init__(str(path), handler)
        finally:
            os.umask(before)


class EngineDoor(_Server):
    """What a hub takes for the engine."""

    def __init__(self, path: Path, *, engine: str, rules: Rules) -> None:
        self.engine = engine
        self.rules = rules
        super().__init__(path, _Request)

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Return the status of what was asked, and a body of JSON."""
        try:
            call = decide(self.rules, method, target, body)
            return ask(self.engine, call.method, self._place(call), call.query, call.body)
        except Refused as refused:
            log.warning("refused %s %.200s: %s", method, target.partition("?")[0], refused)
            return 403, _message(f"{refused} The engine was not asked.")
        except _NoSuchContainer:
            return 404, _message("No such container: this cohort has none of that name.")
        except (_NoAnswer, OSError, http.client.HTTPException) as problem:
            log.error("the engine does not answer: %s", problem)  # noqa: TRY400 - it says all there is
            return 502, _message("Docker does not answer.")

    def _place(self, call: Call) -> str:
        """Return the path for a call. A container is looked up first: what counts is who has that name or id now."""
        if not call.container:
            return call.path
        version = call.path.split("/")[1]
        status, said = ask(self.engine, "GET", f"/{version}/containers/{call.container}/json", {}, None)
        if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            # An engine that fails has not said that there is none: the hub would give up a server that runs.
            raise _NoAnswer(f"it says {status} about a container")
        if status != http.HTTPStatus.OK:
            raise _NoSuchContainer
        try:
            return call.path.format(is_own_container(self.rules, json.loads(said)))
        except Refused as foreign:
            # As for one that does not exist: what others have on this host is nothing that a hub may find out.
            log.warning("refused %s of %.200s: %s", call.method, call.container, foreign)
            raise _NoSuchContainer from foreign


class _NoSuchContainer(Exception):
    """There is none, or it is somebody else's."""


class _NoAnswer(Exception):
    """The engine failed when it was asked."""


def _message(text: str) -> bytes:
    return json.dumps({"message": text}).encode()


class _Request(BaseHTTPRequestHandler):
    """One request of the hub's, or several over one connection."""

    protocol_version = "HTTP/1.1"
    server: EngineDoor

    def _do(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST:
            # What follows can't be told from another request.
            self.close_connection = True
            self._say(413, _message("A hub's request has a length, and is short."))
            return
        self._say(*self.server.answer(self.command, self.path, self.rfile.read(int(length))))

    do_GET = do_POST = do_DELETE = _do  # noqa: N815 - names that http.server looks for

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        has_body = status not in (204, 304)
        if has_body:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server has for it
        """Say nothing of what is let through: the engine and the hub have logs of their own."""


class StoreDoor(_Server):
    """What a hub takes for docker/volume-store."""

    def __init__(self, path: Path, *, store: str, rules: Rules) -> None:
        self.store = store
        self.rules = rules
        super().__init__(path, _Question)


class _Question(socketserver.StreamRequestHandler):
    """One connection, one question."""

    timeout = 10
    server: StoreDoor

    def handle(self) -> None:
        try:
            question = checked_question(self.server.rules, self.rfile.readline(LONGEST_QUESTION))
            with socket.socket(socket.AF_UNIX) as store:
                store.settimeout(STORE_PATIENCE)
                store.connect(self.server.store)
                store.sendall(question)
                with store.makefile("rb") as said:
                    answer = said.readline(LONGEST_QUESTION)
        except Refused as refused:
            log.warning("refused a home folder: %s", refused)
            answer = json.dumps({"error": str(refused)}).encode() + b"\n"
        except OSError as problem:
            sentence = f"docker/volume-store does not answer ({problem.strerror or problem})."
            answer = json.dumps({"error": sentence}).encode() + b"\n"
        self.wfile.write(answer)
