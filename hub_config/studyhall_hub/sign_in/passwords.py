"""Passwords and tokens as they are kept: bcrypt's hashes, and digests of tokens."""

import asyncio
import hashlib
import secrets

import bcrypt

from studyhall_hub.sign_in.policy import PASSWORD_BYTES

AT_ONCE = 4
"""Checks at a time: each keeps a processor busy for a quarter of a second, and the hub has other things to do."""


class Passwords:
    """Makes and checks hashes in threads, so that the hub goes on meanwhile."""

    def __init__(self, cost: int) -> None:
        self.cost = cost
        self.places = asyncio.Semaphore(AT_ONCE)
        self.nobodys = bcrypt.hashpw(secrets.token_bytes(24), bcrypt.gensalt(cost))
        """Fits no password; checked where there is no account, since no answer may be faster than the others."""

    async def made(self, password: str) -> bytes:
        """Return the hash of a new password, which is no longer than `PASSWORD_BYTES`."""
        async with self.places:
            return await asyncio.to_thread(bcrypt.hashpw, password.encode(), bcrypt.gensalt(self.cost))

    async def fit(self, password: str, kept: bytes | None) -> bool:
        """Return whether a password is the one that was kept; as slowly when there is none."""
        given = password.encode(errors="replace")
        usable = 0 < len(given) <= PASSWORD_BYTES
        async with self.places:
            same = await asyncio.to_thread(bcrypt.checkpw, given if usable else b"-", kept or self.nobodys)
        return same and usable and kept is not None


def unusable(cost: int) -> bytes:
    """Return a hash that no password fits, for an account whose person has not chosen one yet."""
    return bcrypt.hashpw(secrets.token_bytes(24), bcrypt.gensalt(cost))


def new_token() -> str:
    """Return a token for a link."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """Return what is kept of a token; whoever reads the database cannot use it."""
    return hashlib.sha256(text.encode()).hexdigest()
