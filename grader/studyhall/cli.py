"""The ``studyhall`` command.

A command's package is imported only when the command is called, so that this module also works on a grader's laptop
without the service's libraries.
"""

import asyncio
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studyhall.account_command import accounts
from studyhall.administration.audit import audit
from studyhall.administration.hubs import hub
from studyhall.administration.learning_platforms import lti
from studyhall.administration.members import approve, decline, joining, owners, requests, roles, show
from studyhall.administration.rosters import roster
from studyhall.administration.terminal import cohorts, organizations
from studyhall.moving_out.terminal import moving_out
from studyhall.plain_words import configuration_told
from studyhall.version_option import version_option

app = typer.Typer(
    name="studyhall",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.callback()(version_option)
database = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(database, name="db")
nbgrader = typer.Typer(help="nbgrader's own command over Studyhall.", no_args_is_help=True)
app.add_typer(nbgrader, name="nbgrader")
app.add_typer(accounts, name="account")
moving_in = typer.Typer(help="Move in from somewhere else.", no_args_is_help=True)
app.add_typer(moving_in, name="import")
app.add_typer(moving_out, name="export")
app.add_typer(organizations, name="org")
app.add_typer(cohorts, name="cohort")
app.add_typer(lti, name="lti")
organizations.add_typer(owners, name="owner")
cohorts.command("show")(show)
cohorts.command("roster")(roster)
cohorts.add_typer(roles, name="role")
cohorts.command("joining")(joining)
cohorts.command("requests")(requests)
cohorts.command("approve")(approve)
cohorts.command("decline")(decline)
cohorts.command("hub")(hub)
app.command("audit")(audit)


class GradeScoring(StrEnum):
    """Whose rules `studyhall grade` scores by."""

    default = "default"
    nbgrader = "nbgrader"


def _fail(message: str) -> typer.Exit:
    Console(stderr=True, soft_wrap=True, highlight=False).print(message, style="red", markup=False)
    return typer.Exit(code=1)


@app.command()
def run(
    data: Annotated[
        Path | None, typer.Option(help="Folder that everything is kept in (STUDYHALL_DATA, else .studyhall).")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port that the browser opens.")] = 8000,
    host: Annotated[str, typer.Option(help="Address of this machine to listen on.")] = "127.0.0.1",
    course: Annotated[Path | None, typer.Option(help="Course folder to publish.")] = None,
) -> None:
    """Try Studyhall out: start everything on this machine, print one address and the demo accounts."""
    from studyhall.supervisor import command  # noqa: PLC0415 - each command imports only what it needs

    command.run(data=data, port=port, host=host, course=course)


@app.command()
def service() -> None:
    """Run the classroom service (settings: STUDYHALL_* and JUPYTERHUB_*)."""
    from studyhall.errors import ConfigurationError  # noqa: PLC0415 - as above
    from studyhall.serve import serve  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    try:
        asyncio.run(serve(Settings()))
    except ConfigurationError as error:
        raise _fail(str(error)) from error


@app.command()
def worker() -> None:
    """Run a worker that grades submissions and delivers events."""
    from studyhall.errors import ConfigurationError  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above
    from studyhall.work import work  # noqa: PLC0415 - as above

    try:
        asyncio.run(work(Settings()))
    except ConfigurationError as error:
        raise _fail(str(error)) from error


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def judge(context: typer.Context) -> None:
    """Run the judge, a process of its own that holds no credentials (options: `studyhall judge -- --help`)."""
    from studyhall.settings import Settings  # noqa: PLC0415 - each command imports only what it needs

    settings = Settings()
    arguments = list(context.args)
    if "--socket" not in arguments and "--self-test" not in arguments and "--help" not in arguments:
        arguments += ["--socket", str(settings.judge_socket.absolute())]
    if "--slots" not in arguments and "--self-test" not in arguments and "--help" not in arguments:
        arguments += ["--slots", str(settings.judge_slots)]
    sandbox = {
        "--sandbox": settings.judge_sandbox,
        "--sandbox-image": settings.judge_sandbox_image,
        "--engine": settings.judge_engine,
    }
    for option, value in sandbox.items():
        if not any(word == option or word.startswith(f"{option}=") for word in arguments):
            arguments += [option, value]
    # The judge replaces this process and inherits nothing of its environment.
    os.execve(  # noqa: S606 - starting it without a shell is the point
        sys.executable, [sys.executable, "-m", "studyhall_judge", *arguments], {"PATH": "/usr/bin:/bin"}
    )


@database.command("upgrade")
def db_upgrade() -> None:
    """Bring the database up to date (as the tables' owner)."""
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415 - each command imports only what it needs

    from studyhall.errors import ConfigurationError  # noqa: PLC0415 - as above
    from studyhall.migrations.upgrade import upgrade  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    try:
        done = upgrade(Settings().owner_database_url.get_secret_value())
    except ConfigurationError as error:
        raise _fail(str(error)) from error
    except OperationalError as error:
        raise _fail(
            "The database can't be upgraded: it can't be reached, or a table is in use. Check "
            f"STUDYHALL_OWNER_DATABASE_URL and try again. ({error.orig})"
        ) from error
    for step in done:
        typer.echo(f"upgraded: {step}")
    if not done:
        typer.echo("The database is up to date.")


@app.command("content-key")
def content_key() -> None:
    """Make a key for STUDYHALL_CONTENT_KEY."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - each command imports only what it needs

    typer.echo(Fernet.generate_key().decode())


@app.command("seed-demo", hidden=True)
def seed_demo(
    course: Annotated[list[Path], typer.Option(help="Course folder; may be given several times.")],
    organization: Annotated[str, typer.Option()] = "demo",
    cohort: Annotated[str, typer.Option()] = "demo",
    instructor: Annotated[list[str] | None, typer.Option()] = None,
    grader: Annotated[list[str] | None, typer.Option()] = None,
    learner: Annotated[list[str] | None, typer.Option()] = None,
) -> None:
    """Make the demo cohort of the try-it command."""
    from studyhall_notebooks.errors import CourseError  # noqa: PLC0415 - as above

    from studyhall import publish, seed  # noqa: PLC0415 - as above
    from studyhall.errors import ConfigurationError, StudyhallError  # noqa: PLC0415 - as above
    from studyhall.permissions import Role  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    people = [
        *((name, Role.INSTRUCTOR) for name in instructor or ()),
        *((name, Role.GRADER) for name in grader or ()),
        *((name, Role.LEARNER) for name in learner or ()),
    ]
    try:
        published = asyncio.run(
            seed.seed_demo(
                Settings(), organization=organization, cohort=cohort, courses=course, people=people
            )
        )
    except CourseError as error:
        raise _fail(error.message) from error
    except (ConfigurationError, StudyhallError) as error:
        raise _fail(str(error)) from error
    for result in published:
        state = publish.state_of(result.model_dump(mode="json"))
        typer.echo(f"{result.title}: release {result.release} ({state}), {len(result.lessons)} lessons")


@app.command()
def doctor(
    data: Annotated[
        Path | None, typer.Option(help="Data folder to look at (STUDYHALL_DATA, else .studyhall).")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port that the browser opens.")] = 8000,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Check this machine and the installation that runs on it; say what to do about what is missing or unsafe."""
    from studyhall.doctor import doctor as examine  # noqa: PLC0415 - each command imports only what it needs

    examine(data=data, port=port, as_json=as_json)


@app.command()
def publish(
    path: Annotated[Path, typer.Argument(help="Course folder.", exists=True, file_okay=False)],
    url: Annotated[
        str, typer.Option(envvar="STUDYHALL_URL", help="Address of the service, up to /services/studyhall.")
    ] = "",
) -> None:
    """Publish a course folder: with STUDYHALL_TOKEN through the service, else as operator into the database."""
    from studyhall import publish as publishing  # noqa: PLC0415 - each command imports only what it needs

    token = os.environ.get("STUDYHALL_TOKEN", "")
    console = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        if token:
            published = publishing.publish_over_http(path, url=url, token=token)
        else:
            published = publishing.publish_as_operator(path)
    except publishing.PublishError as error:
        raise _fail(str(error)) from error
    console.print(f"{published['title']}: release {published['release']}, {publishing.state_of(published)}.")
    table = Table(box=None, pad_edge=False)
    for heading in ("Lesson", "Change", "Tests", "Points"):
        table.add_column(heading, justify="right" if heading in {"Tests", "Points"} else "left")
    for lesson in published["lessons"]:
        name = lesson["title"] or lesson["slug"]
        table.add_row(name, publishing.change_of(lesson), str(lesson["tests"]), f"{lesson['points']:g}")
    console.print(table)
    for warning in published["warnings"]:
        console.print(f"Note: {warning}", style="yellow", markup=False)


@app.command()
def openapi(
    output: Annotated[Path | None, typer.Option(help="File to write; standard output without one.")] = None,
) -> None:
    """Print the OpenAPI document of the service's API."""
    import json  # noqa: PLC0415 - each command imports only what it needs

    from studyhall import __version__  # noqa: PLC0415 - as above
    from studyhall.app import documented_routes  # noqa: PLC0415 - as above
    from studyhall.web.openapi import document  # noqa: PLC0415 - as above

    text = json.dumps(document(documented_routes(), version=__version__), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="Course folder.", exists=True, file_okay=False)],
    *,
    run: Annotated[
        bool,
        typer.Option(
            "--run", help="Also run each lesson's own solution, and an untouched copy, in the judge."
        ),
    ] = False,
    lesson: Annotated[list[str] | None, typer.Option(help="Run only lessons named so, as 'week-1*'.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Lessons at a time (0: one per processor).")] = 0,
) -> None:
    """Check a course folder before publishing it."""
    from studyhall import check_command  # noqa: PLC0415 - each command imports only what it needs
    from studyhall.offline_grading.errors import Interrupted, OfflineGradingError  # noqa: PLC0415 - as above

    try:
        code = (
            check_command.check_and_run(path, lessons=lesson or ["*"], jobs=jobs)
            if run
            else check_command.check(path)
        )
    except OfflineGradingError as error:
        raise _fail(str(error)) from error
    except Interrupted as stop:
        _fail("Stopped before every lesson was tried.")
        raise typer.Exit(code=128 + stop.signal_number) from stop
    raise typer.Exit(code=code)


