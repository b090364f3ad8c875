"""What every capability may reach, as one typed object made by :mod:`studyhall.app`."""

import uuid
from dataclasses import dataclass

from redis.asyncio import Redis

from studyhall.clock import Clock
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import Database
from studyhall.events.live import Live
from studyhall.events.outbox import Outbox
from studyhall.jobs.queue import JobQueue
from studyhall.settings import Settings
from studyhall.web.rate_limits import RateLimits


@dataclass(frozen=True)
class Context:
    """The parts of a running service or worker."""

    settings: Settings
    clock: Clock
    database: Database
    redis: "Redis"
    cipher: ContentCipher
    queue: JobQueue
    outbox: Outbox
    live: Live
    limits: RateLimits
    cohort_id: uuid.UUID
    """The cohort that this hub serves; a worker reads each job's own cohort instead."""
