"""The secrets of one installation, made at the first start and kept in a file only its owner may read."""

import json
import os
import secrets
import stat
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet
from pydantic import BaseModel, ConfigDict, ValidationError

from studyhall.supervisor.errors import DataFolderError
from studyhall.supervisor.postgres import ROLES, SUPERUSER

# No letters or figures that are taken for one another when a password is copied by hand.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
PASSWORD_GROUPS, GROUP_LENGTH = 3, 4


class Account(BaseModel):
    """A person for trying out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    role: str
    password: str


DEMO_PEOPLE = {
    "ines": "instructor",
    "gabriel": "grader",
    "lea": "learner",
    "liam": "learner",
    "lucia": "learner",
}


class Keys(BaseModel):
    """Every secret of the installation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content_key: str
    database_passwords: dict[str, str]
    service_token: str
    supervisor_token: str
    proxy_token: str
    accounts: tuple[Account, ...]

    @classmethod
    def made(cls) -> Self:
        """Make new ones."""
        return cls(
            content_key=Fernet.generate_key().decode("ascii"),
            database_passwords={role: secrets.token_urlsafe(24) for role in (SUPERUSER, *ROLES)},
            service_token=secrets.token_hex(32),
            supervisor_token=secrets.token_hex(32),
            proxy_token=secrets.token_hex(32),
            accounts=tuple(
                Account(name=name, role=role, password=easy_password()) for name, role in DEMO_PEOPLE.items()
            ),
        )


def easy_password() -> str:
    """Return a random password that can be typed: three groups of four letters and figures (59 bits)."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(GROUP_LENGTH)) for _ in range(PASSWORD_GROUPS))
    return "-".join(groups)


def kept_keys(file: Path, *, database: Path) -> Keys:
    """Return the installation's secrets from `file`, making them at the first start.

    `database` is the folder that is there once the installation has data.

    Raises:
        DataFolderError: the file is damaged, open to others, or gone while there is data.
    """
    if not file.exists():
        if database.exists():
            raise DataFolderError(
                f"The secrets {file} are gone, and without them the data in {database.parent} cannot be "
                "read; restore that file, or move the data folder away to begin afresh."
            )
        keys = Keys.made()
        write_private(file, keys.model_dump_json(indent=2))
        return keys
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise DataFolderError(f"Others may read the secrets in {file}; forbid it with: chmod 600 {file}")
        keys = Keys.model_validate_json(file.read_bytes())
        Fernet(keys.content_key)
    except OSError as problem:
        raise DataFolderError(f"The secrets {file} cannot be read ({problem.strerror}).") from problem
    except ValueError as problem:
        # pydantic's message would show the secrets themselves.
        hint = (
            "it is not what Studyhall wrote"
            if isinstance(problem, ValidationError)
            else "its content key is broken"
        )
        raise DataFolderError(
            f"The secrets {file} are damaged ({hint}); restore that file, or move the data folder away to "
            "begin afresh."
        ) from None
    return keys


def write_private(file: Path, text: str) -> None:
    """Write `text` to `file`, readable by its owner only and never half written."""
    beside = file.with_name(f"{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    beside.rename(file)


def write_accounts(file: Path, keys: Keys) -> None:
    """Write the demo accounts the way the hub reads them: passwords by name."""
    write_private(file, json.dumps({account.name: account.password for account in keys.accounts}, indent=2))
