"""What the API says of members, and what it takes."""

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from studyhall.members import policy
from studyhall.members.policy import JoinState, Standing
from studyhall.organizations.policy import CohortState, Plan
from studyhall.permissions import CohortRole, Role
from studyhall.web.envelope import PageQuery


def _line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("This has to be one line of plain text.")
    return value


Line = Annotated[str, AfterValidator(_line)]
"""One line: no line breaks, and nothing that a database or a page can't hold."""


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


# ---------------------------------------------------------------- the hub's door


class SignInNotice(_In):
    """What the hub says of somebody who has just shown who they are."""

    username: Line = Field(min_length=1, max_length=200)
    display_name: Line | None = Field(default=None, max_length=200)
    email: Line | None = Field(default=None, max_length=policy.LONGEST_MAIL)
    email_verified: bool = Field(default=False, description="Whether somebody has verified the address.")
    origin: Literal["local", "github", "google", "lti", "file"]
    address: Line | None = Field(default=None, max_length=100, description="Internet address of the browser.")
    agent: Line | None = Field(default=None, max_length=1000, description="What the browser says of itself.")
    groups: list[Line] | None = Field(
        default=None, max_length=1000, description="Groups of theirs at the hub; none for somebody new there."
    )


class SignInAnswer(BaseModel):
    """What becomes of a sign-in."""

    state: Standing
    sentence: str
    """What the person reads when they are not let in; empty for members."""
    groups: list[str]
    """Groups at the hub that stand for the person's roles; others at the hub stay as they are."""


# ---------------------------------------------------------------- the cohort


class CohortSummary(BaseModel):
    """The cohort itself."""

    slug: str
    name: str
    timezone: str
    plan: Plan
    state: CohortState
    starts_on: date | None
    ends_on: date | None
    closed_at: datetime | None


class OrganizationSummary(BaseModel):
    """Whose cohort it is."""

    slug: str
    name: str


class LimitsOut(BaseModel):
    """What the plan allows; ``members`` is none for as many as there are."""

    members: int | None
    memory_mebibytes: int
    processors: float
    processes: int
    disk_mebibytes: int


class UsageOut(BaseModel):
    """How much of it is used."""

    members: int
    waiting: int
    staff: int
    """Members with a role in the cohort, or who grade or teach a course."""


class JoiningOut(BaseModel):
    """Who may join without being on a roster."""

    mail_domains: list[str]
    allow_public_join: bool
    require_approval: bool
    has_roster: bool
    """Whether a roster was ever applied; without one, and without other rules, whoever the hub lets in is a member."""


class CourseTitle(BaseModel):
    """A course that the cohort takes."""

    course: str
    title: str


class CohortPage(BaseModel):
    """The cohort as those see it who run it."""

    organization: OrganizationSummary
    cohort: CohortSummary
    limits: LimitsOut
    usage: UsageOut
    joining: JoiningOut
    told_by_mail: bool
    """Whether the hub sends mail, so that people hear of decisions about them."""
    courses: list[CourseTitle]
    may: list[str]
    """What the person who asks may do here."""


class JoiningChange(_In):
    """Other rules for joining; what is left out stays."""

    mail_domains: list[str] | None = Field(default=None, max_length=policy.MOST_DOMAINS)
    allow_public_join: bool | None = None
    require_approval: bool | None = None

    @field_validator("mail_domains")
    @classmethod
    def _domains(cls, value: list[str] | None) -> list[str] | None:
        if value is None:
            return None
        found: list[str] = []
        for text in value:
            domain = policy.as_domain(text)
            if domain is None:
                raise ValueError(
                    f"{text[:100]!r} is not a domain. Domains look like school.example; letters beyond a-z as xn--…"
                )
            found.append(domain)
        return sorted(set(found))


class CohortChange(_In):
    """What those who run a cohort may change of it."""

    name: Line | None = Field(default=None, min_length=1, max_length=200)
    joining: JoiningChange | None = None


class CohortRow(BaseModel):
    """A cohort of the same organisation."""

    slug: str
    name: str
    plan: Plan
    state: CohortState
    starts_on: date | None
    ends_on: date | None
    current: bool
    """Whether it is the one that this hub serves."""


# ---------------------------------------------------------------- members


class CoursePart(BaseModel):
    """A member's part in one course."""

    course: str
    title: str
    role: Role


class MemberOut(BaseModel):
    """A member, or somebody who was one."""

    username: str
    display_name: str
    email: str | None
    state: Literal["member", "removed"]
    roles: list[CohortRole]
    courses: list[CoursePart]
    joined_at: datetime
    last_seen_at: datetime | None


class MembersQuery(PageQuery):
    """Filter and order of the list of members."""

    search: Line | None = Field(default=None, max_length=100, description="Part of a name or mail address.")
    role: CohortRole | Role | None = Field(default=None, description="Only who holds it, in any course.")
    course: Line | None = Field(default=None, max_length=100, description="Only who is in this course.")
    state: Literal["member", "removed"] | None = Field(default=None, description="Only these.")
    sort_by: Literal["name", "username", "joined_at", "last_seen_at"] = "name"
    order: Literal["asc", "desc"] = "asc"


class RolesChange(_In):
    """Other roles in the cohort, and which ones the page showed before."""

    roles: list[CohortRole] = Field(max_length=10)
    expected: list[CohortRole] = Field(max_length=10)


class CourseRoleChange(_In):
    """A part in a course."""

    role: Role


class Removal(_In):
    """Why somebody is no member any more; they read it when they sign in."""

    reason: Line | None = Field(default=None, max_length=500)


# ---------------------------------------------------------------- joining


class JoinsQuery(PageQuery):
    """Filter of the requests to join."""

    state: JoinState | None = Field(default=None, description="Only these.")


class JoinOut(BaseModel):
    """Somebody who wants to join, or wanted to."""

    id: uuid.UUID
    username: str
    display_name: str
    email: str
    asked_at: datetime
    state: JoinState
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class JoinDecisions(_In):
    """What becomes of some of them."""

    ids: list[uuid.UUID] = Field(min_length=1, max_length=100)
    decision: Literal["approve", "decline"]
    reason: Line | None = Field(default=None, max_length=500)


class LeftOut(BaseModel):
    """One that was not decided, and why."""

    id: uuid.UUID
    why: str


class Decided(BaseModel):
    """How many were decided, and which were not."""

    decided: int
    left: list[LeftOut]
