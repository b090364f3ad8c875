"""What a hub's settings file says about servers in a swarm."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from studyhall_hub.container_servers.settings import (
    ContainerSettings,
    LearnerServerSettings,
    StaffServerSettings,
)

NO_NETWORK: Literal[""] = ""


class SwarmLearnerSettings(LearnerServerSettings):
    """Servers in which learners' code runs."""

    egress: Literal["none"] = Field(
        default="none", description="Nothing leads out of a server's own network."
    )
    network: Literal[""] = Field(default=NO_NETWORK, description="Each server gets a network of its own.")
    doors: tuple[str, ...] = Field(
        min_length=1,
        description="Names of the containers on the hub's host that are put on each server's network: hub, proxy and "
        "service. A server reaches them by these names, and nobody else.",
    )


class SwarmStaffSettings(StaffServerSettings):
    """Servers for nbgrader's own tools, for graders and instructors only."""

    network: Literal[""] = Field(default=NO_NETWORK, description="Each server gets a network of its own.")
    doors: tuple[str, ...] = Field(
        min_length=1, description="As for learners, and beside them the one that leads to PostgreSQL."
    )


class HomeSettings(BaseModel):
    """Where people's files are, so that a server finds them on whichever host it starts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path | None = Field(
        default=None,
        description="Folder of a shared file system that is mounted under the same path on every host and in the hub.",
    )
    driver: str = Field(
        default="local", description="Volume driver, when there is no folder: one volume per person and kind."
    )
    options: dict[str, str] = Field(
        default_factory=dict, description="The driver's options; `{name}` is the volume's name."
    )

    @property
    def shared(self) -> bool:
        """Whether every host sees the same files; a plain local volume is on one host only."""
        return self.folder is not None or self.driver != "local" or bool(self.options)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.folder is not None and (self.options or self.driver != "local"):
            raise ValueError("homes are either in a folder or in volumes of a driver: give one of them")
        if self.folder is not None and not self.folder.is_absolute():
            raise ValueError("the folder of homes needs its whole path, as it is on every host")
        return self


class SwarmSettings(ContainerSettings):
    """People's servers as services of the swarm that the hub's engine is a manager of."""

    volume_store: Literal[""] = Field(
        default="",
        description="A volume store is on one host: a shared file system's own quotas limit disks.",
    )
    learners: SwarmLearnerSettings
    staff: SwarmStaffSettings
    homes: HomeSettings = Field(
        default_factory=HomeSettings, description="Where people's files are; by default volumes of one host."
    )
    constraints: tuple[str, ...] = Field(
        default=(),
        description="Which hosts servers may run on, as Swarm says it: `node.labels.servers == true`.",
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        """Staff servers need a door more than learners', or they need none to the database at all."""
        extra = set(self.learners.doors) - set(self.staff.doors)
        if extra:
            raise ValueError(
                f"learners' servers have doors that the staff's lack: {', '.join(sorted(extra))}"
            )
        return self
