"""Sessions that know their cohort.

The cohort is set at the beginning of *each* transaction, with ``SET LOCAL``: a commit in the middle of a request would
otherwise forget it, and a pooled connection would otherwise remember it. Both go to the server as one message.
"""

import select
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from psycopg import AsyncConnection
from sqlalchemy import Connection, Executable, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, SessionTransaction

from studyhall.errors import ConfigurationError

log = structlog.get_logger(__name__)

AfterCommit = Callable[[], Awaitable[None]]


def was_closed(connection: AsyncConnection[Any]) -> bool:
    """Say whether the server has closed an idle connection, without asking the server.

    On an idle connection there is nothing to read, unless it is the server's last words. Asking each time, as pools
    do, would cost each transaction one more way to the server and back.
    """
    if connection.closed:
        return True
    watched = select.poll()
    watched.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(watched.poll(0))


def _refuse_if_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool replace a connection that the server has closed."""
    # psycopg's own connection lies below SQLAlchemy's adapter.
    if was_closed(connection.driver_connection):
        raise DisconnectionError


class CohortSession(Session):
    """The synchronous core of our sessions; a class of its own so that the event below touches no other session."""


@event.listens_for(CohortSession, "after_begin")
def _begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """Begin the transaction in the database and name its cohort.

    The driver leaves transactions to us (``AUTOCOMMIT``): left to itself it would ask the server once to begin and
    once more to set the cohort. Committing and rolling back are the driver's as ever.
    """
    if transaction.nested:
        return  # a savepoint of a transaction that knows its cohort
    cohort_id: uuid.UUID | None = session.info.get("cohort_id")
    # Not prepared, since two statements in one message cannot be; and a UUID needs no quoting.
    statements = f"BEGIN; SET LOCAL studyhall.cohort_id = '{cohort_id or ''}'"
    connection.connection.run_async(lambda raw: raw.execute(statements, prepare=False))


@event.listens_for(CohortSession, "before_commit")
def _write_last(session: Session) -> None:
    """Make the changes that :func:`at_commit` was asked for, as the last ones of the transaction."""
    waiting: list[Callable[[], Sequence[Executable]]] = session.info.get("at_commit", [])
    session.info["at_commit"] = []
    if waiting:
        session.flush()
        for statements in waiting:
            for statement in statements():
                session.connection().execute(statement)


def sqlalchemy_url(address: str, *, setting: str) -> URL:
    """Turn a ``postgresql://`` address into SQLAlchemy's for psycopg 3, with the time zone fixed to UTC.

    Raises:
        ConfigurationError: the address is empty, cannot be read, or is not PostgreSQL.
    """
    role = "studyhall_owner" if "OWNER" in setting else "studyhall_app"
    example = f"Give it a PostgreSQL address, such as postgresql://{role}@host/studyhall."
    if not address:
        raise ConfigurationError(f"{setting} is not set. {example}")
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # Neither the address nor the cause, which quotes it, is told: a password stands in it.
        raise ConfigurationError(
            f"{setting} cannot be read as an address. {example} Signs such as @ : / # in its password are written "
            "as %40 %3A %2F %23."
        ) from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ConfigurationError(f"{setting} is not a PostgreSQL address; Studyhall uses no other database.")
    options = str(url.query.get("options", ""))
    return url.set(drivername="postgresql+psycopg").update_query_dict(
        {"options": f"{options} -c timezone=UTC".strip()}
    )


class Database:
    """A pool of connections and the sessions made from it."""

    def __init__(self, address: str, *, setting: str = "STUDYHALL_DATABASE_URL", pool_size: int = 10) -> None:
        self.url = sqlalchemy_url(address, setting=setting)
        self.engine: AsyncEngine = create_async_engine(
            self.url, pool_size=pool_size, max_overflow=0, isolation_level="AUTOCOMMIT"
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_if_closed)
        self._sessions = async_sessionmaker(
            self.engine, expire_on_commit=False, sync_session_class=CohortSession
        )

    @asynccontextmanager
    async def session(self, cohort_id: uuid.UUID | None) -> AsyncIterator[AsyncSession]:
        """Open a session in one transaction for a cohort: committed at the end, rolled back on any error.

        What was handed to :func:`after_commit` runs once the commit has succeeded.
        """
        async with self._sessions(
            info={"cohort_id": cohort_id, "after_commit": [], "at_commit": []}
        ) as session:
            async with session.begin():
                yield session
            pending: list[AfterCommit] = session.info["after_commit"]
        for action in pending:
            try:
                await action()
            except Exception:
                log.warning("after_commit_failed", exc_info=True)

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


def after_commit(session: AsyncSession, action: AfterCommit) -> None:
    """Run an action when, and only when, the session's transaction has been committed."""
    session.info["after_commit"].append(action)


def at_commit(session: AsyncSession, statements: Callable[[], Sequence[Executable]]) -> None:
    """Have a function say which changes are made last in the session's transaction, just before its commit."""
    session.info["at_commit"].append(statements)


def cohort_of(session: AsyncSession) -> uuid.UUID:
    """Return the cohort that the session works for.

    Raises:
        RuntimeError: the session was opened without a cohort.
    """
    cohort_id: uuid.UUID | None = session.info.get("cohort_id")
    if cohort_id is None:
        raise RuntimeError("This session was opened without a cohort.")
    return cohort_id


async def driver_connection(session: AsyncSession) -> AsyncConnection[Any]:
    """Return the psycopg connection below the session, so that a job joins the session's transaction."""
    raw = await (await session.connection()).get_raw_connection()
    connection = raw.driver_connection
    if not isinstance(connection, AsyncConnection):
        raise TypeError("The session's driver is not psycopg 3.")
    return connection
