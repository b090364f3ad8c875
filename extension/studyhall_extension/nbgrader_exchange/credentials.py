"""Where the service is and which token to show it: of the environment, or of `studyhall login`."""

import json
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

NO_STAFF = (
    "This needs a staff token for the course {course}. Get one with: studyhall login --service URL --course {course} "
    "(or set STUDYHALL_TOKEN)."
)
NO_LEARNER = (
    "This terminal is not signed in. Run the command in your notebook server's terminal, or sign in with: "
    "studyhall login --service URL --course {course}"
)
NO_ADDRESS = (
    "Where is Studyhall? Set STUDYHALL_URL to the service's address, such as "
    "https://hub.example/services/studyhall, or sign in with: studyhall login --service URL --course {course}"
)


class NotSignedIn(Exception):
    """There is no token or no address; the message says how to get one."""


def tokens_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file that `studyhall login` writes, in the person's configuration folder."""
    folder = environment.get("XDG_CONFIG_HOME") or environment.get("APPDATA")
    return (Path(folder) if folder else Path.home() / ".config") / "studyhall" / "tokens.json"


def kept_tokens(file: Path, *, now: datetime) -> list[dict[str, Any]]:
    """Return the tokens of `studyhall login` that have not expired.

    Raises:
        NotSignedIn: others may read the file.
    """
    try:
        if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise NotSignedIn(f"Others may read the tokens in {file}. Forbid it with: chmod 600 {file}")
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    rows = document.get("tokens") if isinstance(document, dict) else None
    return [row for row in rows or [] if isinstance(row, dict) and _is_valid(row, now)]


def _is_valid(row: Mapping[str, Any], now: datetime) -> bool:
    try:
        return all(isinstance(row[name], str) for name in ("service", "course", "token")) and (
            datetime.fromisoformat(row["expires_at"]) > now
        )
    except (KeyError, TypeError, ValueError):
        return False


class Credentials:
    """Address and token for each verb. Nothing is kept: each question reads environment and file anew."""

    def __init__(self, url: str = "", environment: Mapping[str, str] = os.environ) -> None:
        """Take an address that the configuration names, which goes before the environment's."""
        self._environment = environment
        # The inner address of a notebook server goes last: there the terminal may be a grader's, with its own.
        self._url = url or environment.get("STUDYHALL_URL") or environment.get("STUDYHALL_SERVICE_URL") or ""

    def staff(self, course: str) -> tuple[str, str] | None:
        """Return address and token with staff power in a course, or None."""
        token = self._environment.get("STUDYHALL_TOKEN")
        if token:
            return self._address(course), token
        rows = [
            row
            for row in kept_tokens(tokens_file(self._environment), now=datetime.now(UTC))
            if row["course"] == course and (not self._url or row["service"] == self._url.rstrip("/"))
        ]
        return (checked(rows[-1]["service"]), str(rows[-1]["token"])) if rows else None

    def gradebook(self, course: str) -> str:
        """Return the address of a course's nbgrader gradebook that `studyhall login` got; empty without one."""
        rows = kept_tokens(tokens_file(self._environment), now=datetime.now(UTC))
        found = [str(row.get("gradebook") or "") for row in rows if row["course"] == course]
        return found[-1] if found else ""

    def staff_courses(self) -> list[str]:
        """Return the courses that `studyhall login` has a token for."""
        rows = kept_tokens(tokens_file(self._environment), now=datetime.now(UTC))
        return sorted({str(row["course"]) for row in rows})

    def learner(self, course: str) -> tuple[str, str] | None:
        """Return address and token for what every person may do: the server's own token, else a staff one."""
        token = self._environment.get("JUPYTERHUB_API_TOKEN")
        if token:
            return self._address(course), token
        return self.staff(course)

    def _address(self, course: str) -> str:
        if not self._url:
            services = {
                row["service"] for row in kept_tokens(tokens_file(self._environment), now=datetime.now(UTC))
            }
            if len(services) != 1:
                raise NotSignedIn(NO_ADDRESS.format(course=course or "COURSE"))
            return checked(services.pop())
        return checked(self._url)


def checked(url: str) -> str:
    """Return an address that a token may be sent to.

    Raises:
        NotSignedIn: it is no http or https address, or holds more than host and path.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise NotSignedIn(
            f"{url!r} is not the address of a service. It looks like https://hub.example/services/studyhall."
        )
    return url.rstrip("/")
