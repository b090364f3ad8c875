"""Pure rules of organisations and cohorts: names, days, and when a cohort takes no more submissions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

LONGEST_SLUG = 63
"""A slug may become a part of a host's name, which may not be longer."""
LONGEST_NAME = 200

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")

SAFE = "Your notebooks, submissions and results stay. Ask your instructor if you still have to hand something in."


class Plan(StrEnum):
    """What a cohort's organisation has agreed on."""

    FREE = "free"
    BASIC = "basic"
    PREMIUM = "premium"
    ORGANIZATION = "organization"


@dataclass(frozen=True)
class Limits:
    """What a plan allows."""

    members: int | None
    """People in the cohort; None for as many as there are."""
    memory_mebibytes: int
    """Memory of one learner's server; so are processors, processes and disk."""
    processors: float
    processes: int
    disk_mebibytes: int


LIMITS: Mapping[Plan, Limits] = {
    Plan.FREE: Limits(members=25, memory_mebibytes=768, processors=0.5, processes=192, disk_mebibytes=1024),
    Plan.BASIC: Limits(
        members=100, memory_mebibytes=1024, processors=1.0, processes=256, disk_mebibytes=2048
    ),
    Plan.PREMIUM: Limits(
        members=500, memory_mebibytes=2048, processors=2.0, processes=512, disk_mebibytes=10240
    ),
    Plan.ORGANIZATION: Limits(
        members=None, memory_mebibytes=2048, processors=2.0, processes=512, disk_mebibytes=20480
    ),
}
"""What each plan allows. The hub's settings carry the numbers of a learner's server (`studyhall cohort show`)."""


def has_room(plan: Plan, members: int, *, more: int = 1) -> bool:
    """Say whether a plan allows that many more members than there are."""
    most = LIMITS[plan].members
    return most is None or members + more <= most


class CohortState(StrEnum):
    """What a cohort is at a moment."""

    UPCOMING = "upcoming"
    OPEN = "open"
    ENDED = "ended"
    CLOSED = "closed"


def is_slug(text: str) -> bool:
    """Say whether a text may name an organisation or a cohort in addresses, host names and settings."""
    return len(text) <= LONGEST_SLUG and _SLUG.fullmatch(text) is not None


def zone_named(name: str) -> ZoneInfo | None:
    """Return the time zone of that IANA name; None when there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment at which a day begins in a zone."""
    return datetime.combine(day, time(), tzinfo=zone)


def first_day(starts_at: datetime | None, zone: ZoneInfo) -> date | None:
    """Return a cohort's first day."""
    return starts_at.astimezone(zone).date() if starts_at is not None else None


def last_day(ends_at: datetime | None, zone: ZoneInfo) -> date | None:
    """Return a cohort's last day: the one that is over at its end."""
    return (ends_at.astimezone(zone) - timedelta(microseconds=1)).date() if ends_at is not None else None


def state_of(
    *,
    closed_at: datetime | None,
    organization_closed_at: datetime | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
    now: datetime,
) -> CohortState:
    """Return what a cohort is; closed by somebody's word comes before its dates."""
    if closed_at is not None or organization_closed_at is not None:
        return CohortState.CLOSED
    if ends_at is not None and now >= ends_at:
        return CohortState.ENDED
    if starts_at is not None and now < starts_at:
        return CohortState.UPCOMING
    return CohortState.OPEN


def closed_because(
    *,
    closed_at: datetime | None,
    organization_closed_at: datetime | None,
    ends_at: datetime | None,
    zone: ZoneInfo,
    now: datetime,
) -> str | None:
    """Say to a learner why their cohort takes no more submissions; None while it does.

    A cohort that has not begun yet takes them: staff try it out before.
    """
    state = state_of(
        closed_at=closed_at,
        organization_closed_at=organization_closed_at,
        starts_at=None,
        ends_at=ends_at,
        now=now,
    )
    if state is CohortState.CLOSED:
        since = min(moment for moment in (closed_at, organization_closed_at) if moment is not None)
        return f"Your cohort was closed on {_day(since.astimezone(zone).date())} and takes no more submissions. {SAFE}"
    last = last_day(ends_at, zone)
    if state is CohortState.ENDED and last is not None:
        return f"Your cohort ended on {_day(last)} and takes no more submissions. {SAFE}"
    return None


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
