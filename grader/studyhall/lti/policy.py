"""Pure rules of learning platforms: roles, names, addresses, scores, and when something is tried again."""

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from studyhall.permissions import Role
from studyhall.submissions.schemas import FinalGrade

AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LINE_ITEMS, LINE_ITEMS_READ, SCORES = f"{AGS}lineitem", f"{AGS}lineitem.readonly", f"{AGS}score"
ROSTER = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"

MOST_TRIES = 16
"""About a day and a half, with the pauses between them."""
LONGEST_PAUSE = 6 * 3600.0
INNER = frozenset({"localhost", "internal", "local", "lan", "home", "intranet"})
"""Last words of names that only an inner network knows."""
SHORTEST_STEP = timedelta(milliseconds=1)


class PassbackState(StrEnum):
    """How far a grade has come on its way to the platform."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class RosterState(StrEnum):
    """How far a platform's roster is taken over."""

    NEVER = "never"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


# ---------------------------------------------------------------- people

_MEMBERSHIP = re.compile(r"http://purl\.imsglobal\.org/vocab/lis/v2/membership(?:#|/)(\w+)(?:#(\w+))?")
_SHORT = re.compile(r"(\w+)(?:#(\w+))?")
_ASSISTANTS = frozenset(
    {
        "Grader",
        "TeachingAssistant",
        "TeachingAssistantGroup",
        "TeachingAssistantOffering",
        "TeachingAssistantSection",
        "TeachingAssistantSectionAssociation",
        "TeachingAssistantTemplate",
    }
)
RANK = {None: 0, Role.LEARNER: 1, Role.GRADER: 2, Role.INSTRUCTOR: 3}


def role_of(roles: Iterable[str]) -> Role | None:
    """Return what somebody is in a course, from the platform's words for it.

    Only what they are in that course counts: an administrator of the platform is nothing here. An assistant is a
    grader, also where the platform names them instructor in the same breath.
    """
    found: set[Role] = set()
    for word in roles:
        match = _MEMBERSHIP.fullmatch(word) or _SHORT.fullmatch(word)
        if match is None:
            continue
        principal, part = match[1], match[2]
        if principal == "Instructor":
            found.add(Role.GRADER if part in _ASSISTANTS else Role.INSTRUCTOR)
        elif principal == "Learner":
            found.add(Role.LEARNER)
    if Role.GRADER in found:
        return Role.GRADER
    return max(found, key=RANK.__getitem__, default=None)


def next_role(*, here: Role | None, before: Role | None, there: Role | None) -> Role | None:
    """Return the role in a course here after the platform has said what somebody is there.

    Args:
        here: what they are in the course now.
        before: what the platform said the last time.
        there: what it says now.

    A role that came from the platform follows it, up and down, but for nothing at all, which takes nothing away. One
    that somebody gave here stays where it is higher.
    """
    if there is None:
        return here
    if here is None or here is before:
        return there
    return max(here, there, key=RANK.__getitem__)


def name_of(issuer: str, subject: str) -> str:
    """Return the name that a platform's person has at the hub; the hub makes it in the same way."""
    digest = hashlib.sha256(f"{issuer}\n{subject}".encode()).digest()
    return "lti-" + base64.b32encode(digest).decode().lower()[:20]


# ---------------------------------------------------------------- addresses


def origin_of(url: str) -> tuple[str, str]:
    """Return scheme, and host with port, of an address.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return parts.scheme, f"{parts.hostname.lower()}:{port}"


def is_callable(url: str, *, token_url: str) -> bool:
    """Say whether an address that a platform names may be called, with a token that shows it who we are.

    It is encrypted, and no number of an inner network; but for a platform that itself is there, as tests' are.
    """
    try:
        scheme, host = origin_of(url)
        if (scheme, host) == origin_of(token_url):
            return True
        name = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if any(letter <= " " or letter == "\\" for letter in url) or scheme != "https":
        return False
    try:
        return ipaddress.ip_address(name).is_global
    except ValueError:
        # `localhost.` is `localhost`, and resolvers read `127.1` and `0x7f.1` as numbers.
        words = name.rstrip(".").lower().split(".")
        return len(words) > 1 and words[-1][:1].isalpha() and words[-1] not in INNER


def same_origin(url: str, other: str) -> bool:
    """Say whether two addresses are of one place; what is none is of no place."""
    try:
        return origin_of(url) == origin_of(other)
    except ValueError:
        return False


def scores_url(line_item: str) -> str:
    """Return where a column takes scores: below its path, before its query."""
    parts = urlsplit(line_item)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + "/scores", parts.query, ""))


def with_query(url: str, **more: str) -> str:
    """Return an address with more in its query, and what it had."""
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *more.items()])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\s\";,]+))*)")


def next_page(links: str | None, *, of: str) -> str | None:
    """Return the next page that a ``Link`` header names, or None.

    Raises:
        ValueError: it is at another place than the page itself, which would show that place our token.
    """
    for target, parameters in _LINK.findall(links or ""):
        if re.search(
            r"(?:^|;)\s*rel\s*=\s*\"?(?:[^\";]*\s)?next(?:\s[^\";]*)?\"?\s*(?:;|$)", parameters, re.IGNORECASE
        ):
            url = str(urljoin(of, target))
            if not same_origin(url, of):
                raise ValueError(url)
            return url
    return None


# ---------------------------------------------------------------- scores


def later(moment: datetime, last: datetime | None) -> datetime:
    """Return a moment, in whole milliseconds, or the first one after the last that was sent if it is not later."""
    whole = moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
    return whole if last is None or whole > last else last + SHORTEST_STEP


def score_for(
    grade: FinalGrade | None, *, subject: str, at: datetime, was_sent: bool
) -> dict[str, Any] | None:
    """Return what the platform is to be told of a learner's grade, or None for nothing.

    Args:
        grade: what the learner may see; None while they may see nothing.
        subject: the learner's number at the platform.
        at: the moment that stands in it.
        was_sent: whether the platform has heard of a score, which then is taken back.
    """
    said: dict[str, Any] = {
        "userId": subject,
        "timestamp": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z",
    }
    if grade is None or grade.max_score <= 0:
        return said | {"activityProgress": "Submitted", "gradingProgress": "Pending"} if was_sent else None
    return said | {
        "activityProgress": "Completed",
        "gradingProgress": "PendingManual" if grade.needs_grading else "FullyGraded",
        "scoreGiven": max(0.0, grade.score),
        "scoreMaximum": grade.max_score,
    }


def pause(tries: int, *, asked: float | None, chance: float) -> float:
    """Return how many seconds to wait before the next try.

    Args:
        tries: how many there were.
        asked: what the platform wants, if it says so; no more than :data:`LONGEST_PAUSE` of it is granted.
        chance: between 0 and 1, so that not all who were turned away come back together.
    """
    own = min(2.0 ** min(tries, 30), LONGEST_PAUSE) * (0.5 + chance / 2)
    return max(own, min(asked or 0.0, LONGEST_PAUSE))


def is_busy(status: int, *, rate_left: str | None) -> bool:
    """Say whether an answer means that the same may work later. Canvas says 403 where others say 429."""
    if status == 403:
        try:
            return rate_left is not None and float(rate_left) <= 0
        except ValueError:
            return False
    return status in {408, 425, 429} or status >= 500


def scopes_wanted(scopes: Sequence[str]) -> list[str]:
    """Return what is asked for to pass grades back, of what the platform allows."""
    return [scope for scope in (LINE_ITEMS, LINE_ITEMS_READ, SCORES) if scope in scopes]
