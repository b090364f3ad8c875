"""Several changes as one statement: one way to the server and back, however many tables they touch."""

from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Insert, Table, Update, inspect, update
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.db.base import Base, Identified

Change = Insert | Update | Delete


def table_of(model: type[Base]) -> Table:
    """Return a model's table, for changes that no session keeps objects of."""
    return cast("Table", model.__table__)


def written(session: AsyncSession, *rows: Identified) -> list[Update]:
    """Take rows out of their session and return the statements that write what was changed in them."""
    statements = []
    for row in rows:
        table = table_of(cast("type[Base]", type(row)))
        changed = {
            attribute.key: attribute.value
            for attribute in inspect(row).attrs
            if attribute.key in table.c and attribute.history.has_changes()
        }
        session.expunge(row)
        if changed:
            statements.append(update(table).where(table.c.id == row.id).values(changed))
    return statements


async def together(session: AsyncSession, *changes: Change) -> CursorResult[Any]:
    """Make all changes in one statement and return the last one's result.

    None of them sees what the others change, and their order is not given, so they must not touch the same row.
    Foreign keys are checked when all are made. What the session holds unwritten is written first.
    """
    await session.flush()
    *others, last = changes
    if others:
        last = last.add_cte(*(change.cte(f"change_{number}") for number, change in enumerate(others)))
    result: CursorResult[Any] = await (await session.connection()).execute(last)
    return result
