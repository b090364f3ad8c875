"""Accounts, links that were mailed, failed attempts and people from elsewhere, in the hub's own database.

Accounts are NativeAuthenticator's table; the others are ours. Every method is one transaction of its own,
apart from the hub's session. Times are seconds since 1970.
"""

from dataclasses import dataclass
from typing import Any, Literal

from jupyterhub import orm
from nativeauthenticator.orm import UserInfo
from sqlalchemy import (
    Column,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from studyhall_hub.sign_in.errors import LinkUsedUp, Taken
from studyhall_hub.sign_in.policy import HOUR

Purpose = Literal["verify", "reset"]

ACCOUNTS: Table = UserInfo.__table__
PEOPLE: Table = orm.User.__table__

OURS = MetaData()
LINKS = Table(
    "studyhall_mailed_links",
    OURS,
    Column("digest", String(64), primary_key=True),
    Column("purpose", String(16), nullable=False),
    Column("username", String(128), nullable=False, index=True),
    Column("email", String(128)),
    Column("password", LargeBinary),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
)
ATTEMPTS = Table(
    "studyhall_attempts",
    OURS,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(80), nullable=False, index=True),
    Column("at", Float, nullable=False, index=True),
)
ELSEWHERE = Table(
    "studyhall_people_from_elsewhere",
    OURS,
    Column("provider", String(16), primary_key=True),
    Column("subject", String(128), primary_key=True),
    Column("username", String(255), nullable=False),
    UniqueConstraint("username"),
)
UNIQUE = (
    Index("studyhall_accounts_username", ACCOUNTS.c.username, unique=True),
    Index("studyhall_accounts_email", ACCOUNTS.c.email, unique=True),
)
"""NativeAuthenticator looks before it adds; two people at once need more than that."""


@dataclass(frozen=True)
class Account:
    """A local account; who has one has proved that the mail address is theirs, or was let in by an operator."""

    name: str
    mail: str | None
    password: bytes
    """bcrypt's hash."""


@dataclass(frozen=True)
class MailedLink:
    """What a link stands for."""

    name: str
    mail: str | None
    password: bytes | None
    """bcrypt's hash of the password that was chosen at sign-up."""


