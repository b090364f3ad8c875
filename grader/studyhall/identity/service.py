"""Rules of identity: the hub says who somebody is, this cohort remembers them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from studyhall.clock import Clock
from studyhall.db.session import at_commit, cohort_of
from studyhall.db.together import table_of
from studyhall.events.models import EventType
from studyhall.events.outbox import Outbox
from studyhall.identity.models import User

SEEN_EVERY = timedelta(minutes=5)
"""How fresh ``last_seen_at`` is kept; more often would be a write on every read."""
MANY = 1000
"""Users that one statement makes or reads."""


async def remember_user(
    session: AsyncSession, hub_model: Mapping[str, Any], *, outbox: Outbox, clock: Clock
) -> User:
    """Return the user of this cohort for the hub's model of a person, made at the first sign-in."""
    username = str(hub_model["name"])
    user = await session.scalar(
        select(User).where(User.cohort_id == cohort_of(session), User.hub_username == username)
    )
    if user is None:
        user = await ensure_user(session, username=username, outbox=outbox)
    now = clock()
    if user.last_seen_at is None or now - user.last_seen_at > SEEN_EVERY:
        _note_seen(session, user, now)
    if user.next_timezone and user.next_timezone_from and user.next_timezone_from <= now:
        user.previous_timezone, user.timezone_since = user.timezone, user.next_timezone_from
        user.timezone = user.next_timezone
        user.next_timezone = user.next_timezone_from = None
    return user


def _note_seen(session: AsyncSession, user: User, now: datetime) -> None:
    """Note at the commit when somebody was here, unless their row is in somebody else's hands; the next request does.

    Written at once it would lock one's own row before everything else that a request does: two owners who change each
    other would wait for each other.
    """
    mine = select(User.id).where(User.id == user.id).with_for_update(key_share=True, skip_locked=True)
    noted = update(table_of(User)).where(User.id.in_(mine)).values(last_seen_at=now)
    at_commit(session, lambda: [noted])
    set_committed_value(user, "last_seen_at", now)


async def ensure_user(session: AsyncSession, *, username: str, outbox: Outbox | None = None) -> User:
    """Return the user of that hub name, made when there is none yet; two at once make one."""
    made = await session.scalar(
        insert(User)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            hub_username=username,
            display_name=_readable(username),
        )
        .on_conflict_do_nothing(index_elements=["cohort_id", "hub_username"])
        .returning(User.id)
    )
    user = (
        await session.scalars(
            select(User).where(User.cohort_id == cohort_of(session), User.hub_username == username)
        )
    ).one()
    if made is not None and outbox is not None:
        await outbox.emit(
            session,
            EventType.USER_CREATED,
            user_id=user.id,
            data={"username": username, "name": user.display_name},
        )
    return user


async def ensure_users(session: AsyncSession, usernames: Sequence[str]) -> dict[str, User]:
    """Return the users of these hub names by name; those that there are not yet are made, a few statements for all."""
    rows = [
        {
            "id": uuid.uuid4(),
            "cohort_id": cohort_of(session),
            "hub_username": name,
            "display_name": _readable(name),
        }
        for name in sorted(set(usernames))  # in one order, or two at once would wait for each other
    ]
    for start in range(0, len(rows), MANY):
        await session.execute(
            insert(User)
            .values(rows[start : start + MANY])
            .on_conflict_do_nothing(index_elements=["cohort_id", "hub_username"])
        )
    found: dict[str, User] = {}
    for start in range(0, len(rows), MANY):
        names = [row["hub_username"] for row in rows[start : start + MANY]]
        found |= {
            user.hub_username: user
            for user in await session.scalars(select(User).where(User.hub_username.in_(names)))
        }
    return found


def _readable(username: str) -> str:
    return username.replace(".", " ").replace("_", " ").replace("-", " ").strip().title() or username


async def user_by_id(session: AsyncSession, user_id: uuid.UUID) -> User:
    """Return a user that is known to exist in this cohort."""
    return (await session.scalars(select(User).where(User.id == user_id))).one()


async def users_by_id(session: AsyncSession, user_ids: set[uuid.UUID]) -> dict[uuid.UUID, User]:
    """Return users of this cohort by id; unknown ids are left out."""
    rows = await session.scalars(select(User).where(User.id.in_(user_ids)))
    return {user.id: user for user in rows}


async def user_named(session: AsyncSession, username: str) -> User | None:
    """Return the user of this cohort with exactly that hub name."""
    return await session.scalar(select(User).where(User.hub_username == username))


async def user_ids_by_name(session: AsyncSession, name: str) -> list[uuid.UUID]:
    """Return the ids of the users whose hub name or display name holds the text, in any letter case."""
    pattern = "%" + name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = await session.scalars(
        select(User.id).where(User.hub_username.ilike(pattern) | User.display_name.ilike(pattern)).limit(1000)
    )
    return list(rows)


class ZonedUser(Protocol):
    """What is known of a user's zones; a :class:`User`, or a row with these columns of one."""

    timezone: Any
    next_timezone: Any
    next_timezone_from: Any
    previous_timezone: Any
    timezone_since: Any


def zone_of(user: ZonedUser, cohort_timezone: str) -> ZoneInfo:
    """Return the zone in which the user's days begin and end."""
    return ZoneInfo(user.timezone or cohort_timezone)


def zone_at(user: ZonedUser, cohort_timezone: str, moment: datetime) -> ZoneInfo:
    """Return the zone that the user's day of a moment is counted in, before or after their latest change of zone."""
    if user.next_timezone and user.next_timezone_from and moment >= user.next_timezone_from:
        return ZoneInfo(user.next_timezone)
    if user.timezone_since and moment < user.timezone_since:
        return ZoneInfo(user.previous_timezone or cohort_timezone)
    return zone_of(user, cohort_timezone)


async def name_is_taken(session: AsyncSession, name: str, *, but_by: uuid.UUID) -> bool:
    """Say whether somebody else of this cohort has that hub name or display name, in any letter case."""
    lowered = func.lower(name)
    taken = await session.scalar(
        select(User.id)
        .where(
            User.id != but_by,
            or_(func.lower(User.hub_username) == lowered, func.lower(User.display_name) == lowered),
        )
        .limit(1)
    )
    return taken is not None


async def change_timezone(
    session: AsyncSession, user_id: uuid.UUID, timezone: str, *, cohort_timezone: str, now: datetime
) -> User:
    """Choose another zone for one's days; it counts from the beginning of the learner's next day."""
    user = await user_by_id(session, user_id)
    local = now.astimezone(zone_of(user, cohort_timezone))
    tomorrow = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if timezone == user.timezone:
        user.next_timezone = user.next_timezone_from = None
    else:
        user.next_timezone = timezone
        user.next_timezone_from = tomorrow
    return user
