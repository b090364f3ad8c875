"""Running migrations from the command line, the supervisor and the tests."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ProgrammingError

from studyhall.db.session import sqlalchemy_url
from studyhall.errors import ConfigurationError

LOCK = 0x57D9_0001
"""Advisory lock that lets one migration run at a time, whoever starts it."""


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; it has no file, so that it works from an installed wheel."""
    result = Config()
    result.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    result.attributes["connection"] = connection
    return result


def upgrade(address: str, *, revision: str = "head") -> list[str]:
    """Bring the database up to date and return the revisions that were run.

    Args:
        address: the owner's PostgreSQL address.
        revision: where to stop.

    Raises:
        ConfigurationError: the address is missing or not PostgreSQL, its role does not own the tables, or the database
            was upgraded by a newer version already.
        sqlalchemy.exc.OperationalError: the database can't be reached, or a table stayed locked for 10 s.
    """
    url: URL = sqlalchemy_url(address, setting="STUDYHALL_OWNER_DATABASE_URL")
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
            connection.execute(text("SET lock_timeout = '10s'"))
            connection.commit()
            before = set(MigrationContext.configure(connection).get_current_heads())
            connection.commit()
            command.upgrade(config(connection), revision)
            connection.commit()
            after = set(MigrationContext.configure(connection).get_current_heads())
            script = ScriptDirectory.from_config(config())
            done: list[str] = []
            for head in after - before:
                base: Any = next(iter(before), "base")
                done.extend(str(step.doc) for step in script.iterate_revisions(head, base))
            return list(reversed(done))
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        raise ConfigurationError(
            f"The role {url.username} may not change the database ({error.orig.diag.message_primary}). "
            "STUDYHALL_OWNER_DATABASE_URL has to name the tables' owner (studyhall_owner)."
        ) from error
    except CommandError as error:
        raise ConfigurationError(
            f"The database does not fit this version of Studyhall: {error}. It was upgraded by a newer one, so install "
            "that version, or restore the backup from before its upgrade. Nothing was changed."
        ) from error
    finally:
        engine.dispose()
