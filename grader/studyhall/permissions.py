"""Permissions as data: what each one needs of the token, and which roles hold it.

A permission holds only if the token's scopes grant it *and* the person's role does: in this course, or in the cohort
for what concerns the whole of it. A learner's own server token carries the learner scope only, so neither staff nor
administration permissions ever work through it, whoever owns the server.
"""

from enum import StrEnum


class Role(StrEnum):
    """A person's part in one course offering."""

    LEARNER = "learner"
    GRADER = "grader"
    INSTRUCTOR = "instructor"


class CohortRole(StrEnum):
    """A person's part in the cohort as a whole; somebody may hold several, and one in courses beside them."""

    ORG_OWNER = "org_owner"
    MODERATOR = "moderator"
    ADMIN = "admin"
    SYSTEM_ADMIN = "system_admin"


class Scope(StrEnum):
    """Custom scopes that the hub puts on tokens."""

    LEARNER = "custom:studyhall:learner"
    GRADE = "custom:studyhall:grade"
    TEACH = "custom:studyhall:teach"
    ADMIN = "custom:studyhall:admin"


class Permission(StrEnum):
    """Everything that an endpoint can ask for. A read permission never guards a write."""

    PUBLIC = "public"
    """Nothing is asked; for health, readiness, metrics and the page shell's static files."""
    HUB = "hub"
    """The hub itself asks, with the token that it shares with the service; no person holds this."""
    PROFILE_READ = "profile:read"
    PROFILE_WRITE = "profile:write"
    COURSES_READ = "courses:read"
    LESSONS_START = "lessons:start"
    SUBMISSIONS_READ = "submissions:read"
    SUBMISSIONS_CREATE = "submissions:create"
    EVENTS_READ = "events:read"
    QUIZZES_READ = "quizzes:read"
    QUIZZES_ANSWER = "quizzes:answer"
    REWARDS_READ = "rewards:read"
    REWARDS_WRITE = "rewards:write"
    AI_REVIEWS_READ = "ai_reviews:read"
    AI_REVIEWS_CREATE = "ai_reviews:create"
    EXCHANGE_READ = "exchange:read"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    STAFF_COURSES_READ = "staff:courses:read"
    STAFF_ATTEMPTS_READ = "staff:attempts:read"
    STAFF_RELEASES_CREATE = "staff:releases:create"
    STAFF_EXCHANGE_READ = "staff:exchange:read"
    STAFF_EXCHANGE_WRITE = "staff:exchange:write"
    STAFF_GRADES_READ = "staff:grades:read"
    STAFF_GRADES_WRITE = "staff:grades:write"
    STAFF_GRADES_EXPORT = "staff:grades:export"
    STAFF_GRADES_RELEASE = "staff:grades:release"
    STAFF_POLICIES_WRITE = "staff:policies:write"
    STAFF_AUDIT_READ = "staff:audit:read"
    STAFF_PLATFORMS_READ = "staff:platforms:read"
    STAFF_PLATFORMS_SYNCHRONIZE = "staff:platforms:synchronize"
    STAFF_REGRADES_READ = "staff:regrades:read"
    STAFF_REGRADES_CREATE = "staff:regrades:create"
    STAFF_REGRADES_DECIDE = "staff:regrades:decide"
    STAFF_DEAD_LETTERS_READ = "staff:dead_letters:read"
    STAFF_DEAD_LETTERS_REQUEUE = "staff:dead_letters:requeue"
    COHORT_READ = "admin:cohort:read"
    COHORT_WRITE = "admin:cohort:write"
    COHORTS_READ = "admin:cohorts:read"
    MEMBERS_READ = "admin:members:read"
    MEMBERS_WRITE = "admin:members:write"
    ROLES_WRITE = "admin:roles:write"
    JOINS_READ = "admin:joins:read"
    JOINS_DECIDE = "admin:joins:decide"
    COHORT_AUDIT_READ = "admin:audit:read"


EVERYONE: frozenset[Role | CohortRole] = frozenset(Role)
GRADING_STAFF: frozenset[Role | CohortRole] = frozenset({Role.GRADER, Role.INSTRUCTOR})
TEACHING_STAFF: frozenset[Role | CohortRole] = frozenset({Role.INSTRUCTOR})
ADMINISTRATION: frozenset[Role | CohortRole] = frozenset(CohortRole)
DECIDING_ADMINISTRATION = ADMINISTRATION - {CohortRole.MODERATOR}
OWNING_ADMINISTRATION = DECIDING_ADMINISTRATION - {CohortRole.ADMIN}

