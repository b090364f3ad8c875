"""Joining a cohort: what becomes of somebody who signs in at the hub, and who decides on those who wait."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor, AuditOrigin
from studyhall.db.session import cohort_of
from studyhall.events.outbox import Outbox
from studyhall.identity.models import User
from studyhall.identity.service import ensure_user, user_named
from studyhall.members import groups, policy
from studyhall.members.models import JoinRequest
from studyhall.members.policy import Joining, JoinState, Known, Standing
from studyhall.members.schemas import Decided, JoinOut, LeftOut, SignInAnswer, SignInNotice
from studyhall.organizations.models import Cohort
from studyhall.organizations.policy import CohortState, Plan, has_room, state_of

ASK = "Ask the people who run this Studyhall."
WAITING = (
    "Your wish to join is waiting for somebody who runs this cohort to decide. Sign in again later; nothing else is "
    "needed from you."
)
WAITING_FOR_MAIL = (
    "Your wish to join is waiting for somebody who runs this cohort to decide. You hear of it by mail; nothing else is "
    "needed from you."
)
FULL = f"The cohort has as many members as its plan allows, so nobody can join right now. {ASK}"
ANOTHERS = (
    "This name is kept for somebody who is known here by another mail address. If it is yours, ask the people who run "
    "this Studyhall to note the address that you signed up with; else make an account with another name."
)
OUTSIDER = (
    "You are not a member of this cohort. If you should be, sign in with the account of your school, or ask the people "
    "who run this Studyhall to add you under this name."
)


def removed_sentence(because: str | None) -> str:
    """Return what somebody reads who is no member any more."""
    return f"You are no member of this cohort any more.{_because(because)} What you did is kept. {ASK}"


def declined_sentence(because: str | None) -> str:
    """Return what somebody reads whose wish to join was declined."""
    return f"Your wish to join this cohort was declined.{_because(because)} {ASK}"


def _because(reason: str | None) -> str:
    return f" {reason.strip().rstrip('.')}." if reason and reason.strip() else ""


def rules_of(cohort: Cohort) -> Joining:
    """Return a cohort's rules for joining."""
    return Joining(
        mail_domains=tuple(cohort.mail_domains),
        allow_public_join=cohort.allow_public_join,
        require_approval=cohort.require_approval,
        has_roster=cohort.roster_at is not None,
    )


async def takes_everybody(session: AsyncSession) -> bool:
    """Say whether whoever the hub lets in is a member of the session's cohort."""
    cohort = (await session.scalars(select(Cohort).where(Cohort.id == cohort_of(session)))).one()
    return rules_of(cohort).takes_everybody


async def count_members(session: AsyncSession) -> int:
    """Return how many members the session's cohort has."""
    members = select(func.count()).select_from(User).where(User.removed_at.is_(None))
    return await session.scalar(members) or 0


async def locked_cohort(session: AsyncSession) -> Cohort:
    """Return the session's cohort with its organisation; who else lets somebody in waits for this transaction."""
    return (
        await session.scalars(
            select(Cohort)
            .options(joinedload(Cohort.organization))
            .where(Cohort.id == cohort_of(session))
            # Whoever only writes a row of the cohort waits for nobody here: two who have written one and then let
            # somebody in would wait for each other.
            .with_for_update(of=Cohort, key_share=True)
            .execution_options(populate_existing=True)
        )
    ).one()


async def sign_in_at_hub(
    session: AsyncSession, notice: SignInNotice, *, outbox: Outbox, now: datetime, request_id: str = ""
) -> SignInAnswer:
    """Say what becomes of somebody who signs in at the hub, and remember them.

    A member's groups at the hub are brought in step at the same time; see :mod:`studyhall.members.groups`.
    """
    actor = Actor(
        user_id=None,
        username=notice.username,
        origin=AuditOrigin.HUB,
        request_id=request_id,
        address=notice.address,
        agent=notice.agent,
    )
    user = await user_named(session, notice.username)
    if user is None:
        return await _newcomer(session, notice, actor=actor, outbox=outbox, now=now)
    if await _is_somebody_else(session, user, notice):
        return _answer(Standing.OUTSIDER, ANOTHERS)
    if user.removed_at is not None:
        return _answer(Standing.REMOVED, removed_sentence(user.removed_because))
    return await _member(session, user, notice, actor=actor, outbox=outbox, now=now)


async def _newcomer(
    session: AsyncSession, notice: SignInNotice, *, actor: Actor, outbox: Outbox, now: datetime
) -> SignInAnswer:
    """Say what becomes of somebody whom the cohort does not know, or not as a member."""
    cohort = await locked_cohort(session)
    asked = await session.scalar(select(JoinRequest).where(JoinRequest.username == notice.username))
    state = state_of(
        closed_at=cohort.closed_at,
        organization_closed_at=cohort.organization.closed_at,
        starts_at=None,
        ends_at=cohort.ends_at,
        now=now,
    )
    mail = notice.email if notice.email_verified else None
    room = has_room(Plan(cohort.plan), await count_members(session))
    standing = policy.standing_of(
        known=Known.NEW,
        asked=JoinState(asked.state) if asked is not None else None,
        verified_mail=mail,
        joining=rules_of(cohort),
        takes_members=state is CohortState.OPEN,
        has_room=room,
    )
    if standing is Standing.MEMBER:
        user = await ensure_user(session, username=notice.username, outbox=outbox)
        if asked is not None:
            asked.state = JoinState.APPROVED.value
            asked.decided_at = now
        audit.record(
            session, actor, Action.MEMBER_JOINED, about=notice.username, course=None, at=now,
            after={"email": mail, "by": notice.origin},
        )  # fmt: skip
        if notice.display_name:
            user.display_name = notice.display_name
        return await _member(session, user, notice, actor=actor, outbox=outbox, now=now)
    if standing is Standing.WAITING:
        if asked is None:
            await _ask(session, notice, mail or "", actor=actor, now=now)
        return _answer(standing, WAITING_FOR_MAIL if cohort.hub_sends_mail else WAITING)
    if standing is Standing.DECLINED:
        return _answer(standing, declined_sentence(asked.reason if asked is not None else None))
    return _answer(Standing.OUTSIDER, OUTSIDER if room else FULL)


