"""Requests that are passed on as they are: an allow-list of learner routes, and nothing beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from studyhall_extension.errors import (
    MethodNotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
    ValidationError,
)
from studyhall_extension.service_client import ServiceClient
from studyhall_extension.web import StudyhallHandler, learner_reads, learner_writes

# Parameters that are meant for this Jupyter server: its token, its anti-forgery token, its idle clock.
LOCAL_PARAMETERS = frozenset({"token", "_xsrf", "no_track_activity"})
# A slug begins with a letter or digit and holds no slash, per cent sign or backslash: it can't climb out.
SLUG = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
IDENTIFIER = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_PLACEHOLDERS = {"course": SLUG, "lesson": SLUG, "quiz": SLUG, "id": IDENTIFIER, "key": IDENTIFIER}
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9._:-]{1,200}")


@dataclass(frozen=True, slots=True)
class RelayRoute:
    """One learner route of the service that the browser may call through here; path after `/api/v1`."""

    method: str
    path: str


def path_pattern(path: str) -> str:
    """A regular expression with one named group per `{placeholder}` of `path`."""
    return re.sub(r"\{(\w+)\}", lambda match: f"(?P<{match[1]}>{_PLACEHOLDERS[match[1]]})", path)


class RelayHandler(StudyhallHandler):
    """Passes one allow-listed path on to the service and its answer back."""

    def initialize(self, service: ServiceClient, path: str, methods: frozenset[str], **kwargs: Any) -> None:
        """Take the path's template and the methods that may pass."""
        super().initialize(**kwargs)
        self.service = service
        self.path_template = path
        self.methods = methods

    @learner_reads
    async def get(self, **names: str) -> None:
        """Pass a reading request on."""
        await self._relay("GET", names)

    @learner_writes
    async def post(self, **names: str) -> None:
        """Pass an action on."""
        await self._relay("POST", names)

    @learner_writes
    async def put(self, **names: str) -> None:
        """Pass a replacement on."""
        await self._relay("PUT", names)

    @learner_writes
    async def patch(self, **names: str) -> None:
        """Pass a change on."""
        await self._relay("PATCH", names)

    @learner_writes
    async def delete(self, **names: str) -> None:
        """Pass a removal on."""
        await self._relay("DELETE", names)

    async def _relay(self, method: str, names: dict[str, str]) -> None:
        if method not in self.methods:
            raise MethodNotAllowedError
        body = None
        if method != "GET":
            self.json_body()  # Only JSON objects pass; what passes is what came, byte for byte.
            body = self.request.body.strip() or None
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise ValidationError(details=[("Idempotency-Key", "Use letters, digits, dots and dashes only.")])
        # The placeholders' patterns allow nothing that would need quoting or could change the path.
        reply = await self.service.fetch(
            method,
            self.path_template.format(**names),
            query=passed_query(self.request.query),
            body=body,
            request_id=self.request_id,
            idempotency_key=key,
        )
        if reply.retry_after is not None:
            self.set_header("Retry-After", str(max(1, round(reply.retry_after))))
        self.set_header("X-Request-ID", reply.request_id)
        self.set_header("Cache-Control", "no-store")
        if reply.status == 204:
            self.set_status(204)
            self.finish()
            return
        if reply.envelope() is None:
            # Another server's page (a proxy's, say): its words are not for learners.
            self.log.warning("The service answered %s %s with %s", method, self.path_template, reply.status)
            raise ServiceUnavailableError
        self.set_status(reply.status)
        self.finish(reply.body)


class UnknownRouteHandler(StudyhallHandler):
    """Everything else below our prefix, staff routes first of all: not here, and never passed on."""

    @learner_reads
    async def get(self) -> None:
        """Refuse."""
        raise NotFoundError

    @learner_writes
    async def post(self) -> None:
        """Refuse."""
        raise NotFoundError

    put = post
    patch = post
    delete = post


def passed_query(query: str) -> str:
    """The query without what is meant for this server alone."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode(
        [(name, value) for name, value in pairs if name not in LOCAL_PARAMETERS and not _is_time(name, value)]
    )


def _is_time(name: str, value: str) -> bool:
    """JupyterLab adds the bare time to each GET, so that no cache answers it."""
    return not value and name.isdecimal()


def relay_handlers(
    routes: Sequence[RelayRoute], service: ServiceClient, prefix: str
) -> list[tuple[Any, ...]]:
    """Tornado's routes for the allow-list, one per path."""
    methods: dict[str, set[str]] = {}
    for route in routes:
        methods.setdefault(route.path, set()).add(route.method)
    return [
        (
            prefix + path_pattern(path),
            RelayHandler,
            {"service": service, "path": path, "methods": frozenset(allowed)},
        )
        for path, allowed in methods.items()
    ]