NEEDS: dict[Permission, tuple[frozenset[Scope], frozenset[Role | CohortRole]]] = {
    # permission: (one of these scopes on the token, one of these roles in the course, or else in the cohort)
    Permission.PROFILE_READ: (frozenset({Scope.LEARNER, Scope.GRADE, Scope.TEACH}), frozenset()),
    Permission.PROFILE_WRITE: (frozenset({Scope.LEARNER}), frozenset()),
    Permission.COURSES_READ: (frozenset({Scope.LEARNER}), frozenset()),
    Permission.LESSONS_START: (frozenset({Scope.LEARNER}), EVERYONE),
    Permission.SUBMISSIONS_READ: (frozenset({Scope.LEARNER}), EVERYONE),
    Permission.SUBMISSIONS_CREATE: (frozenset({Scope.LEARNER}), EVERYONE),
    Permission.EVENTS_READ: (frozenset({Scope.LEARNER}), frozenset()),
    Permission.QUIZZES_READ: (frozenset({Scope.LEARNER}), EVERYONE),
    Permission.QUIZZES_ANSWER: (frozenset({Scope.LEARNER}), EVERYONE),
    Permission.REWARDS_READ: (frozenset({Scope.LEARNER}), frozenset()),
    Permission.REWARDS_WRITE: (frozenset({Scope.LEARNER}), frozenset()),
    Permission.AI_REVIEWS_READ: (frozenset({Scope.LEARNER}), EVERYONE),
    Permission.AI_REVIEWS_CREATE: (frozenset({Scope.LEARNER}), EVERYONE),
    Permission.EXCHANGE_READ: (frozenset({Scope.LEARNER}), EVERYONE),
    Permission.NOTIFICATIONS_READ: (frozenset({Scope.LEARNER}), frozenset()),
    Permission.NOTIFICATIONS_WRITE: (frozenset({Scope.LEARNER}), frozenset()),
    Permission.STAFF_COURSES_READ: (frozenset({Scope.GRADE, Scope.TEACH}), GRADING_STAFF),
    Permission.STAFF_ATTEMPTS_READ: (frozenset({Scope.GRADE, Scope.TEACH}), GRADING_STAFF),
    Permission.STAFF_RELEASES_CREATE: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_EXCHANGE_READ: (frozenset({Scope.GRADE, Scope.TEACH}), GRADING_STAFF),
    Permission.STAFF_EXCHANGE_WRITE: (frozenset({Scope.GRADE, Scope.TEACH}), GRADING_STAFF),
    Permission.STAFF_GRADES_READ: (frozenset({Scope.GRADE, Scope.TEACH}), GRADING_STAFF),
    Permission.STAFF_GRADES_WRITE: (frozenset({Scope.GRADE, Scope.TEACH}), GRADING_STAFF),
    Permission.STAFF_GRADES_EXPORT: (frozenset({Scope.GRADE, Scope.TEACH}), GRADING_STAFF),
    Permission.STAFF_GRADES_RELEASE: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_POLICIES_WRITE: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_AUDIT_READ: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_PLATFORMS_READ: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_PLATFORMS_SYNCHRONIZE: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_REGRADES_READ: (frozenset({Scope.GRADE, Scope.TEACH}), GRADING_STAFF),
    Permission.STAFF_REGRADES_CREATE: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_REGRADES_DECIDE: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_DEAD_LETTERS_READ: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.STAFF_DEAD_LETTERS_REQUEUE: (frozenset({Scope.TEACH}), TEACHING_STAFF),
    Permission.COHORT_READ: (frozenset({Scope.ADMIN}), ADMINISTRATION),
    Permission.COHORT_WRITE: (frozenset({Scope.ADMIN}), DECIDING_ADMINISTRATION),
    Permission.COHORTS_READ: (frozenset({Scope.ADMIN}), OWNING_ADMINISTRATION),
    Permission.MEMBERS_READ: (frozenset({Scope.ADMIN}), ADMINISTRATION),
    Permission.MEMBERS_WRITE: (frozenset({Scope.ADMIN}), DECIDING_ADMINISTRATION),
    # An admin gives and takes less than the others: members/policy.py says what.
    Permission.ROLES_WRITE: (frozenset({Scope.ADMIN}), DECIDING_ADMINISTRATION),
    Permission.JOINS_READ: (frozenset({Scope.ADMIN}), DECIDING_ADMINISTRATION),
    Permission.JOINS_DECIDE: (frozenset({Scope.ADMIN}), DECIDING_ADMINISTRATION),
    Permission.COHORT_AUDIT_READ: (frozenset({Scope.ADMIN}), DECIDING_ADMINISTRATION),
}

OF_NOBODY = frozenset({Permission.PUBLIC, Permission.HUB})
"""What no person's token or role has to do with."""


def scopes_grant(permission: Permission, scopes: frozenset[str]) -> bool:
    """Say whether a token with these scopes may be used for the permission at all."""
    if permission in OF_NOBODY:
        return permission is Permission.PUBLIC
    wanted, _ = NEEDS[permission]
    # A filter such as `!group=course:x:graders` narrows a scope to one course; it is checked with the role below.
    return any(scope.partition("!")[0] in wanted for scope in scopes)


def scopes_grant_in_course(permission: Permission, scopes: frozenset[str], course: str) -> bool:
    """Say whether the token's scopes reach this course (an unfiltered scope reaches every course of the person)."""
    wanted, _ = NEEDS[permission]
    for scope in scopes:
        base, _, narrowed = scope.partition("!")
        if base in wanted and (not narrowed or narrowed.startswith((f"group=course:{course}:", "user="))):
            return True
    return False


def is_for_cohort(permission: Permission) -> bool:
    """Say whether roles in the cohort hold the permission, and none in a course."""
    return permission not in OF_NOBODY and bool(NEEDS[permission][1] & ADMINISTRATION)


def scopes_grant_in_cohort(permission: Permission, scopes: frozenset[str]) -> bool:
    """Say whether the token's scopes reach the whole cohort: one that is narrowed to a course's group does not."""
    wanted, _ = NEEDS[permission]
    return any(base in wanted and not narrowed for base, _, narrowed in (s.partition("!") for s in scopes))


def role_grants(permission: Permission, role: Role | CohortRole | None) -> bool:
    """Say whether a role in a course or in the cohort holds the permission.

    Permissions without roles belong to everybody signed in.
    """
    if permission in OF_NOBODY:
        return permission is Permission.PUBLIC
    _, roles = NEEDS[permission]
    return not roles or (role is not None and role in roles)
