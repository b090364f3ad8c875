"""What operators do with members: roles in a cohort, who may join it, and those who wait. Each is one transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.administration.command import OPERATOR, in_cohort
from studyhall.administration.command import cohorts as cohorts_of
from studyhall.clock import Clock, utc_now
from studyhall.db.session import sqlalchemy_url
from studyhall.events.outbox import Outbox
from studyhall.identity.models import User
from studyhall.identity.service import ensure_user, user_named
from studyhall.jobs.queue import JobQueue
from studyhall.members import cohort_page, groups, joining
from studyhall.members.models import CohortRoleGrant, JoinRequest
from studyhall.members.policy import JoinState, domain_of
from studyhall.members.schemas import CohortChange, CohortPage, Decided, JoiningChange, JoiningOut, JoinOut
from studyhall.organizations.errors import Reason, Refused
from studyhall.organizations.policy import CohortState
from studyhall.permissions import CohortRole
from studyhall.settings import Settings

MOST_SHOWN = 1000


@dataclass(frozen=True)
class Held:
    """A role that somebody holds in a cohort."""

    cohort: str
    username: str
    role: CohortRole
    granted_by: str


def _outbox(settings: Settings, clock: Clock) -> Outbox:
    """Return where events are written; nobody subscribes to what happens to members, so no job is needed."""
    url = sqlalchemy_url(settings.database_url.get_secret_value(), setting="STUDYHALL_DATABASE_URL")
    return Outbox(JobQueue(url, attempts=settings.job_attempts, clock=clock), clock=clock)


# ---------------------------------------------------------------- roles in a cohort


def change_role(
    settings: Settings,
    cohort: str,
    username: str,
    role: CohortRole,
    *,
    given: bool,
    mail: str | None = None,
    clock: Clock = utc_now,
) -> bool:
    """Give somebody a role in a cohort or take it; says whether that was a change.

    Who is given one need not have signed in yet. A local account of this name then has to show the mail address that
    is noted here, or else it is not let in.

    Raises:
        Refused: there is no such cohort, or the person was removed from it.
    """
    name = username.strip().lower()

    async def work(session: AsyncSession) -> bool:
        outbox = _outbox(settings, clock)
        user = await user_named(session, name)
        if user is None and not given:
            return False
        user = user or await ensure_user(session, username=name, outbox=outbox)
        if user.removed_at is not None and given:
            raise Refused(
                Reason.REMOVED_MEMBER,
                f"{name} was removed from {cohort}. An owner restores them on the members page; then run this again.",
            )
        if mail is not None:
            if domain_of(mail) is None:
                raise Refused(Reason.INVALID_MAIL, f"{mail!r} is not a mail address.")
            user.email = mail
        before = await groups.cohort_roles_of(session, user.id)
        after = before | {role} if given else before - {role}
        if not await groups.set_cohort_roles(session, user, after, actor=OPERATOR, now=clock()):
            return False
        await groups.tell_changed(session, user, outbox)
        return True

    return in_cohort(settings, cohort, work)


def change_owner(
    settings: Settings,
    organization: str,
    username: str,
    *,
    cohort: str | None,
    given: bool,
    mail: str | None = None,
    clock: Clock = utc_now,
) -> dict[str, bool]:
    """Make somebody an owner of an organisation's cohorts or take that; says for each whether that was a change.

    An owner is one in each cohort by itself, since each hub has its own accounts.

    Raises:
        Refused: there is no such organisation, or no such cohort in it.
    """
    return {
        slug: change_role(settings, slug, username, CohortRole.ORG_OWNER, given=given, mail=mail, clock=clock)
        for slug in _cohorts(settings, organization, cohort, clock)
    }


def owners(settings: Settings, organization: str, *, clock: Clock = utc_now) -> list[Held]:
    """Return who owns which cohort of an organisation.

    Raises:
        Refused: there is no such organisation.
    """
    return [
        held
        for row in cohorts_of(settings, organization=organization, clock=clock)
        for held in roles(settings, row.slug)
        if held.role is CohortRole.ORG_OWNER
    ]


def _cohorts(settings: Settings, organization: str, cohort: str | None, clock: Clock) -> list[str]:
    found = cohorts_of(settings, organization=organization, clock=clock)
    if cohort is not None:
        if cohort not in {row.slug for row in found}:
            raise Refused(
                Reason.UNKNOWN_COHORT,
                f"{organization} has no cohort {cohort!r}. It has: {', '.join(row.slug for row in found) or 'none'}.",
            )
        return [cohort]
    still = [row.slug for row in found if row.state is not CohortState.CLOSED]
    if not still:
        raise Refused(
            Reason.UNKNOWN_COHORT,
            f"{organization} has no cohort that is not closed. Make one with `studyhall cohort new`.",
        )
    return still


def roles(settings: Settings, cohort: str) -> list[Held]:
    """Return who holds which role in a cohort, by role and name.

    Raises:
        Refused: there is no such cohort.
    """

    async def work(session: AsyncSession) -> list[Held]:
        rows = await session.execute(
            select(User.hub_username, CohortRoleGrant.role, CohortRoleGrant.granted_by)
            .join(User, User.id == CohortRoleGrant.user_id)
            .order_by(CohortRoleGrant.role, User.hub_username)
        )
        return [Held(cohort, username, CohortRole(role), by) for username, role, by in rows]

    return in_cohort(settings, cohort, work)


# ---------------------------------------------------------------- the cohort, and who may join


def show(settings: Settings, cohort: str, *, clock: Clock = utc_now) -> CohortPage:
    """Return a cohort with its plan, its people and who may join.

    Raises:
        Refused: there is no such cohort.
    """

    async def work(session: AsyncSession) -> CohortPage:
        return await cohort_page.show(session, may=(), now=clock())

    return in_cohort(settings, cohort, work)


def change_joining(
    settings: Settings, cohort: str, change: JoiningChange, *, clock: Clock = utc_now
) -> tuple[JoiningOut, bool]:
    """Change who may join a cohort, and say whether that was a change.

    Raises:
        Refused: there is no such cohort.
    """

    async def work(session: AsyncSession) -> tuple[JoiningOut, bool]:
        changed = await cohort_page.change(session, CohortChange(joining=change), actor=OPERATOR, now=clock())
        await session.flush()
        return (await cohort_page.show(session, may=(), now=clock())).joining, changed

    return in_cohort(settings, cohort, work)


def requests(
    settings: Settings, cohort: str, state: JoinState | None = JoinState.WAITING
) -> tuple[list[JoinOut], int]:
    """Return who wants to join a cohort, or wanted to, and how many there are.

    Raises:
        Refused: there is no such cohort.
    """

    async def work(session: AsyncSession) -> tuple[list[JoinOut], int]:
        return await joining.joins(session, state=state, page=1, limit=MOST_SHOWN)

    return in_cohort(settings, cohort, work)


def decide(
    settings: Settings,
    cohort: str,
    usernames: Sequence[str],
    *,
    approve: bool,
    reason: str | None = None,
    clock: Clock = utc_now,
) -> Decided:
    """Let in or decline those who wait under these names, all of those that can be.

    Raises:
        Refused: there is no such cohort, or somebody never asked; then nobody is decided on.
    """
    wanted = [name.strip().lower() for name in usernames]

    async def work(session: AsyncSession) -> Decided:
        rows = {
            row.username: row.id
            for row in await session.scalars(select(JoinRequest).where(JoinRequest.username.in_(wanted)))
        }
        _require_known(wanted, rows, cohort)
        return await joining.decide(
            session,
            [rows[name] for name in wanted],
            approve=approve,
            reason=reason,
            actor=OPERATOR,
            outbox=_outbox(settings, clock),
            now=clock(),
        )

    return in_cohort(settings, cohort, work)


def _require_known(wanted: Sequence[str], known: Collection[str], cohort: str) -> None:
    missing = [name for name in wanted if name not in known]
    if missing:
        raise Refused(
            Reason.UNKNOWN_REQUEST,
            f"Nobody of the name {', '.join(missing)} has asked to join {cohort}. "
            f"`studyhall cohort requests {cohort}` shows who has.",
        )
