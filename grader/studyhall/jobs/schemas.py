"""What the API says of dead letters."""

import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel


class DeadLetterOut(BaseModel):
    """A job that was tried for the last time."""

    id: uuid.UUID
    queue: str
    task: str
    arguments: dict[str, Any]
    reason: str
    failed_at: datetime
    requeued_at: datetime | None
