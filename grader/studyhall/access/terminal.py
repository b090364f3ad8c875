"""`studyhall login` and `studyhall logout`: the terminal's side. Standard library only, for a grader's laptop."""

import hashlib
import json
import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from studyhall.access.tokens_file import KeptToken, read_tokens, write_tokens

TIMEOUT_SECONDS = 15


class AccessError(Exception):
    """The terminal is not signed in; the message says why and what to do."""


class ServiceAway(AccessError):
    """The service did not answer, or says that it can't just now; the same question may be asked again."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would show the token to whoever it leads to."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""
        return


_OPENER = urllib.request.build_opener(_NoRedirects)


def service_address(url: str) -> str:
    """Return the service's address without a slash at its end.

    Raises:
        AccessError: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise AccessError(
            "Give the service's address with --service or STUDYHALL_URL. It looks like "
            "https://hub.example/services/studyhall."
        )
    return url.rstrip("/")


def login(
    url: str, course: str, hours: int, *, gradebook: bool, file: Path, say: Callable[[str], None]
) -> KeptToken:
    """Wait until a person approves this terminal in their browser, and keep the token.

    A service that is away for a while ends nothing: it is asked until the code has expired.

    Raises:
        AccessError: nobody did in time, somebody refused, or the service can't be asked.
        TokensFileError: the token can't be kept; it is ended again.
    """
    service = service_address(url)
    secret = secrets.token_hex(32)
    device = hashlib.sha256(secret.encode()).hexdigest()
    asked = _post(
        service + "/access/requests",
        {"course": course, "hours": hours, "device": device, "gradebook": gradebook},
    )
    minutes = max(1, int(asked["expires_in"]) // 60)
    # A server for staff calls the service at an inner address, which no browser reaches.
    public = os.environ.get("STUDYHALL_PUBLIC_URL", service).rstrip("/")
    say(f"Open {public}/access in your browser, sign in there, and type this code within {minutes} minutes:")
    say(f"\n    {asked['code']}\n")
    until = time.monotonic() + int(asked["expires_in"])
    away: ServiceAway | None = None
    while time.monotonic() < until:
        try:
            answer = _post(service + "/access/requests/claim", {"code": asked["code"], "secret": secret})
        except ServiceAway as trouble:
            away = trouble
            time.sleep(float(asked["interval"]))
            continue
        away = None
        if answer["state"] == "refused":
            raise AccessError("It was refused in the browser. Nothing was made.")
        if answer["state"] == "approved":
            return _keep(service, answer, file)
        time.sleep(float(asked["interval"]))
    if away is not None:
        raise away
    raise AccessError("Nobody approved this terminal in time. Run studyhall login again.")


def _keep(service: str, answer: dict[str, Any], file: Path) -> KeptToken:
    fresh = KeptToken(
        service=service,
        course=str(answer["course"]),
        token=str(answer["token"]),
        token_id=str(answer["token_id"]),
        username=str(answer["username"]),
        role=str(answer["role"]),
        expires_at=str(answer["expires_at"]),
        gradebook_login=str(answer.get("gradebook_login", "")),
        gradebook=str(answer.get("gradebook", "")),
    )
    others = [
        row for row in read_tokens(file) if (row["service"], row["course"]) != (service, fresh["course"])
    ]
    write_tokens(file, [*others, fresh])
    return fresh


def keep_pasted(url: str, course: str, hours: int, token: str, *, file: Path) -> KeptToken:
    """Keep a token that was made on the hub's own page, when it is one of the course's staff.

    Raises:
        AccessError: it is not, or the service can't be asked.
    """
    service = service_address(url)
    me = _ask(
        urllib.request.Request(  # noqa: S310 - the address was checked
            f"{service}/api/v1/me", headers={"Authorization": f"token {token}"}
        )
    )
    role = str(me["roles"].get(course, ""))
    if role not in {"grader", "instructor"} or "staff:courses:read" not in me["permissions"]:
        raise AccessError(
            f"This token is not one of {course}'s staff. On the hub's token page give it the scopes "
            f"custom:studyhall:grade!group=course:{course}:graders and access:services!service=studyhall (instructors: "
            f"custom:studyhall:teach and custom:studyhall:grade with !group=course:{course}:instructors)."
        )
    expires = datetime.now(UTC) + timedelta(hours=hours)
    made = {
        "course": course,
        "token": token,
        "token_id": "",
        "username": me["username"],
        "role": role,
        "expires_at": expires.isoformat(),
    }
    return _keep(service, made, file)


def logout(*, file: Path, course: str | None) -> tuple[list[KeptToken], list[str]]:
    """End the tokens that are kept, of one course or all, and remove them here.

    Returns:
        What was removed, and a sentence for each that could not be ended at the hub.
    """
    kept = read_tokens(file)
    leaving = [row for row in kept if course in (None, row["course"])]
    troubles = []
    for row in leaving:
        if datetime.fromisoformat(row["expires_at"]) <= datetime.now(UTC):
            continue
        if not row["token_id"]:
            troubles.append(
                f"The token for {row['course']} was made by hand; end it on the hub's token page, too."
            )
            continue
        try:
            _post(
                row["service"] + "/access/logout",
                {"token_id": row["token_id"], "gradebook_login": row["gradebook_login"]},
                token=row["token"],
            )
        except AccessError as error:
            troubles.append(
                f"The token for {row['course']} could not be ended at the hub ({error}) It ends by itself at "
                f"{row['expires_at'][:16].replace('T', ' ')} UTC, or on the hub's token page."
            )
    write_tokens(file, [row for row in kept if row not in leaving])
    return leaving, troubles


def _post(address: str, body: dict[str, Any], *, token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"token {token}"
    return _ask(
        urllib.request.Request(  # noqa: S310 - the address was checked
            address, data=json.dumps(body).encode(), method="POST", headers=headers
        )
    )


def _ask(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
            return data
    except urllib.error.HTTPError as error:
        try:
            message = str(json.load(error)["error"]["message"])
        except (ValueError, KeyError, TypeError, OSError):
            message = f"The service answered with {error.code}. Check its address: it ends with /services/studyhall."
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ServiceAway(message) from error
        raise AccessError(message) from error
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        host = urlsplit(request.full_url).netloc
        raise ServiceAway(
            f"Studyhall does not answer at {host}. Check the address and the network, and try again in a minute."
        ) from error