class AccountStore:
    """All of it, over the database of one hub."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def make_tables(self) -> None:
        """Make the tables and indexes that are missing."""
        with self.engine.begin() as connection:
            ACCOUNTS.create(connection, checkfirst=True)
            OURS.create_all(connection, checkfirst=True)
            for index in UNIQUE:
                index.create(connection, checkfirst=True)

    # ---------------------------------------------------------------- accounts

    def find(self, name: str) -> Account | None:
        """Return the account with this name."""
        return self._account(ACCOUNTS.c.username == name)

    def find_by_mail(self, mail: str) -> Account | None:
        """Return the account with this mail address."""
        return self._account(ACCOUNTS.c.email == mail)

    def _account(self, condition: Any) -> Account | None:
        with self.engine.connect() as connection:
            row = connection.execute(select(ACCOUNTS).where(condition)).first()
        return None if row is None else Account(name=row.username, mail=row.email, password=row.password)

    def accounts(self) -> list[Account]:
        """Return all accounts by name."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.username)).all()
        return [Account(name=row.username, mail=row.email, password=row.password) for row in rows]

    def is_person(self, name: str) -> bool:
        """Return whether the hub knows somebody by this name, such as staff named in its settings."""
        with self.engine.connect() as connection:
            return connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.name == name)).first() is not None

    def add(self, account: Account) -> None:
        """Add an account.

        Raises:
            Taken: its name or mail address belongs to another.
        """
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(ACCOUNTS).values(**_row(account)))
        except IntegrityError as problem:
            raise Taken(Taken.__doc__) from problem

    def forget(self, name: str) -> None:
        """Delete everything about a person."""
        with self.engine.begin() as connection:
            for table in (ACCOUNTS, LINKS, ELSEWHERE):
                connection.execute(delete(table).where(table.c.username == name))

    # ---------------------------------------------------------------- links

    def add_link(self, purpose: Purpose, digest: str, link: MailedLink, *, expires_at: float) -> None:
        """Remember what a link stands for, by the digest of its token only."""
        with self.engine.begin() as connection:
            connection.execute(
                insert(LINKS).values(
                    digest=digest,
                    purpose=purpose,
                    username=link.name,
                    email=link.mail,
                    password=link.password,
                    expires_at=expires_at,
                )
            )

    def link(self, purpose: Purpose, digest: str, *, now: float) -> MailedLink:
        """Return what an unused link stands for.

        Raises:
            LinkUsedUp: there is none, it was used, or its time is over.
        """
        with self.engine.connect() as connection:
            row = connection.execute(
                select(LINKS).where(
                    LINKS.c.digest == digest,
                    LINKS.c.purpose == purpose,
                    LINKS.c.used_at.is_(None),
                    LINKS.c.expires_at > now,
                )
            ).first()
        if row is None:
            raise LinkUsedUp(LinkUsedUp.__doc__)
        return MailedLink(name=row.username, mail=row.email, password=row.password)

    def _use(self, connection: Any, purpose: Purpose, digest: str, *, now: float) -> Any:
        # One statement finds it unused and uses it: of two requests at once, one gets it.
        row = connection.execute(
            update(LINKS)
            .where(
                LINKS.c.digest == digest,
                LINKS.c.purpose == purpose,
                LINKS.c.used_at.is_(None),
                LINKS.c.expires_at > now,
            )
            .values(used_at=now, password=None)
            .returning(LINKS.c.username, LINKS.c.email)
        ).first()
        if row is None:
            raise LinkUsedUp(LinkUsedUp.__doc__)
        return row

    def open_account(self, digest: str, *, password: bytes, now: float) -> str:
        """Use a verification link: make its account with the password that was chosen then; return its name.

        Raises:
            LinkUsedUp: there is no such unused link.
            Taken: name or mail address have become somebody else's since the sign-up.
        """
        try:
            with self.engine.begin() as connection:
                row = self._use(connection, "verify", digest, now=now)
                taken = connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.name == row.username)).first()
                if taken is not None:
                    raise Taken(Taken.__doc__)
                account = Account(name=row.username, mail=row.email, password=password)
                connection.execute(insert(ACCOUNTS).values(**_row(account)))
                return account.name
        except IntegrityError as problem:
            raise Taken(Taken.__doc__) from problem

    def change_password(self, digest: str, *, password: bytes, now: float) -> str:
        """Use a reset link, and with it all others of the account; return whose it was.

        Raises:
            LinkUsedUp: there is no such unused link, or its account is gone.
        """
        with self.engine.begin() as connection:
            name = str(self._use(connection, "reset", digest, now=now).username)
            changed = connection.execute(
                update(ACCOUNTS)
                .where(ACCOUNTS.c.username == name)
                .values(password=password, is_authorized=True)
            )
            if not changed.rowcount:
                raise LinkUsedUp(LinkUsedUp.__doc__)
            connection.execute(
                update(LINKS)
                .where(LINKS.c.username == name, LINKS.c.purpose == "reset", LINKS.c.used_at.is_(None))
                .values(used_at=now)
            )
            return name

    # ---------------------------------------------------------------- attempts

    def attempts(self, key: str, *, since: float) -> list[float]:
        """Return when attempts were counted under a key."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(ATTEMPTS.c.at).where(ATTEMPTS.c.key == key, ATTEMPTS.c.at > since)
            )
            return [float(at) for at in rows.scalars()]

    def count(self, *keys: str, at: float) -> list[int]:
        """Count an attempt under each key, forget those of yesterday, and return the numbers of the new ones."""
        with self.engine.begin() as connection:
            connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.at < at - 24 * HOUR))
            connection.execute(delete(LINKS).where(LINKS.c.expires_at < at - 24 * HOUR))
            return [
                int(
                    connection.execute(
                        insert(ATTEMPTS).values(key=key, at=at).returning(ATTEMPTS.c.id)
                    ).scalar_one()
                )
                for key in keys
            ]

    def uncount(self, number: int) -> None:
        """Take one counted attempt back."""
        with self.engine.begin() as connection:
            connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.id == number))

    def clear(self, key: str) -> int:
        """Forget all attempts under a key; return how many there were."""
        with self.engine.begin() as connection:
            return int(connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.key == key)).rowcount)

    # ---------------------------------------------------------------- people from elsewhere

    def name_of(self, provider: str, subject: str) -> str | None:
        """Return the name that a provider's person has here."""
        with self.engine.connect() as connection:
            found = connection.execute(
                select(ELSEWHERE.c.username).where(
                    ELSEWHERE.c.provider == provider, ELSEWHERE.c.subject == subject
                )
            ).scalar()
        return None if found is None else str(found)

    def is_linked(self, name: str) -> bool:
        """Return whether a name belongs to somebody from elsewhere."""
        with self.engine.connect() as connection:
            return (
                connection.execute(select(ELSEWHERE.c.username).where(ELSEWHERE.c.username == name)).first()
                is not None
            )

    def link_person(self, provider: str, subject: str, name: str) -> None:
        """Keep which name a provider's person has here.

        Raises:
            Taken: somebody else got the name first.
        """
        if self.name_of(provider, subject) == name:
            return
        try:
            with self.engine.begin() as connection:
                connection.execute(
                    insert(ELSEWHERE).values(provider=provider, subject=subject, username=name)
                )
        except IntegrityError as problem:
            raise Taken(Taken.__doc__) from problem


def _row(account: Account) -> dict[str, Any]:
    return {
        "username": account.name,
        "email": account.mail,
        "password": account.password,
        "is_authorized": True,
        "login_email_sent": True,
        "has_2fa": False,
    }
