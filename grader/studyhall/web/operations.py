"""``/health``, ``/ready`` and ``/metrics``: for supervisors and Prometheus, without a sign-in and without secrets."""

import asyncio
import json

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from tornado.web import RequestHandler

from studyhall.context import Context
from studyhall.web import metrics
from studyhall.web.client_address import address_of
from studyhall.web.security_headers import API_HEADERS

PATIENCE_SECONDS = 2.0
"""How long each part that requests need may take to answer."""


class OperationsHandler(RequestHandler):
    """What the three share."""

    def initialize(self, context: Context, queue: str) -> None:
        """Remember the service's parts and the queue in which submissions wait."""
        self.context = context
        self.queue = queue

    def set_default_headers(self) -> None:
        """Put the security headers on."""
        self.clear_header("Server")
        for name, value in API_HEADERS.items():
            self.set_header(name, value)

    def _say(self, http_status: int, **facts: object) -> None:
        self.set_status(http_status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(facts))


class HealthHandler(OperationsHandler):
    """The process lives and its event loop turns."""

    def get(self) -> None:
        """Answer at once."""
        self._say(200, status="ok")


class ReadyHandler(OperationsHandler):
    """The parts that requests need are reachable."""

    async def get(self) -> None:
        """Ask the database and Redis, both at once."""
        checks = dict(
            zip(("database", "redis"), await asyncio.gather(self._database(), self._redis()), strict=True)
        )
        # Redis carries only what may be lost: without it the service goes on, a little less lively.
        self._say(200 if checks["database"] == "ok" else 503, status=checks["database"], checks=checks)

    async def _database(self) -> str:
        try:
            async with (
                asyncio.timeout(PATIENCE_SECONDS),
                self.context.database.session(self.context.cohort_id) as session,
            ):
                await session.execute(text("SELECT 1"))
        except Exception:  # noqa: BLE001 - whatever it is, the answer is the same
            return "unavailable"
        return "ok"

    async def _redis(self) -> str:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.context.redis.ping()
        except Exception:  # noqa: BLE001 - as above
            return "unavailable"
        return "ok"


class MetricsHandler(OperationsHandler):
    """Numbers for Prometheus; only from this machine, since they tell how busy a class is."""

    async def get(self) -> None:
        """Answer in Prometheus's text format."""
        # The connection's other end, since `remote_ip` would be what any caller writes into a header.
        caller = address_of(self.request, ())
        if caller not in {"127.0.0.1", "::1"} or "X-Forwarded-For" in self.request.headers:
            self._say(403, status="metrics are for this machine only")
            return
        async with self.context.database.session(self.context.cohort_id) as session:
            metrics.QUEUE_DEPTH.set(await self.context.queue.waiting(session, self.queue))
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(generate_latest())
