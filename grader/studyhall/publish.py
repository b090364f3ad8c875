"""Publishing from the command line: an instructor's laptop goes through the staff door, an operator may go straight."""

import asyncio
import base64
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from studyhall_notebooks.course import load_course
from studyhall_notebooks.errors import CourseError

TIMEOUT_SECONDS = 120
SKIPPED = {".git", ".ipynb_checkpoints", "__pycache__", "submitted", "autograded", "feedback", "release"}
"""Folders of a course root that are never sent: other people's work, and what is made from the source."""


class PublishError(Exception):
    """The course was not published; the message says why and what to do."""


def publish_over_http(path: Path, *, url: str, token: str) -> dict[str, Any]:
    """Publish a course folder through the service, as the person whose token it is.

    Raises:
        PublishError: the folder can't be read, or the service refuses it or can't be reached.
    """
    if not url:
        raise PublishError(
            "STUDYHALL_URL is not set. Give it the service's address, such as https://hub.example/services/studyhall."
        )
    if not url.startswith(("https://", "http://")):
        raise PublishError(f"STUDYHALL_URL is {url}, which lacks its beginning: https:// or http://.")
    bundle = _load(path)
    body = json.dumps({"files": _files(path)}).encode()
    request = urllib.request.Request(  # noqa: S310 - the address is the person's own setting
        f"{url.rstrip('/')}/api/v1/staff/courses/{bundle.course.slug}/releases",
        data=body,
        method="POST",
        headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
            data: dict[str, Any] = json.load(answer)["data"]
            return data
    except urllib.error.HTTPError as error:
        try:
            refused = json.load(error)["error"]
            message = _refusal(refused, bundle.course.slug)
        except (ValueError, KeyError, TypeError):
            message = f"The service answered {error.code}. Check STUDYHALL_URL."
        raise PublishError(message) from error
    except OSError as error:
        raise PublishError(
            f"The service can't be reached at {url}. Check STUDYHALL_URL and your network."
        ) from error


def _refusal(error: dict[str, Any], course: str) -> str:
    """Return why the service refused; to an author at a terminal, the way out from there."""
    if error["code"] == "not_signed_in":
        return (
            "STUDYHALL_TOKEN is not accepted: it is mistyped, has run out or was taken back. Make a new one on the "
            "hub's token page and set it again."
        )
    if error["code"] == "not_enrolled":
        return (
            f"You do not teach a course “{course}” here. Is that the slug in course.yaml? A course that is not "
            "here yet is published by an operator the first time, without STUDYHALL_TOKEN. They make "
            "you its instructor. To try it out on your own machine, start Studyhall with --course and the folder."
        )
    return str(error["message"])


def publish_as_operator(path: Path) -> dict[str, Any]:
    """Publish a course folder straight into the database of STUDYHALL_DATABASE_URL, for STUDYHALL_COHORT.

    Raises:
        PublishError: the folder can't be read or released, or the database can't be reached.
    """
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415 - a laptop that only uses HTTP has no database driver

    from studyhall.app import RELEASE_WRITERS, open_context  # noqa: PLC0415 - as above
    from studyhall.audit.service import operator  # noqa: PLC0415 - as above
    from studyhall.courses import publishing  # noqa: PLC0415 - as above
    from studyhall.errors import ConfigurationError, StudyhallError  # noqa: PLC0415 - as above
    from studyhall.organizations.service import cohort_by_id  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    bundle = _load(path)
    settings = Settings()
    if not settings.database_url.get_secret_value():
        raise PublishError(
            "Neither STUDYHALL_TOKEN nor STUDYHALL_DATABASE_URL is set. As an instructor, make a token on the hub's "
            "token page and set STUDYHALL_TOKEN and STUDYHALL_URL; as an operator, set STUDYHALL_DATABASE_URL."
        )

    async def run() -> dict[str, Any]:
        async with open_context(settings) as context, context.database.session(context.cohort_id) as session:
            cohort = await cohort_by_id(session, context.cohort_id)
            _, published = await publishing.publish(
                session,
                bundle,
                organization_id=cohort.organization_id,
                published_by="operator",
                cipher=context.cipher,
                outbox=context.outbox,
                writers=RELEASE_WRITERS,
            )
            publishing.write_down(session, published, actor=operator(), now=context.clock())
            return published.model_dump(mode="json")

    try:
        return asyncio.run(run())
    except OperationalError as error:
        raise PublishError("The database can't be reached. Check STUDYHALL_DATABASE_URL.") from error
    except (ConfigurationError, StudyhallError) as error:
        raise PublishError(str(error)) from error


def state_of(published: dict[str, Any]) -> str:
    """Return what a publication did, in words: the same content is one release, also when it is gone back to."""
    former = published["former_release"]
    return {
        "published": "published",
        "returned": f"published before; the course is back at it from release {former}, and grades follow it",
        "taken_over": "which another cohort has; this one has it now, too",
        "unchanged": "unchanged since it was published",
    }[published["outcome"]]


def change_of(lesson: dict[str, Any]) -> str:
    """Return what a publication did to a lesson, in words."""
    return "dates or rules" if lesson["change"] == "settings" else str(lesson["change"])


def _load(path: Path) -> Any:
    try:
        return load_course(path)
    except CourseError as error:
        raise PublishError(error.message) from error


def _files(path: Path) -> list[dict[str, str]]:
    files = []
    for file in sorted(path.rglob("*")):
        relative = file.relative_to(path)
        if (
            not file.is_file()
            or SKIPPED & set(relative.parts)
            or any(part.startswith(".") for part in relative.parts)
        ):
            continue
        files.append({"path": relative.as_posix(), "content": base64.b64encode(file.read_bytes()).decode()})
    return files
