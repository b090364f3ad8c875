"""``studyhall lti`` as typed. Imports nothing of the service before a command is called."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from studyhall.administration.terminal import AsJson, CohortSlug, refusing, say_json, say_table

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from studyhall.db.encryption import ContentCipher
    from studyhall.events.outbox import Outbox

Result = TypeVar("Result")
Work = Callable[["AsyncSession", "ContentCipher"], Awaitable[Result]]

lti = typer.Typer(help="Learning platforms such as Moodle and Canvas, by LTI 1.3.", no_args_is_help=True)
platform = typer.Typer(help="Registrations of a cohort at learning platforms.", no_args_is_help=True)
key = typer.Typer(help="The cohort's keys, with which it shows platforms who it is.", no_args_is_help=True)
course = typer.Typer(help="Courses of platforms, and what they are connected with.", no_args_is_help=True)
lti.add_typer(platform, name="platform")
lti.add_typer(key, name="key")
lti.add_typer(course, name="course")

PlatformName = Annotated[str, typer.Argument(help="A name for the platform, such as moodle.")]
Reference = Annotated[
    str, typer.Argument(help="The platform's id of its course, or the id that `course list` shows.")
]


def _done(cohort: str, work: "Work[Result]") -> Result:
    """Do something in one transaction of a cohort.

    Raises:
        Refused: it can't be done; the message says why.
    """
    from studyhall.administration import command  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.db.encryption import ContentCipher  # noqa: PLC0415 - as above
    from studyhall.errors import ConfigurationError, StudyhallError  # noqa: PLC0415 - as above
    from studyhall.organizations.errors import Reason, Refused  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    settings = Settings()
    try:
        cipher = ContentCipher(settings.content_key.get_secret_value())
        return command.in_cohort(settings, cohort, lambda session: work(session, cipher))
    except ConfigurationError as error:
        raise Refused(Reason.NOT_CONFIGURED, str(error)) from error
    except StudyhallError as error:
        raise Refused(Reason.LTI_REFUSED, error.message) from error


def _called(call: Awaitable[Result]) -> Result:
    """Wait for a call to a platform.

    Raises:
        Refused: it did not work; the message says why.
    """
    from studyhall.errors import StudyhallError  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.organizations.errors import Reason, Refused  # noqa: PLC0415 - as above

    async def awaited() -> Result:
        return await call

    try:
        return asyncio.run(awaited())
    except StudyhallError as error:
        raise Refused(Reason.LTI_REFUSED, error.message) from error


def _outbox() -> "Outbox":
    """Return what writes events down; who listens to them is the service's business."""
    from studyhall.clock import utc_now  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.db.session import sqlalchemy_url  # noqa: PLC0415 - as above
    from studyhall.events.outbox import Outbox  # noqa: PLC0415 - as above
    from studyhall.jobs.queue import JobQueue  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    settings = Settings()
    url = sqlalchemy_url(settings.database_url.get_secret_value(), setting="STUDYHALL_DATABASE_URL")
    return Outbox(JobQueue(url, attempts=settings.job_attempts, clock=utc_now), clock=utc_now)


