"""Demo data of the try-it profile: an organisation, a cohort, people and the sample course."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select
from studyhall_notebooks.course import load_course

from studyhall.app import RELEASE_WRITERS, open_context
from studyhall.audit.service import operator
from studyhall.courses.publishing import publish, write_down
from studyhall.courses.schemas import Published
from studyhall.courses.service import enrol
from studyhall.identity.service import ensure_user
from studyhall.members.groups import set_cohort_roles
from studyhall.members.models import CohortRoleGrant
from studyhall.organizations.service import ensure_cohort
from studyhall.permissions import CohortRole, Role
from studyhall.settings import Settings


async def seed_demo(
    settings: Settings,
    *,
    organization: str,
    cohort: str,
    courses: Sequence[Path],
    people: Sequence[tuple[str, Role]],
) -> list[Published]:
    """Make what a demonstration needs; a second run changes only what is new in the course folders.

    Instructors own the cohort, unless somebody runs it already.

    Raises:
        CourseError: a course folder can't be read.
        CourseInvalid: one of its notebooks can't be released.
    """
    bundles = [load_course(path) for path in courses]
    published = []
    async with open_context(settings, needs_cohort=False) as context:
        async with context.database.session(None) as session:
            row = await ensure_cohort(session, organization=organization, cohort=cohort)
            organization_id, cohort_id = row.organization_id, row.id
        async with context.database.session(cohort_id) as session:
            users = [(await ensure_user(session, username=name), role) for name, role in people]
            if await session.scalar(select(func.count()).select_from(CohortRoleGrant)) == 0:
                for user in [user for user, role in users if role is Role.INSTRUCTOR]:
                    await set_cohort_roles(
                        session, user, [CohortRole.ORG_OWNER], actor=operator(), now=context.clock()
                    )
            for bundle in bundles:
                offering, result = await publish(
                    session,
                    bundle,
                    organization_id=organization_id,
                    published_by="studyhall",
                    cipher=context.cipher,
                    outbox=context.outbox,
                    writers=RELEASE_WRITERS,
                )
                published.append(result)
                if result.outcome != "unchanged":
                    write_down(session, result, actor=operator(), now=context.clock())
                for user, role in users:
                    await enrol(session, offering=offering, user_id=user.id, role=role)
    return published
