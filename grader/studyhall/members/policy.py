"""Pure rules of members: who may join, who gives which role, and what the hub's groups say of it."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from studyhall.permissions import CohortRole, Role

LONGEST_MAIL: Final = 254
MOST_DOMAINS: Final = 50

# One label of a domain as it goes over the wire: letters beyond ASCII come as `xn--`, so that no look-alike, and no
# letter that only becomes an ASCII one in lower case, is ever taken for a domain of the list.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


class Standing(StrEnum):
    """What somebody who signs in is to this cohort."""

    MEMBER = "member"
    WAITING = "waiting"
    DECLINED = "declined"
    REMOVED = "removed"
    OUTSIDER = "outsider"


class JoinState(StrEnum):
    """What has become of somebody's wish to join."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"


class Known(StrEnum):
    """What the cohort knows of a name before it signs in."""

    NEW = "new"
    MEMBER = "member"
    REMOVED = "removed"


@dataclass(frozen=True)
class Joining:
    """Who may join a cohort without being on a roster."""

    mail_domains: tuple[str, ...] = ()
    allow_public_join: bool = False
    require_approval: bool = True
    has_roster: bool = False

    @property
    def takes_everybody(self) -> bool:
        """Whether nothing was ever said, so that whoever the hub lets in is a member."""
        return not (self.mail_domains or self.allow_public_join or self.has_roster)

    def admits(self, verified_mail: str | None) -> bool:
        """Say whether somebody with this verified address may join, or may ask to.

        Only the whole domain counts: nobody of ``pupils.school.example`` or of ``school.example.org`` belongs to
        ``school.example``.
        """
        domain = domain_of(verified_mail)
        return domain is not None and (self.allow_public_join or domain in self.mail_domains)


def domain_of(mail: str | None) -> str | None:
    """Return the domain of a mail address in small letters; None when it is no plain address."""
    if mail is None or len(mail) > LONGEST_MAIL or not _MAIL.fullmatch(mail):
        return None
    return as_domain(mail.rpartition("@")[2])


def as_domain(text: str) -> str | None:
    """Return a domain as it is kept, from what somebody typed (``@School.Example``); None when it is none."""
    if not text.isascii():
        return None
    lowered = text.strip().lower().removeprefix("@")
    return lowered if len(lowered) <= LONGEST_MAIL and _DOMAIN.fullmatch(lowered) else None


def standing_of(
    *,
    known: Known,
    asked: JoinState | None,
    verified_mail: str | None,
    joining: Joining,
    takes_members: bool,
    has_room: bool,
) -> Standing:
    """Say what somebody who signs in is to the cohort, and so what becomes of their sign-in.

    Args:
        known: what the cohort knows of the name.
        asked: what became of an earlier wish to join; None when there was none.
        verified_mail: their address, if somebody has verified it.
        joining: the cohort's rules.
        takes_members: False for a cohort that is closed or over.
        has_room: False when the plan's number of members is reached.
    """
    decided = {
        Known.MEMBER: Standing.MEMBER,
        Known.REMOVED: Standing.REMOVED,
        Known.NEW: Standing.DECLINED if asked is JoinState.DECLINED else None,
    }[known]
    if decided is not None:
        return decided
    if joining.takes_everybody:
        return Standing.MEMBER if has_room else Standing.OUTSIDER
    admitted = takes_members and joining.admits(verified_mail)
    if asked is JoinState.APPROVED or (admitted and has_room and not joining.require_approval):
        return Standing.MEMBER
    return Standing.WAITING if admitted or asked is JoinState.WAITING else Standing.OUTSIDER


# ---------------------------------------------------------------- who gives which role

GIVES: Final[Mapping[CohortRole, frozenset[CohortRole]]] = {
    CohortRole.SYSTEM_ADMIN: frozenset(CohortRole),
    CohortRole.ORG_OWNER: frozenset(CohortRole) - {CohortRole.SYSTEM_ADMIN},
    CohortRole.ADMIN: frozenset({CohortRole.MODERATOR}),
    CohortRole.MODERATOR: frozenset(),
}
"""Which roles in the cohort a role may give and take."""

RANK: Final[Mapping[Role | None, int]] = {None: 0, Role.LEARNER: 1, Role.GRADER: 2, Role.INSTRUCTOR: 3}
"""Which part in a course is more than which."""


def gives(roles: Iterable[CohortRole]) -> frozenset[CohortRole]:
    """Return the roles in the cohort that somebody with these roles may give and take."""
    return frozenset().union(*(GIVES[role] for role in roles))


