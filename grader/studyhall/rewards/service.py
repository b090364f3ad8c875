"""Rules of rewards: events become ledger rows, exactly once, and every total is derived from them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.db.session import cohort_of
from studyhall.db.together import Change, table_of, together
from studyhall.events.models import Event, EventType
from studyhall.identity.models import User
from studyhall.identity.service import ZonedUser, name_is_taken, user_by_id, users_by_id, zone_at
from studyhall.organizations.models import Cohort
from studyhall.organizations.service import cohort_by_id
from studyhall.rewards import boards, policy
from studyhall.rewards.errors import NameTaken
from studyhall.rewards.models import DailyActivity, LedgerEntry, Reason, RewardPreferences
from studyhall.rewards.schemas import (
    ActivityDay,
    Gain,
    Leaderboard,
    LeaderboardEntry,
    LeaderboardPlace,
    Preferences,
    PreferencesChange,
    RewardProfile,
    StreakOut,
    Window,
)

LISTENS_TO = frozenset(
    {
        EventType.SUBMISSION_GRADED,
        EventType.SUBMISSION_REGRADED,
        EventType.LESSON_COMPLETED,
        EventType.QUIZ_COMPLETED,
    }
)
SHOWN_DAYS = 30


@dataclass(frozen=True)
class Claim:
    """What an event is worth, before anything was paid for the same thing is taken off."""

    reason: Reason
    object: str
    shown_as: str
    attempt_id: uuid.UUID | None
    worth: int
    actions: int


@dataclass(frozen=True)
class Counted:
    """What an event changed."""

    gained: Gain | None
    level_up: bool


def claim_of(event: Event) -> Claim:
    """Return what an event is worth.

    Raises:
        ValueError: rewards do not listen to events of this type.
    """
    data = event.data
    kind = EventType(event.type)
    if kind is EventType.SUBMISSION_GRADED:
        return Claim(
            reason=Reason.LESSON_SCORE,
            object=f"lesson:{data['lesson_id']}",
            shown_as=f"{data['course']}/{data['lesson']}",
            attempt_id=uuid.UUID(data["attempt_id"]),
            worth=policy.lesson_worth(data["percent"]),
            actions=1,
        )
    if kind is EventType.SUBMISSION_REGRADED:
        return Claim(
            reason=Reason.LESSON_SCORE,
            object=f"lesson:{data['lesson_id']}",
            shown_as=f"{data['course']}/{data['lesson']}",
            # The attempt itself may have earned something before, and a ledger row is never changed.
            attempt_id=uuid.UUID(data["result_id"]),
            worth=policy.lesson_worth(data["percent"]),
            actions=0,  # the learner did nothing today
        )
    if kind is EventType.LESSON_COMPLETED:
        return Claim(
            reason=Reason.LESSON_COMPLETED,
            object=f"lesson:{data['lesson_id']}",
            shown_as=f"{data['course']}/{data['lesson']}",
            attempt_id=None,
            worth=policy.LESSON_COMPLETED_XP,
            actions=0,  # the submission that completed it is the action
        )
    if kind is EventType.QUIZ_COMPLETED:
        return Claim(
            reason=Reason.QUIZ_SCORE,
            object=f"quiz:{data['quiz_id']}",
            shown_as=f"{data['course']}/quizzes/{data['quiz']}",
            attempt_id=uuid.UUID(data["attempt_id"]),
            worth=policy.quiz_worth(data["percent"]),
            actions=1,
        )
    raise ValueError(f"Rewards do not listen to {event.type}.")


@dataclass(frozen=True)
class Standing:
    """All that an event is counted with, read at once."""

    user: ZonedUser
    cohort_timezone: str
    rewards_enabled: bool
    xp: int
    paid: int
    """XP that was paid for the same thing before."""
    actions: dict[date, int]
    earned: dict[date, int]
    """XP by day, of the days that are shown."""


async def record(
    session: AsyncSession, event: Event, user_id: uuid.UUID, *, now: datetime
) -> tuple[Counted, RewardProfile]:
    """Count an event of somebody: XP above what was paid for the same thing before, and the day as an active one.

    Counting an event again changes nothing but the number of the day's actions; the outbox delivers it once.

    Returns:
        What it changed, and what the learner has now; empty where the cohort has no rewards.
    """
    claim = claim_of(event)
    # All that is counted for one person goes one by one: a gain is new best minus old best, and two attempts that are
    # counted at the same time must not both see the old one.
    await session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(literal(f"rewards:{user_id}"), 0)))
    )
    standing = await _standing(session, user_id, claim, now=now)
    done_at = datetime.fromisoformat(str(event.data.get("submitted_at") or event.occurred_at.isoformat()))
    day = done_at.astimezone(zone_at(standing.user, standing.cohort_timezone, done_at)).date()
    amount = policy.gain(worth=claim.worth, paid=standing.paid)
    if not await _write(session, event, user_id, claim, amount=amount, done_at=done_at, day=day):
        amount = 0
    counted = Counted(
        gained=Gain(
            xp=amount,
            reason=claim.reason.value,
            object=claim.shown_as,
            # Of a completed lesson the ledger's row names none, the event does.
            attempt_id=event.data.get("attempt_id"),
        )
        if amount
        else None,
        level_up=policy.level_of(standing.xp + amount) > policy.level_of(standing.xp),
    )
    return counted, _profile(
        enabled=standing.rewards_enabled,
        xp=standing.xp + amount if standing.rewards_enabled else 0,
        today=now.astimezone(zone_at(standing.user, standing.cohort_timezone, now)).date(),
        actions=_more(standing.actions, day, claim.actions),
        earned=_more(standing.earned, day, amount),
    )


def _more(by_day: dict[date, int], day: date, amount: int) -> dict[date, int]:
    return by_day | {day: by_day.get(day, 0) + amount} if amount else by_day


async def _standing(session: AsyncSession, user_id: uuid.UUID, claim: Claim, *, now: datetime) -> Standing:
    own = LedgerEntry.user_id == user_id
    same = (own, LedgerEntry.reason == claim.reason.value, LedgerEntry.object == claim.object)
    by_day = (
        select(LedgerEntry.day, func.sum(LedgerEntry.amount).label("xp"))
        # A day more than is shown anywhere: which day it is depends on a zone that is read by this same query.
        .where(own, LedgerEntry.day > now.date() - timedelta(days=SHOWN_DAYS + 1))
        .group_by(LedgerEntry.day)
        .subquery()
    )
    active = (
        select(func.jsonb_object_agg(DailyActivity.day, DailyActivity.actions))
        .where(DailyActivity.user_id == user_id)
        .scalar_subquery()
    )
    row = (
        await session.execute(
            select(
                User.timezone,
                User.next_timezone,
                User.next_timezone_from,
                User.previous_timezone,
                User.timezone_since,
                Cohort.timezone.label("cohort_timezone"),
                Cohort.rewards_enabled,
                select(func.coalesce(func.sum(LedgerEntry.amount), 0))
                .where(own)
                .scalar_subquery()
                .label("xp"),
                select(func.coalesce(func.sum(LedgerEntry.amount), 0))
                .where(*same)
                .scalar_subquery()
                .label("paid"),
                active.label("actions"),
                select(func.jsonb_object_agg(by_day.c.day, by_day.c.xp)).scalar_subquery().label("earned"),
            )
            .join(Cohort, Cohort.id == User.cohort_id)
            .where(User.id == user_id)
        )
    ).one()
    return Standing(
        user=row,
        cohort_timezone=row.cohort_timezone,
        rewards_enabled=row.rewards_enabled,
        xp=int(row.xp),
        paid=int(row.paid),
        actions=_days(row.actions),
        earned=_days(row.earned),
    )


def _days(found: dict[str, int] | None) -> dict[date, int]:
    return {date.fromisoformat(day): int(value) for day, value in (found or {}).items()}


async def _write(
    session: AsyncSession,
    event: Event,
    user_id: uuid.UUID,
    claim: Claim,
    *,
    amount: int,
    done_at: datetime,
    day: date,
) -> bool:
    """Write the active day and the gain in one statement; say whether there is a gain that was not there before."""
    changes: list[Change] = []
    if claim.actions:
        acted = insert(table_of(DailyActivity)).values(
            id=uuid.uuid4(), cohort_id=cohort_of(session), user_id=user_id, day=day, actions=claim.actions
        )
        changes.append(
            acted.on_conflict_do_update(
                index_elements=["user_id", "day"],
                set_={"actions": DailyActivity.actions + acted.excluded.actions},
            )
        )
    if amount:
        changes.append(
            insert(table_of(LedgerEntry))
            .values(
                id=uuid.uuid4(),
                cohort_id=cohort_of(session),
                user_id=user_id,
                amount=amount,
                reason=claim.reason.value,
                object=claim.object,
                attempt_id=claim.attempt_id,
                event_id=event.id,
                occurred_at=done_at,
                day=day,
            )
            .on_conflict_do_nothing()
            .returning(LedgerEntry.id)
        )
    if not changes:
        return False
    result = await together(session, *changes)
    return bool(amount) and result.scalar_one_or_none() is not None


async def total_xp(session: AsyncSession, user_id: uuid.UUID) -> int:
    """Return all XP that somebody has earned."""
    return (await _totals(session, {user_id})).get(user_id, 0)


async def _totals(session: AsyncSession, user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    rows = await session.execute(
        select(LedgerEntry.user_id, func.sum(LedgerEntry.amount))
        .where(LedgerEntry.user_id.in_(list(user_ids)))
        .group_by(LedgerEntry.user_id)
    )
    return {user_id: int(total) for user_id, total in rows}


async def profile(session: AsyncSession, user_id: uuid.UUID, *, now: datetime) -> RewardProfile:
    """Return somebody's XP, level and streak on their own day; empty where the cohort has no rewards."""
    cohort = await cohort_by_id(session, cohort_of(session))
    user = await user_by_id(session, user_id)
    today = now.astimezone(zone_at(user, cohort.timezone, now)).date()
    if not cohort.rewards_enabled:
        return _profile(enabled=False, xp=0, today=today, actions={}, earned={})
    activity = await session.execute(
        select(DailyActivity.day, DailyActivity.actions).where(DailyActivity.user_id == user_id)
    )
    earned = await session.execute(
        select(LedgerEntry.day, func.sum(LedgerEntry.amount))
        .where(LedgerEntry.user_id == user_id, LedgerEntry.day > today - timedelta(days=SHOWN_DAYS))
        .group_by(LedgerEntry.day)
    )
    return _profile(
        enabled=True,
        xp=await total_xp(session, user_id),
        today=today,
        actions=dict(activity.all()),
        earned={day: int(amount) for day, amount in earned},
    )


