"""Calls to a learning platform: its token, its gradebook, its roster. Knows no database."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from studyhall.lti import policy
from studyhall.lti.errors import PlatformBusy, PlatformRefused

SECONDS = 20.0
MOST_PAGES = 200
LONGEST_ANSWER = 5_000_000
EARLY = 60.0
"""Seconds before its end after which a token is not used any more."""

LINE_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
SCORE = "application/vnd.ims.lis.v1.score+json"
MEMBERS = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Registration:
    """Where a platform gives tokens, and what shows it who asks."""

    issuer: str
    client_id: str
    token_url: str
    assertion: Callable[[], str]
    """Returns a newly signed one; each is good once."""


class Tokens:
    """Tokens of platforms, kept until shortly before they end."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str, tuple[str, ...]], tuple[str, float]] = {}
        self._asking: dict[tuple[str, str, str, tuple[str, ...]], asyncio.Lock] = {}

    async def get(
        self, client: httpx.AsyncClient, platform: Registration, scopes: Sequence[str], *, fresh: bool = False
    ) -> str:
        """Return a token for some scopes; a new one when the platform has refused the one that is kept.

        Raises:
            PlatformRefused, PlatformBusy: there is none to be had.
        """
        key = (platform.issuer, platform.client_id, platform.token_url, tuple(scopes))
        async with self._asking.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept is not None and not fresh and time.monotonic() < kept[1]:
                return kept[0]
            answer = await _sent(
                client,
                "POST",
                platform.token_url,
                data={
                    "grant_type": "client_credentials",
                    "client_assertion_type": ASSERTION,
                    "client_assertion": platform.assertion(),
                    "scope": " ".join(scopes),
                },
            )
            if answer.status_code != httpx.codes.OK:
                raise _trouble(answer, "its address for tokens")
            found = _json(answer)
            token = found.get("access_token") if isinstance(found, dict) else None
            if not isinstance(token, str) or not token.isascii() or not token.isprintable():
                raise PlatformRefused("The learning platform gave no token. Check client id and keys there.")
            lasts = found.get("expires_in")
            seconds = float(lasts) if isinstance(lasts, int | float) and 0 < lasts < 1e6 else 300.0
            self._kept[key] = (token, time.monotonic() + max(0.0, seconds - EARLY))
            return token


class PlatformCalls:
    """One platform's services, used with tokens for some scopes."""

    def __init__(
        self, client: httpx.AsyncClient, tokens: Tokens, platform: Registration, scopes: Sequence[str]
    ) -> None:
        self._client, self._tokens, self._platform = client, tokens, platform
        self._scopes = list(scopes)

    async def find_column(self, line_items: str, resource_id: str) -> str | None:
        """Return the column that was made for a lesson, by our number of it and never by its name.

        Raises:
            PlatformRefused, PlatformBusy: it can't be found out.
        """
        url: str | None = policy.with_query(line_items, resource_id=resource_id, limit="100")
        for _ in range(MOST_PAGES):
            if url is None:
                return None
            answer = await self._call("GET", url, accept=LINE_ITEMS)
            rows = _json(answer)
            for row in rows if isinstance(rows, list) else []:
                # A platform may not know the filter, and then answers with all.
                if isinstance(row, dict) and row.get("resourceId") == resource_id:
                    return _column_of(row, line_items)
            url = _next(answer, url)
        return None

    async def make_column(self, line_items: str, resource_id: str, *, label: str, maximum: float) -> str:
        """Make a lesson's column; return its address.

        Raises:
            PlatformRefused, PlatformBusy: it can't be made.
        """
        body = {"label": label, "scoreMaximum": maximum, "resourceId": resource_id, "tag": "studyhall"}
        answer = await self._call("POST", line_items, accept=LINE_ITEM, content=LINE_ITEM, body=body)
        made = _json(answer)
        if not isinstance(made, dict):
            raise PlatformRefused("The learning platform made a column and does not say where.")
        return _column_of(made, line_items)

    async def score(self, column: str, score: dict[str, Any]) -> None:
        """Give a score.

        Raises:
            PlatformRefused, PlatformBusy: it was not taken.
        """
        await self._call(
            "POST", policy.scores_url(column), accept="application/json", content=SCORE, body=score
        )

    async def members(self, url: str) -> list[dict[str, Any]]:
        """Return everybody on a course's roster, all pages of it.

        Raises:
            PlatformRefused, PlatformBusy: it can't be read whole.
        """
        found: list[dict[str, Any]] = []
        page: str | None = url
        for _ in range(MOST_PAGES):
            if page is None:
                return found
            answer = await self._call("GET", page, accept=MEMBERS)
            body = _json(answer)
            rows = body.get("members") if isinstance(body, dict) else None
            if not isinstance(rows, list):
                raise PlatformRefused("The learning platform's roster can't be read.")
            found += [row for row in rows if isinstance(row, dict)]
            page = _next(answer, page)
        raise PlatformRefused("The learning platform's roster has no end.")

    async def token(self) -> None:
        """Get a token, to see whether that works.

        Raises:
            PlatformRefused, PlatformBusy: it does not.
        """
        await self._tokens.get(self._client, self._platform, self._scopes, fresh=True)

    async def _call(
        self, method: str, url: str, *, accept: str, content: str = "", body: dict[str, Any] | None = None
    ) -> httpx.Response:
        if not policy.is_callable(url, token_url=self._platform.token_url):
            raise PlatformRefused(f"The learning platform names {url[:200]}, which is not called from here.")
        for fresh in (False, True):
            token = await self._tokens.get(self._client, self._platform, self._scopes, fresh=fresh)
            headers = {"Authorization": f"Bearer {token}", "Accept": accept}
            if content:
                headers["Content-Type"] = content
            written = json.dumps(body).encode() if body is not None else None
            answer = await _sent(self._client, method, url, headers=headers, content=written)
            # The platform may have forgotten the token before its time; with a new one it is its last word.
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                break
        if not answer.is_success:
            raise _trouble(answer, url)
        return answer


