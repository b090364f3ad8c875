"""A gradebook's schema and roles in PostgreSQL, and the addresses that they are reached under.

Everything is made by three functions of the database that run with its owner's rights (migration 0006), so that neither
service nor worker can make roles by themselves.
"""

import secrets
import uuid
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import Course, CourseOffering, Enrolment
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of, driver_connection
from studyhall.nbgrader_gradebooks.errors import GradebookMissing, GradebookNotAllowed
from studyhall.nbgrader_gradebooks.models import NbgraderSchema, NbgraderTerminal
from studyhall.permissions import Role

PROJECTING: Final = "studyhall.projecting"
"""A session with this setting writes for the platform: what it changes is not mirrored back."""

_NOT_ALLOWED = "42501"
"""PostgreSQL's code for a right that is missing."""


async def make_gradebook(
    session: AsyncSession, offering: CourseOffering, cipher: ContentCipher
) -> NbgraderSchema:
    """Make the schema and the role of an offering's gradebook, or return those that are there; tables come later.

    Raises:
        GradebookNotAllowed: the owner of Studyhall's tables may not make roles or schemas.
    """
    found = await gradebook_of(session, offering.id)
    if found is not None:
        return found
    password = secrets.token_urlsafe(24)
    name = f"nbgrader_{offering.id.hex}"
    verifier = await _verifier(session, name, password)
    try:
        await session.execute(
            text("SELECT studyhall_make_gradebook(:offering, :verifier)"),
            {"offering": offering.id, "verifier": verifier},
        )
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _NOT_ALLOWED:
            raise GradebookNotAllowed from error
        raise
    await session.execute(
        insert(NbgraderSchema)
        .values(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            offering_id=offering.id,
            schema_name=name,
            password=cipher.seal(password),
            assignments={},
        )
        # Two at a time: the second one has waited for the first one's lock and has set its own password.
        .on_conflict_do_update(index_elements=["offering_id"], set_={"password": cipher.seal(password)})
    )
    made = await gradebook_of(session, offering.id)
    if made is None:
        raise GradebookMissing
    return made


async def _verifier(session: AsyncSession, role: str, password: str) -> str:
    """Return what PostgreSQL keeps of a password, worked out on this side, so that no statement ever holds it."""
    connection = await driver_connection(session)
    return connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


async def gradebook_of(
    session: AsyncSession, offering_id: uuid.UUID, *, lock: bool = False
) -> NbgraderSchema | None:
    """Return an offering's gradebook, if it has one; locked until the transaction ends when asked for."""
    query = (
        select(NbgraderSchema)
        .where(NbgraderSchema.offering_id == offering_id)
        .execution_options(populate_existing=True)
    )
    return await session.scalar(query.with_for_update() if lock else query)


async def with_gradebook(session: AsyncSession, course: str) -> uuid.UUID | None:
    """Return a course's offering if it has a gradebook."""
    found: uuid.UUID | None = await session.scalar(
        select(NbgraderSchema.offering_id)
        .join(CourseOffering, CourseOffering.id == NbgraderSchema.offering_id)
        .join(Course, Course.id == CourseOffering.course_id)
        .where(Course.slug == course)
    )
    return found


async def gradebooks(session: AsyncSession) -> list[NbgraderSchema]:
    """Return all gradebooks of the session's cohort whose tables nbgrader has made."""
    rows = await session.scalars(select(NbgraderSchema).where(NbgraderSchema.nbgrader_version.is_not(None)))
    return list(rows)


def platform_address(database: URL, gradebook: NbgraderSchema, cipher: ContentCipher) -> str:
    """Return the address that the platform itself writes a gradebook under. It holds a password: never log it."""
    address = _address(database, gradebook.schema_name, str(cipher.open(gradebook.password)))
    options = f"-csearch_path%3D{gradebook.schema_name}%20-c%20{PROJECTING}%3Don"
    return f"{address}{'&' if '?' in address else '?'}options={options}"


def _address(database: URL, role: str, password: str) -> str:
    """Return nbgrader's ``db_url`` for a role: where our own database is; the role finds its schema by itself.

    Without any percent sign where that can be had: ``nbgrader db upgrade`` writes it into a file that takes them for
    something else.
    """
    query = {name: value for name, value in database.query.items() if name != "options"}
    url = database.set(drivername="postgresql+psycopg", username=role, password=password, query=query)
    address, mark, rest = url.render_as_string(hide_password=False).partition("?")
    return address + mark + rest.replace("%2F", "/")


async def open_terminal(
    session: AsyncSession,
    offering: CourseOffering,
    *,
    user_id: uuid.UUID,
    until: datetime,
    database: URL,
    now: datetime,
) -> tuple[str, str]:
    """Make a login to an offering's gradebook for one person's terminal.

    Args:
        session: the cohort's.
        offering: whose gradebook; the login reaches its schema and nothing else.
        user_id: the grader.
        until: the login is refused from then on.
        database: the service's own database address; host, port and database are taken from it.
        now: logins that have run out by then are removed.

    Returns:
        The login's name, for :func:`close_terminal`, and the address for nbgrader's ``CourseDirectory.db_url``, which
        holds its password.

    Raises:
        GradebookMissing: the course has no gradebook yet.
    """
    if await gradebook_of(session, offering.id) is None:
        raise GradebookMissing
    await close_expired(session, now=now)
    name, password = f"nbgrader_terminal_{uuid.uuid4().hex}", secrets.token_urlsafe(24)
    await session.execute(
        text("SELECT studyhall_open_gradebook(:offering, :name, :verifier, :until)"),
        {
            "offering": offering.id,
            "name": name,
            "verifier": await _verifier(session, name, password),
            "until": until,
        },
    )
    session.add(
        NbgraderTerminal(
            cohort_id=cohort_of(session),
            offering_id=offering.id,
            user_id=user_id,
            role_name=name,
            until=until,
        )
    )
    await session.flush()
    return name, _address(database, name, password)


async def close_terminal(session: AsyncSession, name: str, *, now: datetime) -> None:
    """End a terminal's login and its connections; nothing happens when it was ended before."""
    terminal = await session.scalar(select(NbgraderTerminal).where(NbgraderTerminal.role_name == name))
    if terminal is None or terminal.closed_at is not None:
        return
    await session.execute(select(func.studyhall_close_gradebook(name)))
    terminal.closed_at = now


async def close_expired(session: AsyncSession, *, now: datetime) -> None:
    """End logins, connections included, whose time is over or whose owner grades this course no more."""
    still_staff = (
        select(Enrolment.id)
        .where(
            Enrolment.offering_id == NbgraderTerminal.offering_id,
            Enrolment.user_id == NbgraderTerminal.user_id,
            Enrolment.role.in_([Role.GRADER.value, Role.INSTRUCTOR.value]),
        )
        .exists()
    )
    names = await session.scalars(
        select(NbgraderTerminal.role_name).where(
            NbgraderTerminal.closed_at.is_(None), or_(NbgraderTerminal.until <= now, ~still_staff)
        )
    )
    for name in names.all():
        await close_terminal(session, name, now=now)
