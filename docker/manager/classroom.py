"""The file `classroom.toml`: what runs on this host. Everything else is made from it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trouble import Trouble

OURS = ("hub", "service", "worker", "proxy", "judge", "single-user", "staff")
"""Images that are built from this checkout."""
IMAGES = {name: f"studyhall-{name}" for name in OURS} | {
    "postgres": "postgres:17",
    "valkey": "valkey/valkey:8",
    "front": "caddy:2",
}
STORE = Path("/run/studyhall-volumes/store.sock")
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?")
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]+")
PLANS = ("free", "basic", "premium", "organization")


@dataclass(frozen=True)
class Cohort:
    """One cohort with a hub of its own."""

    slug: str
    organization: str
    url: str
    learners: IPv4Network
    staff: IPv4Network
    certificate: Path
    key: Path
    organization_name: str = ""
    name: str = ""
    timezone: str = ""
    plan: str = ""
    owner: str = ""
    owner_mail: str = ""
    courses: tuple[Path, ...] = ()
    roster: Path | None = None
    allow: Path | None = None

    @property
    def host(self) -> str:
        """The hub's name; servers have names below it."""
        return urlsplit(self.url).hostname or ""

    @property
    def service_url(self) -> str:
        """The service's address in browsers."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://studyhall--service.{parts.netloc}/services/studyhall"

    @property
    def database(self) -> str:
        """Name of the hub's database, and of the role that owns it."""
        return f"hub_{self.slug.replace('-', '_')}"


@dataclass(frozen=True)
class Classroom:
    """All that `classroom.toml` says."""

    home: Path
    cohorts: tuple[Cohort, ...]
    images: Mapping[str, str] = field(default_factory=lambda: IMAGES)
    address: str = "0.0.0.0"  # noqa: S104 - the front is what everybody is to reach
    http_port: int = 80
    https_port: int = 443
    variables: Mapping[str, str] = field(default_factory=dict)
    """More variables of docker/compose.yaml, such as STUDYHALL_JUDGE_SLOTS."""
    store: Path | None = STORE
    """Socket of docker/volume-store, which keeps homes at a size; None where they shall have none."""
    is_store_named: bool = False
    """Whether the file names the store, and so it has to be there."""


def read_classroom(home: Path) -> Classroom:
    """Read the file.

    Raises:
        Trouble: it is missing, or says something that can't be.
    """
    file = home / "classroom.toml"
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Trouble(
            f"There is no {file}. Begin with two cohorts for trying out (docker/up --demo), or with one of yours: "
            "docker/new-cohort spring --organization acme --url https://spring.school.example"
        ) from None
    except (OSError, ValueError) as error:
        raise Trouble(f"{file} can't be read: {error}") from error
    try:
        return _classroom(home, found)
    except Trouble as trouble:
        raise Trouble(f"{file} needs a change: {trouble}") from trouble


def _classroom(home: Path, found: dict[str, Any]) -> Classroom:
    _only(found, {"front", "images", "variables", "disk", "cohorts"}, "the file")
    front, images, disk = found.get("front", {}), found.get("images", {}), found.get("disk", {})
    _only(disk, {"store"}, "[disk]")
    _only(front, {"address", "http_port", "https_port"}, "[front]")
    _only(images, set(IMAGES), "[images]")
    cohorts = tuple(_cohort(home, slug, table) for slug, table in found.get("cohorts", {}).items())
    if not cohorts:
        raise Trouble("it has no cohort. docker/new-cohort adds one.")
    _apart(cohorts)
    return Classroom(
        home=home,
        cohorts=cohorts,
        images=IMAGES | images,
        variables={name: str(value) for name, value in found.get("variables", {}).items()},
        store=(home / disk["store"] if disk["store"] else None) if "store" in disk else STORE,
        is_store_named="store" in disk,
        **front,
    )


def _cohort(home: Path, slug: str, table: dict[str, Any]) -> Cohort:
    where = f"[cohorts.{slug}]"
    known = set(Cohort.__dataclass_fields__) - {"slug"}
    _only(table, known, where)
    if not SLUG.fullmatch(slug):
        raise Trouble(f"{slug} is no name for a cohort: small letters, digits and hyphens, 31 at most.")
    for name in ("organization", "url", "learners", "staff"):
        if not table.get(name):
            raise Trouble(f"{where} says no {name}.")
    url = urlsplit(table["url"].rstrip("/"))
    if url.scheme != "https" or not HOST.fullmatch(url.hostname or "") or url.path or url.query:
        raise Trouble(f"{where}: url is an address such as https://spring.school.example, without a path.")
    if table.get("plan", "free") not in PLANS:
        raise Trouble(f"{where}: plan is one of {', '.join(PLANS)}.")
    if table.get("owner") and not table.get("owner_mail"):
        raise Trouble(
            f"{where}: owner needs an owner_mail, the address that the account of this name has to show."
        )
    subnets = {}
    for name in ("learners", "staff"):
        try:
            subnets[name] = IPv4Network(table[name])
        except ValueError as error:
            raise Trouble(f"{where}: {name} is a subnet such as 10.77.0.0/22 ({error}).") from error
    files = {name: home / table[name] for name in ("roster", "allow") if table.get(name)}
    return Cohort(
        **table
        | subnets
        | files
        | {
            "slug": slug,
            "url": url.geturl(),
            "certificate": home / table.get("certificate", f"tls/{slug}.pem"),
            "key": home / table.get("key", f"tls/{slug}.key"),
            "courses": tuple(home / path for path in table.get("courses", ())),
        }
    )


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise Trouble(f"{where} knows no {', '.join(unknown)}; it knows {', '.join(sorted(known))}.")


def _apart(cohorts: tuple[Cohort, ...]) -> None:
    """Refuse cohorts that would get into each other's way.

    A learner's server has a name below its hub's: a hub with such a name would be within reach of a learner next door.
    """
    for one in cohorts:
        for other in cohorts:
            if one is other:
                continue
            if one.host == other.host or one.host.endswith(f".{other.host}"):
                raise Trouble(
                    f"the host {one.host} of {one.slug} is that of {other.slug} or below it, where people's servers "
                    "are. Give each cohort a host beside the others'."
                )
    nets = [(cohort.slug, net) for cohort in cohorts for net in (cohort.learners, cohort.staff)]
    for place, (slug, net) in enumerate(nets):
        for other_slug, other_net in nets[place + 1 :]:
            if net.overlaps(other_net):
                raise Trouble(f"the subnets {net} of {slug} and {other_net} of {other_slug} overlap.")


def free_subnets(classroom: Classroom | None) -> tuple[IPv4Network, IPv4Network]:
    """Return two subnets that no cohort has yet: room for a thousand learners, and for 250 of staff."""
    taken = (
        [] if classroom is None else [net for one in classroom.cohorts for net in (one.learners, one.staff)]
    )

    def free(pool: str, size: int) -> IPv4Network:
        for net in IPv4Network(pool).subnets(new_prefix=size):
            if not any(net.overlaps(other) for other in taken):
                return net
        raise Trouble(f"No subnet of {pool} is free; name some with --learners and --staff.")

    return free("10.177.0.0/16", 22), free("10.178.0.0/16", 24)


def is_loopback(address: str) -> bool:
    """Say whether only this host reaches an address."""
    return ip_address(address).is_loopback
