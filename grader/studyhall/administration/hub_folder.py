"""The folder that a cohort's hub is set up by, for the containers of ``docker/compose.cohort.yaml``.

Two files: the hub's settings and the two lines that make JupyterHub read them. What an operator added to the settings
stays; only what this installation decides is written anew.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.models import Course, CourseOffering
from studyhall.db.session import cohort_of
from studyhall.organizations.errors import Reason, Refused
from studyhall.organizations.policy import LIMITS, Limits, Plan
from studyhall.organizations.service import cohort_by_id

HUB, SERVICE, HUB_PORT, SERVICE_PORT = 2, 3, 8081, 8015
"""Numbers of the hub's and the service's addresses on people's networks, as docker/server-networks has them; ports."""
PREFIX = "/services/studyhall"
SETTINGS, CONFIG = "hub.json", "jupyterhub_config.py"


@dataclass(frozen=True)
class Place:
    """Where a cohort's hub is."""

    url: str
    """Its address in browsers: `https://spring.school.example`."""
    database_url: str
    """Its own database, with the password in it."""
    learners: IPv4Network
    staff: IPv4Network
    engine: str
    images: Mapping[str, str]
    """Image of each kind of server: `learners`, `staff`."""
    volume_store: str = ""
    """Socket of docker/volume-store as the hub reaches it; empty where homes have no limit."""


def hub_settings(
    slug: str,
    place: Place,
    limits: Limits,
    *,
    courses: Iterable[str],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a hub's settings.

    Args:
        slug: the cohort's.
        place: where its hub is.
        limits: what its plan allows a learner's server.
        courses: slugs of the courses that the cohort takes.
        before: the settings that are there already; what is decided here replaces theirs, all else stays.
    """
    public = urlsplit(place.url)
    service = f"{public.scheme}://studyhall--service.{public.netloc}{PREFIX}"
    kept = before.get("containers", {})
    learners = _kind(slug, "learners", place.learners, place.images)
    plan = {
        "memory_mebibytes": limits.memory_mebibytes,
        "processors": limits.processors,
        "processes": limits.processes,
        "disk_mebibytes": limits.disk_mebibytes,
    }
    staff = _kind(slug, "staff", place.staff, place.images)
    return {
        "sign_in": {"local": {}},
        **before,
        "profile": "containers",
        "bind_url": f"{place.url}/",
        "subdomain_host": place.url,
        "hub_url": f"http://hub-{slug}:{HUB_PORT}",
        "database_url": place.database_url,
        "cookie_secret_file": "/var/lib/studyhall-hub/cookie_secret",
        "proxy": {"api_url": f"http://proxy-{slug}-api:8001", "token": _token(before, "proxy")},
        "service": {
            "url": f"http://service-{slug}:{SERVICE_PORT}",
            "token": _token(before, "service"),
            "callback_url": f"{service}/oauth_callback",
        },
        "courses": sorted(courses),
        # The service says who is let in and who teaches what.
        "membership": True,
        "containers": {
            **kept,
            "name": slug,
            "engine": place.engine,
            "hub_bind_url": f"http://0.0.0.0:{HUB_PORT}",
            # With it the plan's `disk_mebibytes` holds.
            "volume_store": place.volume_store,
            # What an operator wrote for learners themselves comes first.
            "plan": plan,
            "learners": {**kept.get("learners", {}), **learners},
            "staff": {**kept.get("staff", {}), **staff},
        },
    }


def _kind(slug: str, kind: str, subnet: IPv4Network, images: Mapping[str, str]) -> dict[str, Any]:
    return {
        "image": images[kind],
        "network": f"studyhall-{slug}-{kind}",
        "hub_url": f"http://{subnet[HUB]}:{HUB_PORT}",
        "service_url": f"http://{subnet[SERVICE]}:{SERVICE_PORT}{PREFIX}",
    }


def _token(before: Mapping[str, Any], part: str) -> str:
    """Return the token that is known already to whoever else needs it, or a first one."""
    return before.get(part, {}).get("token") or secrets.token_hex(32)


def read_settings(file: Path) -> dict[str, Any]:
    """Return the settings of a hub that has some; nothing for a new one.

    Raises:
        Refused: they can't be read.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Refused(
            Reason.UNREADABLE_FILE,
            f"The hub's settings in {file} can't be read: {error}. Mend the file, or put it aside to begin anew "
            "with new tokens.",
        ) from error
    return dict(found)


def write_folder(folder: Path, settings: Mapping[str, Any]) -> bool:
    """Write the hub's two files; return whether anything changed.

    The files hold secrets and are made so that only their owner reads them, unless they were opened to others before.

    Raises:
        Refused: the folder can't be written.
    """
    texts = {
        SETTINGS: json.dumps(settings, indent=2, sort_keys=True) + "\n",
        CONFIG: f"from studyhall_hub import configure\n\nconfigure(c, __file__.replace({CONFIG!r}, {SETTINGS!r}))\n",
    }
    changed = False
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in texts.items():
            file = folder / name
            if not file.exists():
                file.touch(mode=0o600)
            if file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
                changed = True
    except OSError as error:
        raise Refused(
            Reason.UNREADABLE_FILE, f"The hub's folder {folder} can't be written ({error.strerror})."
        ) from error
    return changed


async def facts(session: AsyncSession) -> tuple[Limits, list[str]]:
    """Return what a hub has to know of its cohort: its plan's limits, and slugs of its courses."""
    cohort = await cohort_by_id(session, cohort_of(session))
    courses = await session.scalars(
        select(Course.slug).join_from(CourseOffering, Course).order_by(Course.slug)
    )
    return LIMITS[Plan(cohort.plan)], list(courses)
