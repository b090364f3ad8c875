"""An operator's work on local accounts: `studyhall account`, which starts this.

It works on the hub's database and needs no running hub.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from studyhall_hub.settings import HubSettingsError, load_settings
from studyhall_hub.sign_in import policy
from studyhall_hub.sign_in.errors import Taken
from studyhall_hub.sign_in.local_accounts import LocalAccounts, key_of_account
from studyhall_hub.sign_in.passwords import Passwords, unusable
from studyhall_hub.sign_in.profile import public_hub_url
from studyhall_hub.sign_in.store import Account, AccountStore

SETTINGS = "STUDYHALL_HUB_SETTINGS"


class CommandError(Exception):
    """The command cannot do that; the message says why, and what to do."""


def opened(settings_file: str | None, *, clock: Callable[[], float]) -> LocalAccounts:
    """Return the accounts of the hub that a settings file describes.

    Raises:
        CommandError: there is no such file, or that hub keeps no accounts.
    """
    path = settings_file or os.environ.get(SETTINGS)
    if not path:
        raise CommandError(
            f"Which hub? Say where its settings file is, with --settings FILE or the variable {SETTINGS}."
        )
    try:
        hub = load_settings(Path(path))
    except HubSettingsError as problem:
        raise CommandError(str(problem)) from problem
    if hub.sign_in is None or hub.sign_in.local is None:
        raise CommandError(
            f"This hub keeps no accounts of its own: {path} has no part sign_in.local. Where demo accounts are "
            "used, edit the file that accounts.file names."
        )
    store = AccountStore(create_engine(hub.database_url.get_secret_value()))
    store.make_tables()
    return LocalAccounts(
        store,
        hub.sign_in.local,
        passwords=Passwords(hub.sign_in.local.bcrypt_cost),
        mailer=None,
        hub_url=public_hub_url(bind_url=hub.bind_url, subdomain_host=hub.subdomain_host),
        clock=clock,
        is_common=lambda _password: False,
    )


def existing(accounts: LocalAccounts, name: str) -> Account:
    """Return an account.

    Raises:
        CommandError: there is none of this name.
    """
    account = accounts.store.find(name.strip().lower())
    if account is None:
        raise CommandError(f"There is no account {name}. See all of them with: studyhall account list")
    return account


def new(accounts: LocalAccounts, name: str, mail: str | None) -> list[str]:
    """Make an account whose person chooses the password by a link."""
    name, mail = name.strip().lower(), mail.strip().lower() if mail else None
    if not policy.is_name(name):
        raise CommandError(f"{name} cannot be a user name. {policy.NAME_RULE}")
    if mail is not None and not policy.is_mail(mail):
        raise CommandError(f"{mail} cannot be used. {policy.MAIL_RULE}")
    try:
        accounts.store.add(Account(name=name, mail=mail, password=unusable(accounts.settings.bcrypt_cost)))
    except Taken as problem:
        raise CommandError(
            f"There is an account with the name {name}{f' or the mail address {mail}' if mail else ''} already. "
            f"For a new password: studyhall account reset {name}"
        ) from problem
    return [
        f"The account {name} is made. Give its person this address; it works once, within 24 hours:",
        accounts.reset_link(name, lifetime=policy.INVITATION_LIFETIME),
    ]


def reset(accounts: LocalAccounts, name: str) -> list[str]:
    """Make a link for a new password."""
    account = existing(accounts, name)
    return [
        f"Give {account.name} this address for a new password; it works once, within an hour:",
        accounts.reset_link(account.name, lifetime=policy.RESET_LIFETIME),
    ]


def unlock(accounts: LocalAccounts, name: str) -> list[str]:
    """End the pause of an account."""
    account = existing(accounts, name)
    failed = accounts.store.clear(key_of_account(account.name))
    if failed:
        return [f"{account.name} may try again at once; {failed} failed attempts are forgotten."]
    return [f"{account.name} was not locked: there are no failed attempts."]


def listed(accounts: LocalAccounts) -> list[str]:
    """Return one line for each account: name, mail address, and whether it is locked."""
    lines = []
    for account in accounts.store.accounts():
        now = accounts.clock()
        failures = accounts.store.attempts(key_of_account(account.name), since=now - 2 * policy.WINDOW)
        until = policy.paused_until(failures, limit=policy.FAILURES, window=policy.WINDOW, now=now)
        state = "" if until is None else f"locked, may try again {policy.when(until, now=now)}"
        lines.append("\t".join((account.name, account.mail or "-", state)).rstrip())
    return lines or ["There are no accounts yet. Make one with: studyhall account new NAME"]


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="studyhall account", description="Local accounts of a hub.")
    commands = parser.add_subparsers(dest="command", required=True)
    for word in ("new", "reset", "unlock", "list"):
        command = commands.add_parser(word)
        command.add_argument("--settings", help=f"the hub's settings file ({SETTINGS})")
        if word != "list":
            command.add_argument("name", help="user name")
        if word == "new":
            command.add_argument("--mail", help="the person's mail address")
    return parser.parse_args(arguments)


def done(given: argparse.Namespace) -> list[str]:
    """Do what the command line says; return the lines to print.

    Raises:
        CommandError: it can't be done.
    """
    accounts = opened(given.settings, clock=time.time)
    try:
        if given.command == "new":
            return new(accounts, given.name, given.mail)
        if given.command == "reset":
            return reset(accounts, given.name)
        return unlock(accounts, given.name) if given.command == "unlock" else listed(accounts)
    finally:
        accounts.store.engine.dispose()


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says and print it; return the exit code."""
    given = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        lines = done(given)
    except CommandError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except OperationalError:
        sys.stderr.write("The hub's database can't be reached. Check database_url in its settings file.\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
