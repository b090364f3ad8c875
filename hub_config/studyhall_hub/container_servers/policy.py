"""Who gets which kind of server. Pure functions of what the hub itself knows about a person."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from studyhall_hub import permissions

Kind = Literal["learner", "staff"]

ASKED = "server"
"""The one option that a person may send when starting a server."""

SHAPE = "studyhall.shape"
"""The label with which docker/server-networks says how it made a network."""


class StaffOnly(Exception):
    """Servers for staff are for this hub's graders and instructors. Start your own server instead."""


class UnknownOption(Exception):
    """A server was asked for in a way that this hub does not know. Start it from the hub's page."""


def may_have_staff_server(groups: Iterable[str], courses: Iterable[str]) -> bool:
    """Return whether somebody in these groups is a grader or an instructor of one of the hub's courses."""
    staff = {group(course) for course in courses for group in (permissions.instructors, permissions.graders)}
    return not staff.isdisjoint(groups)


def kind_of_server(options: Mapping[str, Any], *, staff: bool) -> Kind:
    """Return the kind that somebody gets who sends `options`; `staff` is what the hub knows about them.

    What is sent only asks. Whoever asks for nothing gets a learner's server, staff too: that is the one for trying
    lessons out, and it can do least.

    Raises:
        UnknownOption: something else than a kind of server was asked for.
        StaffOnly: a server for staff was asked for by somebody else.
    """
    asked = options.get(ASKED, "learner")
    if set(options) - {ASKED} or asked not in ("learner", "staff"):
        raise UnknownOption(UnknownOption.__doc__)
    if asked == "learner":
        return "learner"
    if not staff:
        raise StaffOnly(StaffOnly.__doc__)
    return "staff"


def network_troubles(about: Mapping[str, Any], *, kind: Kind, listed: bool = False) -> list[str]:
    """Return what stands against putting servers of this kind on a network, as the engine describes it.

    Servers must not talk to one another on either network; learners' servers must not reach anything beyond it, unless
    the settings say that it leads to the addresses of a list (`listed`), and docker/server-networks made it so.
    """
    options = about.get("Options") or {}
    troubles = []
    if options.get("com.docker.network.bridge.enable_icc") != "false":
        troubles.append("servers on it could talk to one another")
    if kind == "learner" and not about.get("Internal"):
        made_with_list = str((about.get("Labels") or {}).get(SHAPE, "")).endswith(" listed")
        if not made_with_list:
            troubles.append("servers on it could reach other networks")
        elif not listed:
            troubles.append(
                "servers on it reach the addresses of an allow-list, which the hub's settings do not allow"
            )
    return troubles