class ColumnGone(PlatformRefused):
    """The learning platform has no such column any more."""


async def _sent(client: httpx.AsyncClient, method: str, url: str, **options: Any) -> httpx.Response:
    try:
        async with client.stream(method, url, follow_redirects=False, timeout=SECONDS, **options) as answer:
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LONGEST_ANSWER:
                    raise PlatformRefused("The learning platform's answer is too long.")
            return httpx.Response(
                answer.status_code,
                headers=[
                    (name, value)
                    for name, value in answer.headers.multi_items()
                    if name.lower() not in {"content-encoding", "content-length", "transfer-encoding"}
                ],
                content=body,
            )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise PlatformRefused(f"{url[:200]} is no address.") from error
    except httpx.HTTPError as error:
        raise PlatformBusy("The learning platform does not answer.") from error


def _trouble(answer: httpx.Response, where: str) -> PlatformBusy | PlatformRefused:
    status = answer.status_code
    said = f"The learning platform answered {status} at {where[:200]}."
    if policy.is_busy(status, rate_left=answer.headers.get("X-Rate-Limit-Remaining")):
        return PlatformBusy(said, after=_seconds(answer.headers.get("Retry-After")))
    if status == httpx.codes.NOT_FOUND:
        return ColumnGone(said)
    return PlatformRefused(said)


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _json(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise PlatformRefused("The learning platform's answer can't be read.") from error


def _next(answer: httpx.Response, url: str) -> str | None:
    try:
        return policy.next_page(answer.headers.get("Link"), of=url)
    except ValueError as error:
        raise PlatformRefused(
            "The learning platform says that the list goes on at another address, which is not asked: it would get the "
            "platform's token."
        ) from error


def _column_of(row: dict[str, Any], line_items: str) -> str:
    url = row.get("id")
    if not isinstance(url, str) or not policy.same_origin(url, line_items):
        raise PlatformRefused("The learning platform names a column at another address.")
    return url


def registration(
    *,
    issuer: str,
    client_id: str,
    token_url: str,
    audience: str,
    sign: Callable[[dict[str, Any], datetime], str],
    clock: Callable[[], datetime],
) -> Registration:
    """Return a registration whose assertions are signed anew each time.

    Args:
        issuer: the platform.
        client_id: who we are there.
        token_url: where it gives tokens.
        audience: whom the assertion is addressed to.
        sign: signs claims at a moment, and adds when they end and their number.
        clock: the present.
    """
    return Registration(
        issuer=issuer,
        client_id=client_id,
        token_url=token_url,
        assertion=lambda: sign({"iss": client_id, "sub": client_id, "aud": audience}, clock()),
    )
