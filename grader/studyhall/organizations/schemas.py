"""What commands say of organisations and cohorts."""

from datetime import date, datetime

from pydantic import BaseModel

from studyhall.organizations.policy import CohortState, Plan


class OrganizationOut(BaseModel):
    """An organisation."""

    slug: str
    name: str
    cohorts: int
    """How many it has, closed ones included."""
    closed_at: datetime | None


class CohortOut(BaseModel):
    """A cohort."""

    slug: str
    name: str
    organization: str
    timezone: str
    plan: Plan
    starts_on: date | None
    ends_on: date | None
    """The last day, in the cohort's zone."""
    state: CohortState
    closed_at: datetime | None


class CohortTerms(BaseModel):
    """What an operator may choose for a cohort; what is None stays, or gets its default in a new one."""

    name: str | None = None
    timezone: str | None = None
    plan: Plan | None = None
    starts_on: date | None = None
    ends_on: date | None = None
