"""The person behind a request: what the hub says of them, joined with their roles in this cohort."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from studyhall.errors import Forbidden
from studyhall.permissions import (
    CohortRole,
    Permission,
    Role,
    is_for_cohort,
    role_grants,
    scopes_grant_in_cohort,
    scopes_grant_in_course,
)


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in, for the length of one request."""

    user_id: uuid.UUID
    cohort_id: uuid.UUID
    username: str
    display_name: str
    timezone: str
    cohort_timezone: str
    scopes: frozenset[str]
    roles: Mapping[str, Role]
    """Role by course slug."""
    closed_because: str | None = None
    """Why the cohort takes no more submissions, in words for people; None while it does."""
    cohort_roles: frozenset[CohortRole] = frozenset()
    """Parts in the cohort as a whole."""

    def may(self, permission: Permission, course: str) -> bool:
        """Say whether both the token and the role in that course grant the permission."""
        return scopes_grant_in_course(permission, self.scopes, course) and role_grants(
            permission, self.roles.get(course)
        )

    def require(self, permission: Permission, course: str) -> None:
        """Refuse unless the permission holds in that course.

        Raises:
            Forbidden: the token or the role does not grant it.
        """
        if not self.may(permission, course):
            raise Forbidden

    def courses_with(self, permission: Permission) -> list[str]:
        """Return the slugs of the courses in which the permission holds."""
        return sorted(course for course in self.roles if self.may(permission, course))

    def may_in_cohort(self, permission: Permission) -> bool:
        """Say whether both the token and a role in the cohort grant a permission for the whole cohort."""
        return (
            is_for_cohort(permission)
            and scopes_grant_in_cohort(permission, self.scopes)
            and any(role_grants(permission, role) for role in self.cohort_roles)
        )

    def require_in_cohort(self, permission: Permission) -> None:
        """Refuse unless the permission holds for the whole cohort.

        Raises:
            Forbidden: the token or the role does not grant it.
        """
        if not self.may_in_cohort(permission):
            raise Forbidden(
                "Only those who run this cohort may do that. If you should, ask its owner for the role."
            )

    @property
    def administration(self) -> list[str]:
        """Return the permissions for the whole cohort that hold."""
        return sorted(permission.value for permission in Permission if self.may_in_cohort(permission))
