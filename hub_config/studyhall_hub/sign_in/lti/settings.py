"""Settings of the platforms that people come from by LTI 1.3."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LtiPlatformSettings(BaseModel):
    """One registration at one learning platform."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        min_length=1, max_length=60, description="What the sign-in pages and messages call the platform."
    )
    issuer: str = Field(
        min_length=1, description="Who the platform says that it is: `https://moodle.school.example`."
    )
    client_id: str = Field(min_length=1, description="Who this hub is there.")
    deployments: tuple[str, ...] = Field(
        min_length=1, description="Deployment ids from which people may come; no other is let in."
    )
    authorization_url: str = Field(description="Where the platform confirms who somebody is.")
    jwks_url: str = Field(description="Where the platform's public keys are.")

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        for url in (self.authorization_url, self.jwks_url):
            parts = urlsplit(url)
            if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
                raise ValueError(f"{url} needs to begin with https://")
        return self
