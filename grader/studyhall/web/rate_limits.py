"""Rate limits per person, counted in Redis or Valkey with the ``limits`` library."""

import math
import time
from typing import Any

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from studyhall.errors import TooManyRequests

log = structlog.get_logger(__name__)


class RateLimits:
    """Counts what a person does; over the limit is a 429 that says how long to wait."""

    def __init__(self, redis_url: str | None) -> None:
        """Count in Redis, or in this process only when no address is given."""
        storage: Storage
        self._pool: ConnectionPool | None = None
        if redis_url:
            scheme, _, rest = redis_url.partition("://")
            known = {"unix": "redis+unix"}.get(scheme, scheme)
            self._pool = ConnectionPool.from_url(redis_url)
            options: dict[str, Any] = {"connection_pool": self._pool}
            storage = RedisStorage(f"async+{known}://{rest}", implementation="redispy", **options)
        else:
            storage = MemoryStorage()
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._pool is not None:
            await self._pool.aclose()

    async def check(
        self, action: str, who: str, *, per_minute: int | None = None, per_hour: int | None = None
    ) -> None:
        """Count one action of somebody.

        Raises:
            TooManyRequests: the limit is reached; ``retry_after`` says how many seconds to wait.
        """
        items: list[RateLimitItem] = []
        if per_minute is not None:
            items.append(RateLimitItemPerMinute(per_minute))
        if per_hour is not None:
            items.append(RateLimitItemPerHour(per_hour))
        for item in items:
            try:
                allowed = await self._limiter.hit(item, action, who)
                if allowed:
                    continue
                stats = await self._limiter.get_window_stats(item, action, who)
            except (RedisError, OSError):
                # Counters may be lost by design; learners' work goes on without them.
                log.warning("rate_limit_not_counted", action=action)
                continue
            wait = max(1, math.ceil(stats.reset_time - time.time()))
            raise TooManyRequests(
                f"That was a little fast. Wait {wait} s and try again; nothing was lost.", retry_after=wait
            )
