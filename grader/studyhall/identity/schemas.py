"""What the API says of a person."""

import uuid
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Profile(BaseModel):
    """The person who is signed in."""

    id: uuid.UUID
    username: str
    display_name: str
    timezone: str
    roles: dict[str, str]
    """Role by course slug."""
    permissions: list[str]
    """What this sign-in may do in at least one course."""
    administration: list[str]
    """What it may do in the cohort as a whole."""


class ProfileChange(BaseModel):
    """What people may change of themselves."""

    model_config = ConfigDict(extra="forbid")

    timezone: str = Field(
        max_length=64, description="IANA name, such as Europe/Madrid; counts from the next day on."
    )

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("This is not the name of a time zone. Names look like Europe/Madrid.")
        return value
