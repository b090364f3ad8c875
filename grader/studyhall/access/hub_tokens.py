"""Tokens at the hub: made for whoever approved, ended by whoever holds them."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import httpx
import structlog

from studyhall.errors import Unavailable

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class MadeToken:
    """A token as the hub made it."""

    token: str
    token_id: str
    expires_at: datetime


class HubTokens:
    """The part of the hub's API that makes and ends tokens, with the service's own token.

    The hub lets the service do this for members of the staff groups only, and never gives a token more than its owner
    has.
    """

    def __init__(self, api_url: str, api_token: str) -> None:
        self._api = api_url.rstrip("/")
        self._headers = {"Authorization": f"token {api_token}"}

    async def make(self, username: str, *, scopes: list[str], seconds: int, note: str) -> MadeToken:
        """Make a token.

        Raises:
            Unavailable: the hub does not answer, or refuses; the log says what it said.
        """
        answer = await self._ask(
            "POST",
            f"/users/{quote(username, safe='')}/tokens",
            {"scopes": scopes, "expires_in": seconds, "note": note},
        )
        if answer.status_code != httpx.codes.CREATED:
            log.error("hub_made_no_token", status=answer.status_code, said=answer.text[:300])
            raise Unavailable(
                "The hub made no token. Its configuration has to let Studyhall make tokens for this course's staff; "
                "ask the administrator to look into the service's log."
            )
        made = answer.json()
        return MadeToken(
            token=made["token"],
            token_id=made["id"],
            expires_at=datetime.fromisoformat(made["expires_at"]),
        )

    async def end(self, username: str, token_id: str, *, note: str) -> bool:
        """End a token whose note begins in this way; says whether there was one.

        Raises:
            Unavailable: the hub does not answer.
        """
        path = f"/users/{quote(username, safe='')}/tokens/{quote(token_id, safe='')}"
        found = await self._ask("GET", path)
        if found.status_code != httpx.codes.OK or not str(found.json().get("note", "")).startswith(note):
            return False
        return (await self._ask("DELETE", path)).status_code == httpx.codes.NO_CONTENT

    async def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> httpx.Response:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
                return await client.request(method, self._api + path, json=body, headers=self._headers)
        except httpx.HTTPError as error:
            raise Unavailable(
                "The hub does not answer right now. Try again in a minute.", retry_after=3
            ) from error