def _profile(
    *, enabled: bool, xp: int, today: date, actions: dict[date, int], earned: dict[date, int]
) -> RewardProfile:
    level = policy.level_of(xp)
    streak = policy.streak(actions, today)
    days = [today - timedelta(days=back) for back in reversed(range(SHOWN_DAYS))] if enabled else []
    shown = [ActivityDay(date=day, xp=earned.get(day, 0), actions=actions.get(day, 0)) for day in days]
    return RewardProfile(
        enabled=enabled,
        xp=xp,
        level=level,
        band=policy.band_of(level),
        level_xp=policy.level_start(level),
        xp_into_level=xp - policy.level_start(level),
        xp_to_next_level=policy.level_start(level + 1) - xp,
        streak=StreakOut(
            current=streak.current,
            longest=streak.longest,
            active_today=streak.active_today,
            freezes=streak.freezes,
        ),
        today=shown[-1] if shown else ActivityDay(date=today, xp=0, actions=0),
        last_30_days=shown,
    )


async def leaderboard(
    session: AsyncSession, user_id: uuid.UUID, *, window: Window, limit: int, now: datetime
) -> Leaderboard:
    """Return the learners of the cohort with the most XP in a window, and one's own place.

    Who has opted out appears to nobody; they still see where they would be. What it costs does not depend on how many
    learners there are (:mod:`studyhall.rewards.boards`).
    """
    cohort = await cohort_by_id(session, cohort_of(session))
    if not cohort.rewards_enabled:
        return Leaderboard(enabled=False, window=window, entries=[], me=None)
    since = policy.window_start(window.value, now, ZoneInfo(cohort.timezone))
    board = await boards.current(session, since)
    shown = board.first(limit)
    names = await _shown_names(session, {place.user_id for place in shown})
    levels = await _totals(session, {place.user_id for place in shown})
    own = board.place_of(user_id)
    if own is not None:
        me: LeaderboardPlace | None = LeaderboardPlace(rank=own.rank, xp=own.xp)
    else:
        mine = select(func.sum(LedgerEntry.amount)).where(LedgerEntry.user_id == user_id)
        if since is not None:
            mine = mine.where(LedgerEntry.occurred_at >= since)
        earned = int(await session.scalar(mine) or 0)
        me = LeaderboardPlace(rank=board.rank_of(earned), xp=earned) if earned else None
    return Leaderboard(
        enabled=True,
        window=window,
        entries=[
            LeaderboardEntry(
                rank=place.rank,
                display_name=names[place.user_id],
                xp=place.xp,
                level=policy.level_of(levels.get(place.user_id, 0)),
                is_me=place.user_id == user_id,
            )
            for place in shown
            if place.user_id in names  # a board is some seconds old, and somebody may be gone since
        ],
        me=me,
    )


