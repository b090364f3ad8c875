"""``studyhall cohort hub`` as typed. Imports nothing of the service before it is called."""

from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated

import typer

from studyhall.administration.terminal import AsJson, CohortSlug, refusing, say_json

LONGEST_NAME = 31
"""The names of people's containers and volumes begin with it."""


def hub(
    cohort: CohortSlug,
    folder: Annotated[Path, typer.Option(help="Folder for the hub's settings and jupyterhub_config.py.")],
    url: Annotated[str, typer.Option(help="The hub's address in browsers: https://spring.school.example.")],
    learners: Annotated[str, typer.Option(help="Subnet of learners' servers, such as 10.77.0.0/22.")],
    staff: Annotated[str, typer.Option(help="Subnet of servers for staff, such as 10.78.0.0/24.")],
    database_url: Annotated[
        str, typer.Option(envvar="STUDYHALL_HUB_DATABASE_URL", help="The hub's own database.")
    ],
    engine: Annotated[
        str, typer.Option(help="The Docker engine as the hub reaches it.")
    ] = "unix:///run/studyhall-engine/docker.sock",
    learners_image: Annotated[
        str, typer.Option(help="Image of learners' servers.")
    ] = "studyhall-single-user",
    staff_image: Annotated[str, typer.Option(help="Image of servers for staff.")] = "studyhall-staff",
    volume_store: Annotated[
        str,
        typer.Option(
            help="Socket of docker/volume-store as the hub reaches it; without it homes have no limit."
        ),
    ] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Write the folder that a cohort's hub is set up by; again it renews what this installation decides."""
    from studyhall.administration import command, hub_folder  # noqa: PLC0415 - a command imports only what it needs
    from studyhall.organizations.errors import Reason, Refused  # noqa: PLC0415 - as above
    from studyhall.settings import Settings  # noqa: PLC0415 - as above

    place = hub_folder.Place(
        url=url.rstrip("/"),
        database_url=database_url,
        learners=_subnet(learners),
        staff=_subnet(staff),
        engine=engine,
        images={"learners": learners_image, "staff": staff_image},
        volume_store=volume_store,
    )
    with refusing(as_json=as_json):
        if len(cohort) > LONGEST_NAME:
            raise Refused(
                Reason.INVALID_SLUG,
                f"{cohort} is too long for a cohort with servers in containers: {LONGEST_NAME} characters at most.",
            )
        limits, courses = command.in_cohort(Settings(), cohort, hub_folder.facts)
        before = hub_folder.read_settings(folder / hub_folder.SETTINGS)
        changed = hub_folder.write_folder(
            folder,
            hub_folder.hub_settings(cohort, place, limits, courses=courses, before=before),
        )
    if as_json:
        say_json({"folder": str(folder), "courses": courses, "changed": changed})
    else:
        typer.echo(
            f"The hub of {cohort} {'is set up' if changed else 'is set up already'} by {folder / hub_folder.CONFIG}."
        )


def _subnet(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is not a subnet such as 10.77.0.0/22: {error}") from error
