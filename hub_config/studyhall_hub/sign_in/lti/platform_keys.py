"""A platform's public keys, fetched from it and kept for a while."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
from jwt.types import Options

from studyhall_hub.sign_in.lti.claims import LaunchRefused

KEPT = 3600.0
"""Seconds for which keys are used without asking again."""
KEPT_WITHOUT_ANSWER = 24 * 3600.0
"""Seconds for which they are used when the platform does not answer."""
BETWEEN_QUESTIONS = 30.0
"""Seconds between two questions, however many launches name a key that nobody knows."""
ALGORITHM = "RS256"
"""The only one: anything a token's own header says would let whoever wrote it choose."""
SMALLEST_KEY = 2048
LONGEST_TOKEN = 100_000

NO_CLAIMS: Options = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
}
"""Of these decides `claims.check`, by one clock and with sentences."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Returns what an address answers; raises OSError when there is no good answer."""


class PlatformKeys:
    """The keys of one platform."""

    def __init__(self, url: str, *, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._url, self._fetch, self._clock = url, fetch, clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._asked = float("-inf")
        self._asking = asyncio.Lock()

    async def claims_of(self, token: str) -> dict[str, Any]:
        """Return what a token says after its signature was checked, and nothing else of it.

        Raises:
            LaunchRefused: it is no token, or not signed with one of the platform's keys.
        """
        if len(token) > LONGEST_TOKEN:
            raise LaunchRefused("The learning platform's message is too long.")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as problem:
            raise LaunchRefused("The learning platform's message can't be read.") from problem
        key = await self._key(header.get("kid"))
        if key is None or header.get("alg") != ALGORITHM:
            raise LaunchRefused("The launch is not signed with a key of the learning platform.")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[ALGORITHM],
                options=NO_CLAIMS,
            )
        except jwt.InvalidTokenError as problem:
            raise LaunchRefused("The launch is not signed with a key of the learning platform.") from problem
        return claims

    async def _key(self, number: Any) -> jwt.PyJWK | None:
        if not isinstance(number, str):
            return None
        if number not in self._keys or self._clock() - self._fetched > KEPT:
            # A class comes all at once: whoever comes while the platform is asked waits for what it answers.
            async with self._asking:
                await self._renew(number)
        if self._clock() - self._fetched > KEPT_WITHOUT_ANSWER:
            raise LaunchRefused(
                "The learning platform's keys can't be fetched at the moment. Try again in a minute."
            )
        return self._keys.get(number)

    async def _renew(self, number: str) -> None:
        """Ask the platform for its keys, unless that was done a moment ago."""
        now = self._clock()
        outdated = now - self._fetched > KEPT
        if (outdated or number not in self._keys) and now - self._asked > BETWEEN_QUESTIONS:
            self._asked = now
            # Without an answer those that there are serve for a day.
            with contextlib.suppress(OSError):
                self._keys = keys_in(await self._fetch(self._url))
                self._fetched = now


def keys_in(document: bytes) -> dict[str, jwt.PyJWK]:
    """Return the keys of a JWKS that sign with RS256, by their number; others are left out.

    Raises:
        OSError: it is no JWKS.
    """
    try:
        listed = json.loads(document)["keys"]
        rows = [row for row in listed if isinstance(row, dict)]
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise OSError("no JWKS") from problem
    keys = {}
    for row in rows:
        if row.get("kty") != "RSA" or row.get("use", "sig") != "sig" or not isinstance(row.get("kid"), str):
            continue
        try:
            key = jwt.PyJWK(row, ALGORITHM)
        except jwt.PyJWTError:
            continue
        if getattr(key.key, "key_size", 0) >= SMALLEST_KEY and not hasattr(key.key, "private_numbers"):
            keys[str(row["kid"])] = key
    return keys