async def _shown_names(session: AsyncSession, user_ids: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    people = await users_by_id(session, user_ids)
    rows = await session.execute(
        select(RewardPreferences.user_id, RewardPreferences.pseudonym).where(
            RewardPreferences.user_id.in_(user_ids)
        )
    )
    chosen = dict(rows.all())
    return {user_id: chosen.get(user_id) or user.display_name for user_id, user in people.items()}


async def preferences(session: AsyncSession, user_id: uuid.UUID) -> Preferences:
    """Return how somebody appears on the leaderboard."""
    row = await session.scalar(select(RewardPreferences).where(RewardPreferences.user_id == user_id))
    if row is None:
        return Preferences(leaderboard_visible=True, pseudonym=None)
    return Preferences(leaderboard_visible=row.leaderboard_visible, pseudonym=row.pseudonym)


async def change_preferences(
    session: AsyncSession, user_id: uuid.UUID, change: PreferencesChange
) -> Preferences:
    """Change how somebody appears on the leaderboard.

    Raises:
        NameTaken: the pseudonym is the name of somebody else, or theirs.
    """
    chosen = await preferences(session, user_id)
    if change.leaderboard_visible is not None:
        chosen.leaderboard_visible = change.leaderboard_visible
    if "pseudonym" in change.model_fields_set:
        chosen.pseudonym = change.pseudonym
    key = "".join(chosen.pseudonym.casefold().split()) if chosen.pseudonym else None
    if key is not None:
        await _require_free_name(session, user_id, str(chosen.pseudonym), key)
    values = {
        "leaderboard_visible": chosen.leaderboard_visible,
        "pseudonym": chosen.pseudonym,
        "pseudonym_key": key,
    }
    await session.execute(
        insert(RewardPreferences)
        .values(user_id=user_id, cohort_id=cohort_of(session), **values)
        .on_conflict_do_update(index_elements=["user_id"], set_=values)
    )
    boards.forget_after_commit(session)
    return chosen


async def _require_free_name(session: AsyncSession, user_id: uuid.UUID, name: str, key: str) -> None:
    # Two who choose the same name at the same moment: the second one waits here and is then told.
    await session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(literal(f"names:{cohort_of(session)}"), 0)))
    )
    copied = await session.scalar(
        select(RewardPreferences.user_id).where(
            RewardPreferences.pseudonym_key == key, RewardPreferences.user_id != user_id
        )
    )
    if copied is not None or await name_is_taken(session, name, but_by=user_id):
        raise NameTaken
