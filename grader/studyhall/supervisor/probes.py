"""How the supervisor sees that a part is ready: it asks the part itself."""

import asyncio
import http.client
from pathlib import Path
from urllib.parse import urlsplit

from studyhall_judge.client import Judge, JudgeError

SECONDS = 2.0
JUDGE_SECONDS = 0.3
"""A judge that is warming up takes connections already but answers none; nothing else waits for longer than this."""


def http_status(url: str, *, method: str = "GET", token: str = "", seconds: float = SECONDS) -> int | None:
    """Return the status with which `url` answers, or None when nothing answers within `seconds`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    headers = {"Authorization": f"token {token}"} if token else {}
    try:
        connection.request(method, parts.path or "/", headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def answers(url: str, *, token: str = "", seconds: float = SECONDS) -> bool:
    """Return whether `url` answers with success within `seconds`."""
    return http_status(url, token=token, seconds=seconds) in range(200, 300)


def judge_answers(socket: Path) -> bool:
    """Return whether the judge on the unix socket `socket` has warmed up and answers."""

    async def ask() -> None:
        await asyncio.wait_for(Judge(socket).status(), JUDGE_SECONDS)

    try:
        asyncio.run(ask())
    except (JudgeError, TimeoutError, OSError):
        return False
    return True
