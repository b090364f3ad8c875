"""``studyhall org`` and ``studyhall cohort`` as typed. Imports nothing of the service before a command is called."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from studyhall.organizations.schemas import CohortOut, OrganizationOut

organizations = typer.Typer(help="Organisations.", no_args_is_help=True)
cohorts = typer.Typer(help="Cohorts: one group of learners with a hub of their own.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
OrganizationSlug = Annotated[str, typer.Argument(help="The organisation's slug.")]
CohortSlug = Annotated[str, typer.Argument(help="The cohort's slug.")]


class PlanName(StrEnum):
    """What can be agreed on for a cohort."""

    free = "free"
    basic = "basic"
    premium = "premium"
    organization = "organization"


@contextmanager
def refusing(*, as_json: bool) -> Iterator[None]:
    """Say a refusal as a sentence with its code, or as JSON, and end with 1."""
    from studyhall.organizations.errors import Refused  # noqa: PLC0415 - a command imports only what it needs

    try:
        yield
    except Refused as error:
        if as_json:
            say_json({"error": {"code": error.reason.value, "message": str(error)}})
        else:
            Console(stderr=True, soft_wrap=True, highlight=False).print(
                f"{error} ({error.reason.value})", style="red", markup=False
            )
        raise typer.Exit(code=1) from error


def say_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def say_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, none: str) -> None:
    """Print rows below headings, or a sentence when there are none."""
    if not rows:
        typer.echo(none)
        return
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, soft_wrap=True, markup=False).print(table)


# ---------------------------------------------------------------- organisations


@organizations.command("new")
def new_organization(
    slug: OrganizationSlug,
    name: Annotated[str | None, typer.Option(help="Its name for people; else made from the slug.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make an organisation; again with the same name changes nothing."""
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        made, changed = command.make_organization(Settings(), slug, name=name)
    _say_organization(made, "is made" if changed else "is there already", changed=changed, as_json=as_json)


@organizations.command("list")
def list_organizations(*, as_json: AsJson = False) -> None:
    """List all organisations."""
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        found = command.organizations(Settings())
    if as_json:
        say_json([row.model_dump(mode="json") for row in found])
        return
    say_table(
        ("Slug", "Name", "Cohorts", "State"),
        [(row.slug, row.name, str(row.cohorts), "closed" if row.closed_at else "open") for row in found],
        none="There are no organisations yet. Make one with `studyhall org new`.",
    )


@organizations.command("close")
def close_organization(slug: OrganizationSlug, *, as_json: AsJson = False) -> None:
    """Close an organisation: none of its cohorts takes submissions, and all data stays."""
    _close_organization(slug, closed=True, as_json=as_json)


@organizations.command("reopen")
def reopen_organization(slug: OrganizationSlug, *, as_json: AsJson = False) -> None:
    """Open an organisation again; cohorts that were closed by themselves stay closed."""
    _close_organization(slug, closed=False, as_json=as_json)


def _close_organization(slug: str, *, closed: bool, as_json: bool) -> None:
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        row, changed = command.close_organization(Settings(), slug, closed=closed)
    state = "closed" if closed else "open"
    words = f"is {state} {'now' if changed else 'already'}"
    _say_organization(row, words, changed=changed, as_json=as_json)


