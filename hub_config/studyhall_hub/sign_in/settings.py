"""What a hub's settings file says about signing in."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from studyhall_hub.sign_in.lti.settings import LtiPlatformSettings


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MailSettings(_Part):
    """The mail server that messages about accounts go out by."""

    host: str = Field(min_length=1, description="Name of the mail server.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    encryption: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls` begins in the clear and refuses to go on so, `tls` is encrypted from the start, `none` "
        "is for a mail server on the hub's own host.",
    )
    user: str = Field(default="", description="Name to sign in to the mail server with; empty for none.")
    password: SecretStr = Field(default=SecretStr(""), description="Password for it.")
    sender: str = Field(
        pattern=r"^[^@\s<>]+@[^@\s<>]+$",
        description="Address that messages come from: `studyhall@school.example`.",
    )
    timeout_seconds: float = Field(default=20, gt=0, le=120, description="How long the mail server may take.")


class LocalAccountSettings(_Part):
    """Accounts that this hub keeps itself."""

    sign_up: bool = Field(
        default=True, description="Whether people may make accounts themselves; without `mail` nobody can."
    )
    minimum_password_length: int = Field(
        default=10, ge=8, le=64, description="How many characters a password needs at least."
    )
    bcrypt_cost: int = Field(
        default=12, ge=12, le=16, description="Cost of bcrypt; one more doubles the time of each check."
    )
    failures_per_address: int = Field(
        default=50,
        ge=5,
        description="Failed attempts in 15 minutes after which an internet address pauses; a class often shares one.",
    )
    mail: MailSettings | None = Field(
        default=None, description="Without it sign-up is closed, and `studyhall account` makes links instead."
    )


class GitHubSettings(_Part):
    """People of GitHub organisations."""

    client_id: str = Field(min_length=1, description="Client ID of the OAuth app at GitHub.")
    client_secret: SecretStr = Field(description="Client secret of the OAuth app.")
    organizations: tuple[str, ...] = Field(
        min_length=1,
        description="Organisations (`school`) or teams (`school:pupils`) whose members may sign in.",
    )
    url: str = Field(default="https://github.com", description="Address of a GitHub Enterprise Server.")


class GoogleSettings(_Part):
    """People of Google Workspace domains."""

    client_id: str = Field(min_length=1, description="Client ID at Google.")
    client_secret: SecretStr = Field(description="Client secret at Google.")
    domains: tuple[str, ...] = Field(
        min_length=1, description="Workspace domains whose people may sign in: `school.example`."
    )


class SignInSettings(_Part):
    """Who may sign in, and how."""

    local: LocalAccountSettings | None = Field(
        default=None, description="Accounts that this hub keeps itself."
    )
    github: GitHubSettings | None = Field(default=None, description="People of GitHub organisations.")
    google: GoogleSettings | None = Field(default=None, description="People of Google Workspace domains.")
    lti: tuple[LtiPlatformSettings, ...] = Field(
        default=(),
        description="Learning platforms, such as Moodle and Canvas, that people come from by LTI 1.3.",
    )
    proxies: int = Field(
        default=1,
        ge=1,
        le=5,
        description="How many proxies of yours stand before the hub, its own included: that many of the addresses that "
        "they note are true.",
    )

    @model_validator(mode="after")
    def _some_way_in(self) -> Self:
        if self.local is None and self.github is None and self.google is None and not self.lti:
            raise ValueError("sign_in needs at least one of local, github, google and lti")
        return self

    @model_validator(mode="after")
    def _each_registration_once(self) -> Self:
        registered = [(platform.issuer, platform.client_id) for platform in self.lti]
        if len(set(registered)) != len(registered):
            raise ValueError("two platforms of sign_in.lti have the same issuer and client_id")
        return self

    @model_validator(mode="after")
    def _each_issuer_with_its_own_keys(self) -> Self:
        """A person is an issuer's number: whoever else signed as that issuer could name its people."""
        keys = {(platform.issuer, platform.jwks_url) for platform in self.lti}
        if len({issuer for issuer, _ in keys}) != len(keys):
            raise ValueError(
                "two platforms of sign_in.lti have the same issuer and different keys (jwks_url), so that one could "
                "name the other's people; give one of them an issuer of its own, or a hub of its own"
            )
        return self
