"""What the hub says of a launch and what comes of it; rosters as staff see them."""

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from studyhall.lti.policy import RosterState

Text = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Given = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlaceIn(_In):
    """A course or a link of the platform."""

    id: Given
    title: Text = ""


class GradesIn(_In):
    """What the platform says of its gradebook."""

    scopes: list[Text] = Field(default_factory=list, max_length=20)
    lineitems: Text = ""
    lineitem: Text = Field(default="", description="The link's own column, where it has exactly one.")


class DeepLinkingIn(_In):
    """That somebody is choosing what to link, and where that is sent."""

    return_url: Given
    data: Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")] = ""
    types: list[Text] = Field(default_factory=list, max_length=20)
    multiple: bool = True
    lineitem: bool = True


class LtiLaunchIn(_In):
    """A launch that the hub has checked."""

    username: str = Field(pattern=r"^lti-[a-z2-7]{20}$", description="The person's name at the hub.")
    issuer: Given
    client_id: Given
    deployment: Given
    subject: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
    name: Text = Field(default="", description="What the platform calls the person.")
    roles: list[Text] = Field(default_factory=list, max_length=50)
    context: PlaceIn | None = None
    link: PlaceIn | None = None
    lesson: Text = Field(default="", description="`course/lesson` that the link was made for.")
    grades: GradesIn | None = None
    memberships_url: Text = ""
    deep_linking: DeepLinkingIn | None = None
    launch_url: Given = Field(description="Where links of the platform lead.")


class LtiLaunchOut(BaseModel):
    """Where a launch leads."""

    at: Literal["hub", "service"]
    path: str = Field(description="Below the hub's or the service's own address.")


class RosterProblem(BaseModel):
    """Somebody on a platform's roster who could not be taken over."""

    name: str
    why: str


class RosterOutcome(BaseModel):
    """What came of a platform's roster."""

    people: int = Field(description="How many are on it.")
    added: int
    changed: int = Field(description="How many have another role there now.")
    left: int = Field(description="How many are not there any more; they stay here, and get no grades there.")
    problems: list[RosterProblem]
    more_problems: int = Field(description="How many problems there are beside those that are named.")


class PlatformCourseOut(BaseModel):
    """A course of a learning platform that is connected with one here, and its roster."""

    id: uuid.UUID
    platform: str
    title: str
    people: int = Field(description="How many of its people are known here.")
    shows_roster: bool = Field(description="Whether the platform lets its roster be read.")
    state: RosterState
    asked_at: datetime | None
    asked_by: str | None
    read_at: datetime | None = Field(description="When the roster was taken over last.")
    trouble: str | None = Field(description="Why the last time did not work.")
    outcome: RosterOutcome | None = Field(description="What came of it when it worked last.")
