"""Table of dead letters."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from studyhall.db.base import Base, CohortOwned, Identified


class DeadLetter(Identified, CohortOwned, Base):
    """A job that was tried for the last time; staff see it and may queue it again."""

    __tablename__ = "dead_letters"

    job_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    queue: Mapped[str]
    task: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    reason: Mapped[str]
    failed_at: Mapped[datetime]
    requeued_at: Mapped[datetime | None]
    requeued_by: Mapped[str | None]
