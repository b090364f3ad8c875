"""Pure rules of terminal sign-ins: what the token may do, how long, and how the code looks."""

import re
import secrets

from studyhall.permissions import Role, Scope

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no words come out, and nothing that looks like a digit."""
CODE_LETTERS = 8
LONGEST_HOURS = 72
DEFAULT_HOURS = 8
WAITING_SECONDS = 600
"""How long a code is good for."""
NOTE = "Studyhall: a terminal's token for the course "

ENTER = "access:services!service=studyhall"


def new_code() -> str:
    """Return a code for a terminal to show: one of 2.5e10, good once and for ten minutes."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS))
    return f"{letters[:4]}-{letters[4:]}"


def as_code(typed: str) -> str | None:
    """Return what somebody typed as a code, in any case and with any spaces; None when it can't be one."""
    letters = re.sub(r"[\s-]", "", typed).upper()
    if len(letters) != CODE_LETTERS or set(letters) - set(LETTERS):
        return None
    return f"{letters[:4]}-{letters[4:]}"


def scopes_for(role: Role, course: str) -> list[str]:
    """Return what a terminal's token holds: the role's staff scopes narrowed to one course, and a learner's own.

    The learner's scope lets staff try `nbgrader fetch_assignment` and `submit` as themselves. Learners get none.
    """
    narrowed = {
        Role.INSTRUCTOR: [
            f"{scope}!group=course:{course}:instructors" for scope in (Scope.TEACH.value, Scope.GRADE.value)
        ],
        Role.GRADER: [f"{Scope.GRADE.value}!group=course:{course}:graders"],
    }.get(role, [])
    return [*narrowed, Scope.LEARNER.value, ENTER] if narrowed else []