@app.command()
def grade(
    course: Annotated[Path, typer.Argument(help="Course folder with source/ and submitted/.")],
    assignment: Annotated[str, typer.Argument(help="Name of the assignment's folder.")],
    student: Annotated[str, typer.Option(help="Grade only students whose names match, such as 'a*'.")] = "*",
    scoring: Annotated[
        GradeScoring | None, typer.Option(help="Whose rules count; else the lesson's, else default.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Submissions at a time (0: one per processor).")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="File to write the results to.")] = None,
) -> None:
    """Grade a folder in nbgrader's layout on this machine: no service, no database, nothing but the judge."""
    from studyhall.offline_grading import command  # noqa: PLC0415 - each command imports only what it needs
    from studyhall.offline_grading.errors import Interrupted, OfflineGradingError  # noqa: PLC0415 - as above

    try:
        code = command.grade(
            course,
            assignment,
            student=student,
            scoring=None if scoring is None else scoring.value,
            jobs=jobs,
            json_file=json_file,
        )
    except OfflineGradingError as error:
        raise _fail(str(error)) from error
    except Interrupted as stop:
        _fail("Stopped before every submission was graded. Nothing was written.")
        raise typer.Exit(code=128 + stop.signal_number) from stop
    raise typer.Exit(code=code)


