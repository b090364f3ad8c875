"""Commands about a cohort's members as typed. Imports nothing of the service before a command is called."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from studyhall.administration.terminal import (
    AsJson,
    CohortSlug,
    OrganizationSlug,
    refusing,
    say_json,
    say_table,
)

if TYPE_CHECKING:
    from studyhall.members.schemas import Decided, JoiningOut

owners = typer.Typer(help="Owners: those who run an organisation's cohorts.", no_args_is_help=True)
roles = typer.Typer(help="Roles in a cohort as a whole.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="The person's name at the hub.")]
OnlyCohort = Annotated[
    str | None, typer.Option("--cohort", help="Only in this one; else in all that are not closed.")
]
Mail = Annotated[
    str | None,
    typer.Option(
        help="Their mail address, which a local account of this name has to show at its first sign-in."
    ),
]
Usernames = Annotated[list[str], typer.Argument(help="Names at the hub of those who wait.")]


class RoleName(StrEnum):
    """Roles in a cohort."""

    org_owner = "org_owner"
    moderator = "moderator"
    admin = "admin"
    system_admin = "system_admin"


class StateName(StrEnum):
    """What has become of a wish to join."""

    waiting = "waiting"
    approved = "approved"
    declined = "declined"
    all = "all"


# ---------------------------------------------------------------- studyhall org owner


@owners.command("add")
def add_owner(
    organization: OrganizationSlug,
    username: Username,
    cohort: OnlyCohort = None,
    mail: Mail = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make somebody an owner of an organisation's cohorts."""
    _change_owner(organization, username, cohort, mail, given=True, as_json=as_json)


@owners.command("remove")
def remove_owner(
    organization: OrganizationSlug, username: Username, cohort: OnlyCohort = None, *, as_json: AsJson = False
) -> None:
    """Take that away again."""
    _change_owner(organization, username, cohort, None, given=False, as_json=as_json)


def _change_owner(
    organization: str, username: str, cohort: str | None, mail: str | None, *, given: bool, as_json: bool
) -> None:
    from studyhall.administration import members_command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        changed = members_command.change_owner(
            Settings(), organization, username, cohort=cohort, given=given, mail=mail
        )
    if as_json:
        say_json({"username": username, "owner": given, "cohorts": changed})
        return
    for slug, is_new in changed.items():
        typer.echo(f"{username} is {_now(given=given, changed=is_new)} an owner of {slug}.")


@owners.command("list")
def list_owners(organization: OrganizationSlug, *, as_json: AsJson = False) -> None:
    """List who owns which cohort."""
    from studyhall.administration import members_command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        found = members_command.owners(Settings(), organization)
    if as_json:
        say_json([{"cohort": held.cohort, "username": held.username} for held in found])
        return
    say_table(
        ("Cohort", "Owner", "By"),
        [(held.cohort, held.username, held.granted_by) for held in found],
        none="There are no owners yet. Make one with `studyhall org owner add`.",
    )


# ---------------------------------------------------------------- studyhall cohort role


@roles.command("add")
def add_role(
    cohort: CohortSlug, username: Username, role: RoleName, mail: Mail = None, *, as_json: AsJson = False
) -> None:
    """Give somebody a role in a cohort."""
    _change_role(cohort, username, role, mail, given=True, as_json=as_json)


@roles.command("remove")
def remove_role(cohort: CohortSlug, username: Username, role: RoleName, *, as_json: AsJson = False) -> None:
    """Take a role in a cohort from somebody."""
    _change_role(cohort, username, role, None, given=False, as_json=as_json)


def _change_role(
    cohort: str, username: str, role: RoleName, mail: str | None, *, given: bool, as_json: bool
) -> None:
    from studyhall.administration import members_command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.permissions import CohortRole  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        changed = members_command.change_role(
            Settings(), cohort, username, CohortRole(role.value), given=given, mail=mail
        )
    if as_json:
        say_json({"username": username, "role": role.value, "held": given, "changed": changed})
        return
    typer.echo(f"{username} is {_now(given=given, changed=changed)} {role.value} in {cohort}.")


def _now(*, given: bool, changed: bool) -> str:
    """Return how a state is said: now, already, no more, not (and was not)."""
    if given:
        return "now" if changed else "already"
    return "no more" if changed else "not, and was not,"


@roles.command("list")
def list_roles(cohort: CohortSlug, *, as_json: AsJson = False) -> None:
    """List who holds which role in a cohort."""
    from studyhall.administration import members_command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        found = members_command.roles(Settings(), cohort)
    if as_json:
        say_json([{"username": held.username, "role": held.role.value} for held in found])
        return
    say_table(
        ("Role", "Name", "By"),
        [(held.role.value, held.username, held.granted_by) for held in found],
        none="Nobody holds a role in this cohort. Give one with `studyhall cohort role add`.",
    )


# ---------------------------------------------------------------- studyhall cohort show, joining


