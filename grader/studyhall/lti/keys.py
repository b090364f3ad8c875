"""The cohort's key pairs, with which it shows platforms who it is."""

import base64
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import delete, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.db.encryption import ContentCipher
from studyhall.db.session import cohort_of
from studyhall.lti.models import LtiKey

ALGORITHM = "RS256"
PUBLISHED = 2
"""Keys that are published at a time: the newest one, which signs, and the one before it."""


async def published(session: AsyncSession) -> list[dict[str, Any]]:
    """Return the public keys, the newest first."""
    rows = await session.scalars(select(LtiKey).order_by(LtiKey.created_at.desc()).limit(PUBLISHED))
    return [row.public for row in rows]


async def ensure(session: AsyncSession, cipher: ContentCipher) -> LtiKey:
    """Return the key that signs, made when there is none; two at once make one."""
    place = literal(f"lti keys:{cohort_of(session)}")
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(place, 0))))
    newest = await session.scalar(select(LtiKey).order_by(LtiKey.created_at.desc()).limit(1))
    return newest or await make(session, cipher)


async def make(session: AsyncSession, cipher: ContentCipher) -> LtiKey:
    """Make a new key, which signs from now on; of the older ones the newest stays published."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = private.public_key().public_numbers()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = LtiKey(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        public={
            "kty": "RSA",
            "use": "sig",
            "alg": ALGORITHM,
            "kid": secrets.token_hex(8),
            "n": _number(numbers.n),
            "e": _number(numbers.e),
        },
        sealed=cipher.seal(pem.decode()),
    )
    session.add(key)
    await session.flush()
    await session.refresh(key)
    kept = select(LtiKey.id).order_by(LtiKey.created_at.desc()).limit(PUBLISHED)
    await session.execute(delete(LtiKey).where(LtiKey.id.not_in(kept)))
    return key


def _number(value: int) -> str:
    written = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(written).rstrip(b"=").decode()


def signed(
    key: LtiKey, cipher: ContentCipher, claims: dict[str, Any], *, now: datetime, lasts: timedelta
) -> str:
    """Return claims as a token that platforms check with the published key."""
    return jwt.encode(
        claims
        | {
            "iat": int(now.timestamp()),
            "exp": int((now + lasts).timestamp()),
            "jti": secrets.token_urlsafe(24),
        },
        cipher.open(key.sealed),
        algorithm=ALGORITHM,
        headers={"kid": str(key.public["kid"])},
    )