@app.command("judge-program")
def judge_program(
    problem: Annotated[Path, typer.Argument(help="YAML file with the problem's tests, checker and limits.")],
    program: Annotated[Path, typer.Argument(help="The program's source file.")],
    language: Annotated[
        str | None, typer.Option(help="Its language; else told by the file's ending.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File to write the report to.")] = None,
) -> None:
    """Judge one program against a problem's tests on this machine, in the judge's sandbox."""
    from studyhall.offline_grading import program_command  # noqa: PLC0415 - each command imports only what it needs
    from studyhall.offline_grading.errors import OfflineGradingError  # noqa: PLC0415 - as above

    try:
        code = program_command.judge_program(problem, program, language=language, json_file=json_file)
    except OfflineGradingError as error:
        raise _fail(str(error)) from error
    raise typer.Exit(code=code)


@app.command()
def login(
    course: Annotated[str, typer.Option(help="Course that the token is for.")],
    service: Annotated[
        str, typer.Option(envvar="STUDYHALL_URL", help="Address of the service, up to /services/studyhall.")
    ] = "",
    hours: Annotated[int, typer.Option(min=1, max=72, help="How long the token is good.")] = 8,
    *,
    paste: Annotated[
        bool, typer.Option("--paste", help="Ask for a token that was made on the hub's token page.")
    ] = False,
    gradebook: Annotated[
        bool, typer.Option(help="Get the course's nbgrader gradebook, too, where it has one.")
    ] = True,
) -> None:
    """Sign this terminal in for one course and some hours; a browser approves it."""
    from studyhall.access import terminal  # noqa: PLC0415 - each command imports only what it needs
    from studyhall.access.tokens_file import TokensFileError, tokens_file  # noqa: PLC0415 - as above

    file = tokens_file()
    try:
        if paste:
            kept = terminal.keep_pasted(
                service, course, hours, typer.prompt("Token", hide_input=True).strip(), file=file
            )
        else:
            kept = terminal.login(service, course, hours, gradebook=gradebook, file=file, say=typer.echo)
    except (terminal.AccessError, TokensFileError) as error:
        raise _fail(str(error)) from error
    until = kept["expires_at"][:16].replace("T", " ")
    typer.echo(f"Signed in as {kept['username']}, {kept['role']} of {kept['course']}, until {until} UTC.")
    typer.echo(f"The token is in {file}, which only you may read. End it with: studyhall logout")


