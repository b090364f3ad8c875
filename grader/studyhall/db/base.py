"""The base of every model, and the columns that many of them share."""

import uuid
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, ForeignKey, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all models: UUID keys, aware timestamps, JSON as ``jsonb``, constraint names to rely on."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class Identified:
    """A row with a UUID of its own and the moment it was made."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CohortOwned:
    """A row of learner data: it belongs to one cohort, and row-level security keeps it there."""

    cohort_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cohorts.id"), index=True)


def learner_tables() -> list[str]:
    """Return the names of the tables whose rows belong to a cohort, in alphabetical order.

    Migrations switch row-level security on for them and a test asserts that none was forgotten.
    """
    return sorted(table.name for table in Base.metadata.tables.values() if "cohort_id" in table.columns)


__all__ = ["Base", "CohortOwned", "Identified", "learner_tables"]