async def _is_somebody_else(session: AsyncSession, user: User, notice: SignInNotice) -> bool:
    """Say whether a new local account took the name of somebody who is known here by another mail address, or by none.

    Anybody may choose a free name when they sign up, so the first sign-in has to show the address that was noted; of
    those who hold a role beyond learning one has to be noted. Names of people from elsewhere are theirs already.
    """
    if notice.origin != "local" or user.last_seen_at is not None:
        return False
    if not user.email:
        return bool(await groups.groups_of(session, user))
    return not notice.email_verified or (notice.email or "").lower() != user.email.lower()


def _answer(state: Standing, sentence: str = "", names: Collection[str] = ()) -> SignInAnswer:
    return SignInAnswer(state=state, sentence=sentence, groups=sorted(names))


async def _member(
    session: AsyncSession, user: User, notice: SignInNotice, *, actor: Actor, outbox: Outbox, now: datetime
) -> SignInAnswer:
    """Bring what is known of a member in step with what the hub says."""
    if notice.email_verified and policy.domain_of(notice.email) is not None and not user.email:
        user.email = notice.email
    names = await groups.at_sign_in(session, user, at_hub=notice.groups, actor=actor, outbox=outbox, now=now)
    return _answer(Standing.MEMBER, names=names)


async def _ask(
    session: AsyncSession, notice: SignInNotice, mail: str, *, actor: Actor, now: datetime
) -> None:
    """Write down that somebody wants to join."""
    await session.execute(
        insert(JoinRequest)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            username=notice.username,
            display_name=notice.display_name or notice.username,
            email=mail,
            origin=notice.origin,
            asked_at=now,
            state=JoinState.WAITING.value,
        )
        .on_conflict_do_nothing(index_elements=["cohort_id", "username"])
    )
    audit.record(
        session, actor, Action.JOIN_ASKED, about=notice.username, course=None, at=now,
        after={"email": mail, "by": notice.origin},
    )  # fmt: skip


# ---------------------------------------------------------------- those who wait


async def joins(
    session: AsyncSession, *, state: JoinState | None, page: int, limit: int
) -> tuple[list[JoinOut], int]:
    """Return a page of those who want to join or wanted to, who waits longest first, and how many there are."""
    where = [JoinRequest.state == state.value] if state is not None else []
    total = await session.scalar(select(func.count()).select_from(JoinRequest).where(*where)) or 0
    rows = await session.scalars(
        select(JoinRequest)
        .where(*where)
        .order_by(JoinRequest.asked_at, JoinRequest.username)
        .offset((page - 1) * limit)
        .limit(limit)
    )
    return [JoinOut.model_validate(row, from_attributes=True) for row in rows], total


async def decide(
    session: AsyncSession,
    ids: Sequence[uuid.UUID],
    *,
    approve: bool,
    reason: str | None,
    actor: Actor,
    outbox: Outbox,
    now: datetime,
) -> Decided:
    """Let in or decline some of those who wait; one that cannot be decided hinders none of the others."""
    cohort = await locked_cohort(session)
    members = await count_members(session)
    rows = {
        row.id: row
        for row in await session.scalars(select(JoinRequest).where(JoinRequest.id.in_(ids)).with_for_update())
    }
    removed = set(
        await session.scalars(
            select(User.hub_username).where(
                User.removed_at.is_not(None), User.hub_username.in_([row.username for row in rows.values()])
            )
        )
    )
    left: list[LeftOut] = []
    wanted = JoinState.APPROVED if approve else JoinState.DECLINED
    for each in dict.fromkeys(ids):
        row = rows.get(each)
        why = _why_left(row, wanted)
        if why is None and row is not None and row.username in removed:
            why = f"{row.username} was removed; restore them among the members."
        if why is None and approve and not has_room(Plan(cohort.plan), members):
            why = "The cohort has as many members as its plan allows."
        if why is not None or row is None:
            left.append(LeftOut(id=each, why=why or ""))
            continue
        before = row.state
        row.state, row.decided_by, row.decided_at, row.reason = wanted.value, actor.username, now, reason
        if approve:
            user = await ensure_user(session, username=row.username, outbox=outbox)
            user.display_name = row.display_name or user.display_name
            user.email = user.email or row.email or None
            members += 1
        audit.record(
            session, actor, Action.JOIN_DECIDED, about=row.username, course=None, at=now,
            before={"state": before}, after={"state": wanted.value, "reason": reason},
        )  # fmt: skip
    return Decided(decided=len(dict.fromkeys(ids)) - len(left), left=left)


def _why_left(row: JoinRequest | None, wanted: JoinState) -> str | None:
    if row is None:
        return "There is no such request."
    if row.state == wanted.value:
        return f"{row.username} is {wanted.value} already."
    if row.state == JoinState.APPROVED.value:
        return f"{row.username} is a member already; remove them from the members instead."
    return None
