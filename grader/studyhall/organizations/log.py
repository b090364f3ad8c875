"""The organisation's own log, as a cohort's owners read it beside the cohort's."""

import uuid
from typing import Any

from sqlalchemy import Select, String, literal, null, select

from studyhall.organizations.models import Cohort, Organization, OrganizationEntry


def entries_beside(cohort_id: uuid.UUID) -> Select[Any]:
    """Return the entries of the organisation that a cohort belongs to, with the columns of a cohort's log."""
    return (
        select(
            OrganizationEntry.id,
            OrganizationEntry.at,
            OrganizationEntry.actor,
            OrganizationEntry.action,
            null().cast(String).label("course"),
            (literal("organisation ") + Organization.slug).label("object"),
            OrganizationEntry.before,
            OrganizationEntry.after,
            OrganizationEntry.origin,
            OrganizationEntry.address,
            OrganizationEntry.agent,
            literal("").label("request_id"),
            OrganizationEntry.created_at,
        )
        .join(Organization, Organization.id == OrganizationEntry.organization_id)
        .where(
            OrganizationEntry.organization_id
            == select(Cohort.organization_id).where(Cohort.id == cohort_id).scalar_subquery()
        )
    )
