"""Sign-in for trying out: a few accounts with generated passwords in a file."""

import hashlib
import hmac
import json
import stat
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import List, Unicode

from studyhall_hub.own_forms import refuse_other_pages_forms


class AccountsError(Exception):
    """The file of demo accounts cannot be used."""


def read_accounts(file: Path) -> dict[str, str]:
    """Return the passwords in `file` by name.

    Raises:
        AccountsError: it cannot be read, is readable by others, or is not a JSON object of texts.
    """
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise AccountsError(f"Others may read the passwords in {file}; forbid it with: chmod 600 {file}")
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise AccountsError(f"The accounts in {file} cannot be read ({problem.strerror}).") from problem
    except ValueError as problem:
        raise AccountsError(f"The accounts in {file} are not valid JSON.") from problem
    if not isinstance(found, dict) or not all(isinstance(password, str) for password in found.values()):
        raise AccountsError(f"The accounts in {file} are not an object of names and passwords.")
    return found


def password_fits(accounts: dict[str, str], name: str, password: str) -> bool:
    """Return whether `password` is the one of `name`, in a time that tells nothing about either."""
    known = accounts.get(name, "")
    same = hmac.compare_digest(
        hashlib.sha256(known.encode()).digest(), hashlib.sha256(password.encode()).digest()
    )
    return same and bool(known)


class DemoAuthenticator(Authenticator):  # type: ignore[misc]  # jupyterhub ships no types
    """Lets the accounts of a file in, and nobody else."""

    accounts_file = Unicode(help="JSON file with the passwords by name.").tag(config=True)
    more_pages: List[Any] = List(help="Pages of other parts: addresses and handlers.").tag(config=True)

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """Return the hub's own pages for signing in, and those of other parts."""
        return [*super().get_handlers(app), *self.more_pages]

    async def authenticate(self, handler: Any, data: dict[str, str] | None = None) -> str | None:
        """Return the name when the password fits; None makes the hub say that it does not.

        Raises:
            tornado.web.HTTPError: 403 when another site's page sends it.
        """
        refuse_other_pages_forms(handler)
        given = data or {}
        name = given.get("username", "")
        accounts = read_accounts(Path(self.accounts_file))
        return name if password_fits(accounts, name, given.get("password", "")) else None