def _say_organization(row: "OrganizationOut", words: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        say_json({**row.model_dump(mode="json"), "changed": changed})
        return
    typer.echo(f"The organisation {row.slug} ({row.name}) {words}.")


# ---------------------------------------------------------------- cohorts


@cohorts.command("new")
def new_cohort(
    slug: CohortSlug,
    organization: Annotated[str, typer.Option(help="Slug of the organisation that it belongs to.")],
    name: Annotated[str | None, typer.Option(help="Its name for people; else made from the slug.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Its time zone, such as Europe/Berlin; else UTC.")
    ] = None,
    plan: Annotated[PlanName | None, typer.Option(help="What was agreed on; else organization.")] = None,
    starts: Annotated[
        datetime | None, typer.Option(help="Its first day, such as 2026-09-01.", formats=["%Y-%m-%d"])
    ] = None,
    ends: Annotated[
        datetime | None,
        typer.Option(help="Its last day; afterwards it takes no submissions.", formats=["%Y-%m-%d"]),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a cohort; again with the same values changes nothing."""
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.organizations.policy import Plan  # noqa: PLC0415 - as above
    from studyhall.organizations.schemas import CohortTerms  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    terms = CohortTerms(
        name=name,
        timezone=timezone,
        plan=Plan(plan.value) if plan else None,
        starts_on=_day(starts),
        ends_on=_day(ends),
    )
    with refusing(as_json=as_json):
        made, changed = command.make_cohort(Settings(), slug, organization=organization, terms=terms)
    _say_cohort(made, "is made" if changed else "is there already", changed=changed, as_json=as_json)
    if changed and not as_json:
        typer.echo(f"Its hub's service is told of it by STUDYHALL_COHORT={made.slug}.")


@cohorts.command("list")
def list_cohorts(
    organization: Annotated[str | None, typer.Option(help="Only those of this organisation.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List cohorts with their state."""
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        found = command.cohorts(Settings(), organization=organization)
    if as_json:
        say_json([row.model_dump(mode="json") for row in found])
        return
    say_table(
        ("Organisation", "Slug", "Name", "State", "Time zone", "Plan", "First day", "Last day"),
        [
            (
                row.organization,
                row.slug,
                row.name,
                row.state.value,
                row.timezone,
                row.plan.value,
                str(row.starts_on or ""),
                str(row.ends_on or ""),
            )
            for row in found
        ],
        none="There are no cohorts yet. Make one with `studyhall cohort new`.",
    )


@cohorts.command("change")
def change_cohort(
    slug: CohortSlug,
    name: Annotated[str | None, typer.Option(help="Another name for people.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Another time zone; first and last day stay the same days.")
    ] = None,
    plan: Annotated[PlanName | None, typer.Option(help="What was agreed on.")] = None,
    starts: Annotated[datetime | None, typer.Option(help="Another first day.", formats=["%Y-%m-%d"])] = None,
    ends: Annotated[datetime | None, typer.Option(help="Another last day.", formats=["%Y-%m-%d"])] = None,
    *,
    no_start: Annotated[bool, typer.Option("--no-start", help="It has no first day.")] = False,
    no_end: Annotated[bool, typer.Option("--no-end", help="It has no last day.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change what is given of a cohort, and leave the rest."""
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.organizations.errors import Reason, Refused  # noqa: PLC0415 - as above
    from studyhall.organizations.policy import Plan  # noqa: PLC0415 - as above
    from studyhall.organizations.schemas import CohortTerms  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    terms = CohortTerms(
        name=name,
        timezone=timezone,
        plan=Plan(plan.value) if plan else None,
        starts_on=_day(starts),
        ends_on=_day(ends),
    )
    drop = frozenset(day for day, is_gone in (("starts_on", no_start), ("ends_on", no_end)) if is_gone)
    with refusing(as_json=as_json):
        if (no_start and starts) or (no_end and ends):
            raise Refused(
                Reason.INVALID_DATES, "A day can't be given and taken away at once. Leave one of the two out."
            )
        row, changed = command.change_cohort(Settings(), slug, terms=terms, drop=drop)
    _say_cohort(row, "is changed" if changed else "is like that already", changed=changed, as_json=as_json)


@cohorts.command("close")
def close_cohort(slug: CohortSlug, *, as_json: AsJson = False) -> None:
    """Close a cohort: it takes no submissions and tells its learners so, and all data stays."""
    _close_cohort(slug, closed=True, as_json=as_json)


@cohorts.command("reopen")
def reopen_cohort(slug: CohortSlug, *, as_json: AsJson = False) -> None:
    """Open a closed cohort again."""
    _close_cohort(slug, closed=False, as_json=as_json)


def _close_cohort(slug: str, *, closed: bool, as_json: bool) -> None:
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        row, changed = command.close_cohort(Settings(), slug, closed=closed)
    done, before = ("is closed now", "is closed already")
    if not closed:
        done, before = ("is no longer closed", "was not closed by itself")
    _say_cohort(row, done if changed else before, changed=changed, as_json=as_json)
    if not closed and not as_json and (hint := _STILL_SHUT.get(row.state.value)):
        typer.echo(hint(row))


_STILL_SHUT: dict[str, Callable[["CohortOut"], str]] = {
    "closed": lambda row: (
        f"It takes no submissions still, since its organisation is closed: `studyhall org reopen {row.organization}`."
    ),
    "ended": lambda row: (
        f"It takes no submissions still, since its last day was {row.ends_on}: "
        f"`studyhall cohort change {row.slug} --ends DAY`."
    ),
}
"""What to do about a cohort that somebody has reopened and that takes no submissions all the same."""


def _say_cohort(row: "CohortOut", words: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        say_json({**row.model_dump(mode="json"), "changed": changed})
        return
    typer.echo(f"The cohort {row.slug} ({row.name}) of {row.organization} {words}.")
    days = " to ".join(str(day) if day else "…" for day in (row.starts_on, row.ends_on))
    shown = f" {days}," if row.starts_on or row.ends_on else ""
    typer.echo(f"State: {row.state.value},{shown} {row.timezone}, plan {row.plan.value}.")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment is not None else None