@platform.command("add")
def add_platform(
    cohort: CohortSlug,
    name: PlatformName,
    issuer: Annotated[str, typer.Option(help="Who the platform says that it is.")],
    client_id: Annotated[str, typer.Option(help="The client id that it gave this hub.")],
    token_url: Annotated[str, typer.Option(help="Its address for access tokens.")],
    audience: Annotated[
        str, typer.Option(help="Whom a request for a token is addressed to, where that is not its address.")
    ] = "",
    courses: Annotated[
        list[str] | None,
        typer.Option(
            "--course", help="A course that its instructors may connect with one of theirs; several times."
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Register a platform, or change the registration of that name; again the same changes nothing."""
    from studyhall.audit.service import operator  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.clock import utc_now  # noqa: PLC0415 - as above
    from studyhall.lti import platforms  # noqa: PLC0415 - as above

    async def work(session: "AsyncSession", cipher: "ContentCipher") -> bool:
        return await platforms.add(
            session,
            name,
            issuer=issuer,
            client_id=client_id,
            token_url=token_url,
            audience=audience,
            courses=courses or [],
            cipher=cipher,
            actor=operator(),
            now=utc_now(),
        )

    with refusing(as_json=as_json):
        changed = _done(cohort, work)
    if as_json:
        say_json({"name": name, "changed": changed})
        return
    typer.echo(
        f"{name} is registered. The hub needs it too: the part sign_in.lti of its settings, as docs/lti.md says."
        if changed
        else f"{name} is registered so already."
    )


@platform.command("list")
def list_platforms(cohort: CohortSlug, *, as_json: AsJson = False) -> None:
    """Show a cohort's platforms, and how many grades wait for each or could not be sent."""
    from dataclasses import asdict  # noqa: PLC0415 - a command imports only what it needs

    from studyhall.lti import platforms  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        rows = _done(cohort, lambda session, _: platforms.platforms(session))
    if as_json:
        say_json([asdict(row) for row in rows])
        return
    say_table(
        ("name", "issuer", "client id", "courses", "connected", "waiting", "failed"),
        [
            (
                row.name,
                row.issuer,
                row.client_id,
                " ".join(row.courses),
                str(row.contexts),
                str(row.waiting),
                str(row.failed),
            )
            for row in rows
        ],
        none="There is no platform yet. Add one with: studyhall lti platform add",
    )


@platform.command("test")
def try_platform(cohort: CohortSlug, name: PlatformName, *, as_json: AsJson = False) -> None:
    """Ask a platform for an access token, to see whether it knows this hub and its key."""
    import httpx  # noqa: PLC0415 - a command imports only what it needs

    from studyhall.clock import utc_now  # noqa: PLC0415 - as above
    from studyhall.lti import keys, platforms, policy, roster  # noqa: PLC0415 - as above

    async def work(session: "AsyncSession", cipher: "ContentCipher") -> tuple[Any, Any, "ContentCipher"]:
        return await platforms.platform_named(session, name), await keys.ensure(session, cipher), cipher

    async def ask(row: Any, signing: Any, cipher: "ContentCipher") -> None:
        async with httpx.AsyncClient() as client:
            calls = roster.calls_for(client, row, signing, cipher, [policy.LINE_ITEMS], clock=utc_now)
            await calls.token()

    with refusing(as_json=as_json):
        _called(ask(*_done(cohort, work)))
    if as_json:
        say_json({"name": name, "token": True})
        return
    typer.echo(f"{name} knows this hub and its key: it gave a token.")


@platform.command("remove")
def remove_platform(cohort: CohortSlug, name: PlatformName, *, as_json: AsJson = False) -> None:
    """Remove a platform with its connections and columns; people, their work and their grades stay."""
    from studyhall.audit.service import operator  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.clock import utc_now  # noqa: PLC0415 - as above
    from studyhall.lti import platforms  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        _done(cohort, lambda session, _: platforms.remove(session, name, actor=operator(), now=utc_now()))
    if as_json:
        say_json({"name": name, "removed": True})
        return
    typer.echo(f"{name} is removed. Take it out of the hub's settings, too, or its people go on signing in.")


@key.command("rotate")
def rotate_key(cohort: CohortSlug, *, as_json: AsJson = False) -> None:
    """Make a new key; the one before stays published until the next one is made."""
    from studyhall.audit.service import operator  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.clock import utc_now  # noqa: PLC0415 - as above
    from studyhall.lti import platforms  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        number = _done(
            cohort,
            lambda session, cipher: platforms.rotate(session, cipher, actor=operator(), now=utc_now()),
        )
    if as_json:
        say_json({"kid": number})
        return
    typer.echo(f"The key {number} signs from now on. Platforms fetch it by themselves.")


@course.command("list")
def list_courses(cohort: CohortSlug, *, as_json: AsJson = False) -> None:
    """Show the platforms' courses that somebody has come from, and what they are connected with."""
    from studyhall.lti import platforms  # noqa: PLC0415 - a command imports only what it needs

    with refusing(as_json=as_json):
        rows = _done(cohort, lambda session, _: platforms.contexts(session))
    if as_json:
        say_json(
            [
                {"id": str(row.id), "platform": row.platform, "title": row.title, "reference": row.reference}
                | {"course": row.course, "people": row.people}
                for row in rows
            ]
        )
        return
    say_table(
        ("id", "platform", "title", "its id there", "course", "people"),
        [
            (str(row.id), row.platform, row.title, row.reference, row.course or "-", str(row.people))
            for row in rows
        ],
        none="Nobody has come from a platform yet.",
    )


@course.command("connect")
def connect_course(
    cohort: CohortSlug,
    reference: Reference,
    slug: Annotated[str, typer.Argument(help="The course here.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Connect a platform's course with a course here, in place of the one before."""
    from studyhall.audit.service import operator  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.clock import utc_now  # noqa: PLC0415 - as above
    from studyhall.lti import platforms  # noqa: PLC0415 - as above

    with refusing(as_json=as_json):
        row = _done(
            cohort,
            lambda session, _: platforms.connect_context(
                session, reference, slug, actor=operator(), now=utc_now()
            ),
        )
    if as_json:
        say_json({"id": str(row.id), "course": row.course})
        return
    typer.echo(
        f"{row.title} is connected with {row.course}. Its people get their roles when they open it next."
    )


@course.command("roster")
def course_roster(
    cohort: CohortSlug,
    reference: Reference,
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else it is only shown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the platform's roster would change here, or do it; the same roster again changes nothing."""
    from studyhall.audit.service import operator  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.clock import utc_now  # noqa: PLC0415 - as above
    from studyhall.lti import roster  # noqa: PLC0415 - as above

    async def find(session: "AsyncSession", cipher: "ContentCipher") -> tuple[roster.Place, "ContentCipher"]:
        return await roster.place_of(session, reference, cipher), cipher

    async def work(
        session: "AsyncSession", cipher: "ContentCipher"
    ) -> tuple[list[roster.Line], dict[str, str]]:
        place = await roster.place_of(session, reference, cipher)
        lines = await roster.compare(session, place, rows)
        if not apply:
            return lines, {}
        outbox = _outbox()
        done = await roster.apply(session, place, lines, actor=operator(), outbox=outbox, now=utc_now())
        return done.lines, {line.username: why for line, why in done.left_out}

    with refusing(as_json=as_json):
        place, cipher = _done(cohort, find)
        rows = _called(
            roster.fetch(place.platform, place.key, cipher, str(place.context.memberships_url), clock=utc_now)
        )
        lines, left_out = _done(cohort, work)
    changes = [line for line in lines if line.change not in {roster.Change.SAME, roster.Change.NOTHING}]
    if as_json:
        say_json(
            {
                "applied": apply,
                "left_out": left_out,
                "changes": [
                    {"username": line.username, "name": line.name, "change": line.change.value}
                    | {"role": line.role.value if line.role else None}
                    for line in changes
                ],
            }
        )
        return
    say_table(
        ("user name", "name", "role", "what"),
        [
            (line.username, line.name, line.role.value if line.role else "-", line.change.value)
            for line in changes
        ],
        none="Everything is as the platform says already.",
    )
    for username, why in left_out.items():
        typer.echo(f"{username} was left out. {why}")
    if changes and not apply:
        typer.echo("Nothing was changed. Do it with --apply.")
