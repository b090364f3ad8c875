"""Scopes, roles and groups as data. What they mean in a course is the service's business."""

from collections.abc import Iterable
from typing import Any

SERVICE = "studyhall"
SUPERVISOR = "studyhall-supervisor"

LEARN = "custom:studyhall:learner"
GRADE = "custom:studyhall:grade"
TEACH = "custom:studyhall:teach"
ADMINISTER = "custom:studyhall:admin"

CUSTOM_SCOPES: dict[str, dict[str, str]] = {
    LEARN: {"description": "Learn: open lessons, submit, take quizzes, see one's own results"},
    GRADE: {"description": "Grade: see learners' attempts and reports in one's courses"},
    TEACH: {"description": "Teach: publish courses and run them"},
    ADMINISTER: {"description": "Administer this cohort"},
}

ENTER = f"access:services!service={SERVICE}"

# What the service may know about people when it looks up whose token it was shown.
SERVICE_SCOPES = ("list:users", "read:users", "list:groups", "read:groups")


def instructors(course: str) -> str:
    """Return the name of the group of a course's instructors."""
    return f"course:{course}:instructors"


def graders(course: str) -> str:
    """Return the name of the group of a course's graders."""
    return f"course:{course}:graders"


COHORT_GROUPS = ("cohort:owners", "cohort:moderators", "cohort:admins", "system:admins")
"""Groups of those who run the cohort. Being in one opens the door to administration; the service says how far."""


def is_ours(name: str) -> bool:
    """Return whether the service knows what it means to be in this group."""
    return name in COHORT_GROUPS or is_staff_group(name)


def keep_groups(courses: Iterable[str]) -> list[str]:
    """Return what lets the service put people into our groups and take them out, and into no others."""
    ours = [group(course) for course in courses for group in (instructors, graders)]
    return [f"groups!group={name}" for name in (*ours, *COHORT_GROUPS)]


def is_staff_group(name: str) -> bool:
    """Return whether `name` is the name of some course's instructors or graders."""
    return name.startswith("course:") and name.endswith((":instructors", ":graders"))


def staff_tokens(courses: Iterable[str]) -> list[str]:
    """Return what lets the service make and end tokens for a terminal, of the courses' staff and nobody else.

    The hub gives a token never more than its owner holds. Learners are not in these groups.
    """
    return [f"tokens!group={group(course)}" for course in courses for group in (instructors, graders)]


def roles(courses: Iterable[str], *, supervised: bool, membership: bool = False) -> list[dict[str, Any]]:
    """Return the hub's roles.

    A server's token holds what is in *both* `server` and its owner's roles, so the learner scope stands in
    both and the staff scopes never reach a server, whoever owns it.
    """
    courses = tuple(courses)
    made: list[dict[str, Any]] = [
        {"name": "user", "description": "Everybody", "scopes": ["self", LEARN, ENTER]},
        {
            "name": "server",
            "description": "A person's notebook server, in which student code runs",
            "scopes": [
                # The hub's own defaults for this role.
                "users:activity!user",
                "access:servers!server",
                LEARN,
                ENTER,
                "read:users:name!user",
                "read:users:groups!user",
            ],
        },
        {
            "name": "studyhall-service",
            "description": "The classroom service",
            "scopes": [
                *SERVICE_SCOPES,
                *staff_tokens(courses),
                *(keep_groups(courses) if membership else ()),
            ],
            "services": [SERVICE],
        },
    ]
    if supervised:
        made.append(
            {
                "name": SUPERVISOR,
                "description": "Asks the hub to tell a restarted proxy its routes",
                "scopes": ["proxy"],
                "services": [SUPERVISOR],
            }
        )
    made += [
        {
            "name": group.replace(":", "-"),
            "description": f"Administration: {group}",
            "scopes": [ADMINISTER, ENTER],
            "groups": [group],
        }
        for group in COHORT_GROUPS
    ]
    for course in courses:
        made += [
            {
                "name": f"course-{course}-instructors",
                "description": f"Instructors of {course}",
                "scopes": [TEACH, GRADE, ENTER],
                "groups": [instructors(course)],
            },
            {
                "name": f"course-{course}-graders",
                "description": f"Graders of {course}",
                "scopes": [GRADE, ENTER],
                "groups": [graders(course)],
            },
        ]
    return made