def roles_refused(
    *,
    actor: Collection[CohortRole],
    is_self: bool,
    before: Collection[CohortRole],
    after: Collection[CohortRole],
    other_owners: int,
) -> str | None:
    """Say why somebody may not change a member's roles in the cohort so; None when they may.

    Args:
        actor: the roles of whoever changes them.
        is_self: whether they change their own.
        before: the member's roles.
        after: what they shall be.
        other_owners: how many other members own the cohort.
    """
    given, taken = set(after) - set(before), set(before) - set(after)
    if is_self and given:
        return "Nobody gives themselves a role. Ask another owner or administrator."
    beyond = sorted((given | taken) - gives(actor))
    if beyond:
        return f"Your own role does not let you give or take {' and '.join(map(in_words, beyond))}."
    if CohortRole.ORG_OWNER in taken and not other_owners and CohortRole.SYSTEM_ADMIN not in actor:
        return "This is the cohort's last owner. Make somebody else an owner first; a system admin may do without."
    return None


def course_role_refused(*, is_self: bool, before: Role | None, after: Role | None) -> str | None:
    """Say why a member's part in a course may not be changed so; None when it may."""
    if is_self and RANK[after] > RANK[before]:
        return "Nobody gives themselves a role in a course. Ask another owner or administrator."
    return None


def in_words(role: CohortRole) -> str:
    """Return a role as people read it."""
    return {CohortRole.ORG_OWNER: "owner", CohortRole.SYSTEM_ADMIN: "system admin"}.get(role, role.value)


# ---------------------------------------------------------------- the hub's groups

COHORT_GROUPS: Final[Mapping[CohortRole, str]] = {
    CohortRole.ORG_OWNER: "cohort:owners",
    CohortRole.MODERATOR: "cohort:moderators",
    CohortRole.ADMIN: "cohort:admins",
    CohortRole.SYSTEM_ADMIN: "system:admins",
}
"""The hub's group of each role in the cohort."""

COURSE_GROUPS: Final[Mapping[Role, str]] = {Role.GRADER: "graders", Role.INSTRUCTOR: "instructors"}
"""How the hub's group of each staff role in a course ends."""

_COURSE_GROUP = re.compile(r"course:([^:]+):(graders|instructors)")


def groups_of(cohort_roles: Iterable[CohortRole], courses: Mapping[str, Role]) -> frozenset[str]:
    """Return the hub's groups that somebody with these roles belongs to."""
    of_courses = {
        f"course:{course}:{COURSE_GROUPS[role]}" for course, role in courses.items() if role in COURSE_GROUPS
    }
    return frozenset(COHORT_GROUPS[role] for role in cohort_roles) | of_courses


def role_of_group(name: str) -> CohortRole | tuple[str, Role] | None:
    """Return what a group at the hub stands for: a role in the cohort, or one in a course; None for others' groups."""
    for role, group in COHORT_GROUPS.items():
        if group == name:
            return role
    found = _COURSE_GROUP.fullmatch(name)
    if found is None:
        return None
    return found[1], Role.GRADER if found[2] == "graders" else Role.INSTRUCTOR


def is_ours(name: str) -> bool:
    """Say whether a group at the hub stands for a role; all others are the hub's own business."""
    return role_of_group(name) is not None


@dataclass(frozen=True)
class Step:
    """What brings the hub and the service in step about one person."""

    add: frozenset[str] = frozenset()
    """Groups that the hub has to put the person into."""
    remove: frozenset[str] = frozenset()
    """Groups that the hub has to take the person out of."""
    taken_at_hub: frozenset[str] = frozenset()
    """Groups that somebody took away at the hub: the roles go."""
    given_at_hub: frozenset[str] = frozenset()
    """Courses' groups that somebody gave at the hub: the roles come."""


def step(
    *, ours: Collection[str], at_hub: Collection[str], told: Mapping[str, bool], courses: Collection[str]
) -> Step:
    """Say what brings both sides in step about one person.

    What both sides agreed on the last time tells who has changed something since. A role in the cohort is never given
    by the hub: its row here is what counts.

    Args:
        ours: groups that the person's roles here stand for.
        at_hub: groups of theirs at the hub.
        told: groups that the hub was told of or had, and whether both sides were seen to agree since.
        courses: courses that the cohort takes.
    """
    wanted, there = set(ours), {name for name in at_hub if is_ours(name)}
    taken = {name for name in wanted - there if told.get(name)}
    given = {name for name in there - wanted if name not in told and _course_of(name) in courses}
    return Step(
        add=frozenset(wanted - there - taken),
        remove=frozenset(there - wanted - given),
        taken_at_hub=frozenset(taken),
        given_at_hub=frozenset(given),
    )


def _course_of(group: str) -> str | None:
    found = role_of_group(group)
    return found[0] if isinstance(found, tuple) else None


def strongest(groups: Sequence[str]) -> Mapping[str, Role]:
    """Return the part in each course that these groups stand for; the higher one of two."""
    parts: dict[str, Role] = {}
    for name in groups:
        found = role_of_group(name)
        if isinstance(found, tuple) and RANK[found[1]] > RANK[parts.get(found[0])]:
            parts[found[0]] = found[1]
    return parts
