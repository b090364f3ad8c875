"""Launches that were used up, in the hub's own database: what signs somebody in does so once."""

import hashlib

from sqlalchemy import Column, Engine, Float, MetaData, String, Table, delete, insert
from sqlalchemy.exc import IntegrityError

from studyhall_hub.sign_in.lti.claims import LaunchRefused

OURS = MetaData()
USED = Table(
    "studyhall_lti_used_launches",
    OURS,
    Column("digest", String(64), primary_key=True),
    Column("until", Float, nullable=False, index=True),
)


class UsedLaunches:
    """Nonces that came back, until they would be too old anyway."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        OURS.create_all(engine, checkfirst=True)

    def use(self, issuer: str, nonce: str, *, now: float, until: float) -> None:
        """Use a nonce up; of two launches at once with the same one, one gets through.

        Raises:
            LaunchRefused: it was used before.
        """
        digest = hashlib.sha256(f"{issuer}\n{nonce}".encode()).hexdigest()
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(USED).where(USED.c.until < now))
                connection.execute(insert(USED).values(digest=digest, until=until))
        except IntegrityError as problem:
            raise LaunchRefused(
                "This launch was used already. Open the activity in the learning platform again."
            ) from problem
