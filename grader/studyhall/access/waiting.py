"""Terminals that wait for their approval; kept in Redis or Valkey, since nothing is lost with them but a minute."""

import hashlib
import hmac
import json
import uuid
from dataclasses import asdict, dataclass, replace

from redis.asyncio import Redis

from studyhall.access.errors import UnknownCode
from studyhall.access.policy import WAITING_SECONDS, new_code


@dataclass(frozen=True)
class Waiting:
    """A terminal that waits: what it asks for, from where, and what was decided."""

    device: str
    """SHA-256 of the secret that only the terminal knows."""
    course: str
    hours: int
    address: str
    gradebook: bool = False
    """Whether it asks for the address of the course's nbgrader gradebook, too."""
    approved_by: str = ""
    user_id: str = ""
    role: str = ""
    refused: bool = False


class WaitingRoom:
    """The terminals that wait at one cohort's service."""

    def __init__(self, redis: Redis, cohort_id: uuid.UUID) -> None:
        self._redis = redis
        self._prefix = f"studyhall:access:{cohort_id}:"

    async def enter(self, waiting: Waiting) -> str:
        """Let a terminal wait; returns its code."""
        while True:
            code = new_code()
            if await self._redis.set(
                self._prefix + code, json.dumps(asdict(waiting)), ex=WAITING_SECONDS, nx=True
            ):
                return code

    async def look(self, code: str) -> Waiting:
        """Return who waits with a code.

        Raises:
            UnknownCode: nobody does, or not any more.
        """
        kept = await self._redis.get(self._prefix + code)
        if kept is None:
            raise UnknownCode
        return Waiting(**json.loads(kept))

    async def decide(self, code: str, *, by: str, user_id: uuid.UUID, role: str, approve: bool) -> None:
        """Write down what was decided; the first decision holds.

        Raises:
            UnknownCode: nobody waits with it, or it was decided already.
        """
        waiting = await self.look(code)
        if waiting.approved_by or waiting.refused:
            raise UnknownCode
        decided = replace(
            waiting,
            approved_by=by if approve else "",
            user_id=str(user_id),
            role=role,
            refused=not approve,
        )
        kept = await self._redis.set(self._prefix + code, json.dumps(asdict(decided)), xx=True, keepttl=True)
        if not kept:
            raise UnknownCode

    async def leave(self, code: str, secret: str) -> Waiting | None:
        """Return the decision to the terminal that waits for it, once; None while there is none.

        Raises:
            UnknownCode: nobody waits with this code and this secret.
        """
        waiting = await self.look(code)
        if not hmac.compare_digest(waiting.device, hashlib.sha256(secret.encode()).hexdigest()):
            raise UnknownCode
        if not waiting.approved_by and not waiting.refused:
            return None
        taken = await self._redis.getdel(self._prefix + code)
        if taken is None:
            raise UnknownCode
        return Waiting(**json.loads(taken))
