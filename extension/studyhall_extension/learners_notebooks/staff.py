"""In which courses the owner of this server grades or teaches, as the service says."""

import asyncio
import time
from collections.abc import Callable

from studyhall_extension.errors import ExtensionError
from studyhall_extension.service_client import ServiceClient
from studyhall_extension.service_errors import accepted_data

STAFF_ROLES = frozenset({"grader", "instructor"})
FRESH_SECONDS = 60.0
"""How long an answer of the service counts."""
PATIENCE_SECONDS = 3.0
"""How long it is waited for: a notebook is being opened meanwhile."""


class StaffCourses:
    """What is known of the owner's roles. Until the service has answered once, nothing is."""

    def __init__(self, service: ServiceClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the service and a clock in seconds."""
        self._service = service
        self._clock = clock
        self._asked_at: float | None = None
        self._lock = asyncio.Lock()
        self.known: frozenset[str] | None = None
        """Slugs of the courses; None while nothing is known."""

    async def refresh(self) -> None:
        """Ask the service, unless it was asked a moment ago. What was known stays when it does not answer."""
        async with self._lock:
            if self._asked_at is not None and self._clock() - self._asked_at < FRESH_SECONDS:
                return
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    profile = accepted_data(await self._service.fetch("GET", "/me"))
            except (ExtensionError, TimeoutError):
                return
            roles = profile.get("roles") if isinstance(profile, dict) else None
            if isinstance(roles, dict):
                self.known = frozenset(course for course, role in roles.items() if role in STAFF_ROLES)
                self._asked_at = self._clock()

    @property
    def is_staff(self) -> bool | None:
        """Whether the owner is staff anywhere; None while nothing is known."""
        return None if self.known is None else bool(self.known)