def show(cohort: CohortSlug, *, as_json: AsJson = False) -> None:
    """Show a cohort: its plan with the limits, its people, and who may join."""
    from studyhall.administration import members_command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        page = members_command.show(Settings(), cohort)
    if as_json:
        say_json(page.model_dump(mode="json", exclude={"may"}))
        return
    told, limits, usage = page.cohort, page.limits, page.usage
    server = (
        f"{limits.memory_mebibytes} MiB, {limits.processors:g} processors, {limits.processes} processes, "
        f"{limits.disk_mebibytes} MiB of disk"
    )
    most = f"of {limits.members}" if limits.members is not None else "of as many as there are"
    say_table(
        ("", ""),
        [
            ("Cohort", f"{told.slug} ({told.name})"),
            ("Organisation", f"{page.organization.slug} ({page.organization.name})"),
            ("State", told.state.value),
            (
                "Days",
                f"{told.starts_on or 'no first day'} to {told.ends_on or 'no last day'}, {told.timezone}",
            ),
            ("Plan", told.plan.value),
            ("Members", f"{usage.members} {most}, {usage.staff} of them staff; {usage.waiting} waiting"),
            ("A learner's server", server),
            ("Courses", ", ".join(course.course for course in page.courses) or "none"),
            ("Joining", _joining(page.joining)),
        ],
        none="",
    )


def joining(
    cohort: CohortSlug,
    domain: Annotated[
        list[str] | None, typer.Option(help="Mail domain whose people may join; may be given several times.")
    ] = None,
    *,
    no_domains: Annotated[bool, typer.Option("--no-domains", help="No domain any more.")] = False,
    public: Annotated[
        bool | None, typer.Option("--public/--no-public", help="Whether any verified address will do.")
    ] = None,
    approval: Annotated[
        bool | None,
        typer.Option("--approval/--no-approval", help="Whether somebody decides on each of them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who may join a cohort without being on a roster, and change what is given of it."""
    from pydantic import ValidationError  # noqa: PLC0415 - a command imports only what it needs

    from studyhall.administration import members_command  # noqa: PLC0415 - as above
    from studyhall.members.schemas import JoiningChange  # noqa: PLC0415 - as above
    from studyhall.organizations.errors import Reason, Refused  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        if domain and no_domains:
            raise Refused(Reason.INVALID_DOMAIN, "Give domains, or --no-domains, and not both.")
        try:
            change = JoiningChange(
                mail_domains=[] if no_domains else domain or None,
                allow_public_join=public,
                require_approval=approval,
            )
        except ValidationError as error:
            raise Refused(
                Reason.INVALID_DOMAIN, str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            ) from error
        rules, changed = members_command.change_joining(Settings(), cohort, change)
    if as_json:
        say_json({**rules.model_dump(mode="json"), "changed": changed})
        return
    typer.echo(f"{cohort}: {_joining(rules)}.{' Changed.' if changed else ''}")


def _joining(rules: "JoiningOut") -> str:
    if rules.allow_public_join:
        who = "anybody with a verified mail address"
    elif rules.mail_domains:
        who = f"people of {', '.join(rules.mail_domains)} with a verified mail address"
    else:
        return "who is on a roster; before the first roster, whoever the hub lets in"
    return f"who is on a roster, and {who}" + (", after approval" if rules.require_approval else "")


# ---------------------------------------------------------------- studyhall cohort requests, approve, decline


def requests(
    cohort: CohortSlug,
    state: Annotated[StateName, typer.Option(help="Which of them.")] = StateName.waiting,
    *,
    as_json: AsJson = False,
) -> None:
    """List who wants to join a cohort, who waits longest first."""
    from studyhall.administration import members_command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.members.policy import JoinState  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    wanted = None if state is StateName.all else JoinState(state.value)
    with refusing(as_json=as_json):
        found, total = members_command.requests(Settings(), cohort, wanted)
    if as_json:
        say_json([row.model_dump(mode="json") for row in found])
        return
    say_table(
        ("Name", "Display name", "Mail", "Since", "State", "By", "Reason"),
        [
            (
                row.username,
                row.display_name,
                row.email,
                f"{row.asked_at:%Y-%m-%d %H:%M} UTC",
                row.state.value,
                row.decided_by or "",
                row.reason or "",
            )
            for row in found
        ],
        none="There are none.",
    )
    if total > len(found):
        typer.echo(f"These are the first {len(found)} of {total}.")


def approve(cohort: CohortSlug, usernames: Usernames, *, as_json: AsJson = False) -> None:
    """Let in some of those who wait."""
    _decide(cohort, usernames, approve=True, reason=None, as_json=as_json)


def decline(
    cohort: CohortSlug,
    usernames: Usernames,
    reason: Annotated[str | None, typer.Option(help="What they read when they sign in again.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Decline some of those who wait."""
    _decide(cohort, usernames, approve=False, reason=reason, as_json=as_json)


def _decide(cohort: str, usernames: list[str], *, approve: bool, reason: str | None, as_json: bool) -> None:
    from studyhall.administration import members_command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        decided: Decided = members_command.decide(
            Settings(), cohort, usernames, approve=approve, reason=reason
        )
    if as_json:
        say_json(decided.model_dump(mode="json"))
    else:
        typer.echo(f"{decided.decided} {'approved' if approve else 'declined'}.")
        for row in decided.left:
            typer.echo(row.why)
    if decided.left:
        raise typer.Exit(code=1)