@app.command()
def logout(
    course: Annotated[str | None, typer.Option(help="Course to sign out of; all without it.")] = None,
) -> None:
    """End this terminal's tokens at the hub, and forget them here."""
    from studyhall.access import terminal  # noqa: PLC0415 - each command imports only what it needs
    from studyhall.access.tokens_file import TokensFileError, tokens_file  # noqa: PLC0415 - as above

    try:
        ended, troubles = terminal.logout(file=tokens_file(), course=course)
    except TokensFileError as error:
        raise _fail(str(error)) from error
    for row in ended:
        typer.echo(f"Signed out of {row['course']}.")
    if not ended:
        typer.echo("This terminal was not signed in.")
    for trouble in troubles:
        _fail(trouble)
    if troubles:
        raise typer.Exit(code=1)


@nbgrader.command("gradebook")
def nbgrader_gradebook(
    course: Annotated[str, typer.Argument(help="The course's slug.")],
) -> None:
    """Make a course's nbgrader gradebook, as operator (settings: as a worker's); again, and it is mended."""
    from studyhall import nbgrader_command  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    try:
        typer.echo(asyncio.run(nbgrader_command.make(Settings(), course)))
    except nbgrader_command.GradebookError as error:
        raise _fail(str(error)) from error


@nbgrader.command("configure")
def nbgrader_configure(
    course: Annotated[
        str | None,
        typer.Option(
            help="The course's slug; else the one that nbgrader_config.py names. Students need none."
        ),
    ] = None,
    course_dir: Annotated[Path, typer.Option(help="Folder of nbgrader_config.py.")] = Path(),
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take our lines out again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let nbgrader's command use Studyhall: writes a few lines into nbgrader_config.py, after showing them."""
    from studyhall.exchange import configuring  # noqa: PLC0415 - each command imports only what it needs

    try:
        change = configuring.planned(course_dir, course=course, remove=remove)
        if not change.diff:
            typer.echo(f"{change.file} is as it should be.")
            return
        typer.echo(change.diff, nl=False)
        if not yes and not typer.confirm("Write this?", default=True):
            raise typer.Exit(code=1)
        change.write()
    except configuring.ConfigureError as error:
        raise _fail(str(error)) from error
    typer.echo(f"Wrote {change.file}.")


@moving_in.command("nbgrader")
def import_nbgrader(
    path: Annotated[
        Path, typer.Argument(help="Course folder with its gradebook.db.", exists=True, file_okay=False)
    ],
    course: Annotated[str | None, typer.Option(help="Slug of the course here; else its own name.")] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take an nbgrader course over, as operator: students, assignments, submissions and what people gave for them."""
    from studyhall.moving_in import command  # noqa: PLC0415 - each command imports only what it needs
    from studyhall.moving_in.reading import MovingInError  # noqa: PLC0415 - as above
    from studyhall.moving_in.service import Taken  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    def agreed(planned: Taken) -> bool:
        typer.echo(
            f"The course {planned.course} would be published with {planned.lessons} lessons, and of its past:"
        )
        typer.echo(planned.text)
        for note in planned.notes:
            typer.echo(f"Note: {note}")
        return yes or typer.confirm("Do this?", default=True)

    try:
        taken = command.take_course(Settings(), path, course=course, agreed=agreed)
    except MovingInError as error:
        raise _fail(str(error)) from error
    if taken is None:
        raise typer.Exit(code=1)
    typer.echo(f"Done. Taken:\n{taken.text}")
    for note in taken.notes:
        typer.echo(f"Note: {note}")
    typer.echo("Workers grade the submissions now; automatic scores are the judge's own.")


def main() -> None:
    """Run the command line."""
    # jsonschema, which nbformat brings, builds the grammar of international addresses when it is imported: more than a
    # second in every process, for a check that nothing here asks for. It does without where the package is missing.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment] # None is how Python marks a module as missing
    with configuration_told():
        app()


if __name__ == "__main__":
    main()
