"""The service's way to its hub, with its own token: the hub's API, and the hub's door for the service alone."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import httpx

TIMEOUT_SECONDS: Final = 10
SLOW_SECONDS: Final = 60
"""How long stopping somebody's servers and a mail server may take."""


class HubAway(Exception):
    """The hub does not answer, or not as it should."""


class NoDoor(HubAway):
    """The hub has no door for the service: its setting ``membership`` is off."""


class Outcome(StrEnum):
    """What became of a message."""

    SENT = "sent"
    NO_MAIL = "no_mail"
    REFUSED = "refused"


class HubDoor:
    """What the service asks of the hub."""

    def __init__(self, api_url: str, api_token: str) -> None:
        self._api = api_url.rstrip("/")
        self._headers = {"Authorization": f"token {api_token}"}

    async def end(self, username: str) -> bool:
        """End somebody's sessions and stop their servers; False while a server still starts or stops.

        Raises:
            HubAway: it does not do it.
        """
        return (
            self._found(await self._at_door("POST", "ended-members", {"username": username}))["ended"] is True
        )

    async def sends_mail(self) -> bool:
        """Say whether the hub has a mail server.

        Raises:
            HubAway: it does not say.
        """
        return self._found(await self._at_door("GET", "letters"))["sends"] is True

    async def send(self, letter: Mapping[str, object]) -> Outcome:
        """Have the hub send a message.

        Args:
            letter: `to`, `kind`, `cohort`, and what the kind needs; the words are the hub's.

        Raises:
            HubAway: it or its mail server does not do it now.
        """
        found = self._found(await self._at_door("POST", "letters", letter))
        try:
            return Outcome(found["outcome"])
        except ValueError as problem:
            raise HubAway("an unknown outcome of a message") from problem

    async def _at_door(
        self, method: str, name: str, body: Mapping[str, object] | None = None
    ) -> httpx.Response:
        return await self._send(
            method,
            f"{self._api.removesuffix('/api')}/studyhall/{name}",
            body,
            accept="application/json",
            seconds=SLOW_SECONDS,
        )

    @staticmethod
    def _found(answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NoDoor(NoDoor.__doc__)
        if answer.status_code != httpx.codes.OK:
            raise HubAway(f"{answer.status_code} at the hub's door for the service")
        try:
            found: dict[str, Any] = answer.json()
        except ValueError as problem:
            raise HubAway("no JSON at the hub's door for the service") from problem
        return found

    async def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, accept: str = "*/*"
    ) -> httpx.Response:
        return await self._send(method, self._api + path, body, accept=accept, seconds=TIMEOUT_SECONDS)

    async def _send(
        self, method: str, url: str, body: Mapping[str, object] | None, *, accept: str, seconds: float
    ) -> httpx.Response:
        try:
            async with httpx.AsyncClient(timeout=seconds) as client:
                return await client.request(
                    method, url, json=body, headers=self._headers | {"Accept": accept}
                )
        except httpx.HTTPError as error:
            raise HubAway(str(error) or type(error).__name__) from error
