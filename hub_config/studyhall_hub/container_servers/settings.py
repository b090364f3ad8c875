"""What a hub's settings file says about servers in containers."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MEBIBYTE = 1024 * 1024


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerKindSettings(_Part):
    """One kind of server: its image, the network it is on, what it reaches there, and what it may use up."""

    image: str = Field(description="Image of these servers' containers.")
    network: str = Field(description="Docker network of these servers and of nothing else.")
    hub_url: str = Field(description="Address of the hub on that network: `http://10.77.0.1:8081`.")
    service_url: str = Field(
        description="Address of the service on that network, with its path: "
        "`http://10.77.0.1:8015/services/studyhall`."
    )
    memory_mebibytes: int = Field(ge=256, description="Memory of one server with everything that runs in it.")
    processors: float = Field(gt=0, description="How many processors one server may keep busy.")
    processes: int = Field(ge=64, description="How many processes and threads one server may have at a time.")
    disk_mebibytes: int | None = Field(
        default=None,
        ge=64,
        description="Size of one person's home folder; needs `volume_store`. Without it, no limit.",
    )

    @property
    def memory(self) -> int:
        """The memory limit in bytes."""
        return self.memory_mebibytes * MEBIBYTE


class LearnerServerSettings(ServerKindSettings):
    """Servers in which learners' code runs."""

    image: str = Field(default="studyhall-single-user", description="Image of learners' containers.")
    egress: Literal["none", "listed"] = Field(
        default="none",
        description="`listed` when their network was made with an allow-list (`docker/server-networks --allow`); "
        "with `none` no server is started on a network with a way out.",
    )
    memory_mebibytes: int = Field(default=1024, ge=256, description="Memory of one learner's server.")
    processors: float = Field(default=1.0, gt=0, description="How many processors one learner may keep busy.")
    processes: int = Field(default=256, ge=64, description="Processes and threads of one learner's server.")


class StaffServerSettings(ServerKindSettings):
    """Servers for nbgrader's own tools, for graders and instructors only."""

    image: str = Field(default="studyhall-staff", description="Image of staff's containers.")
    memory_mebibytes: int = Field(default=2048, ge=256, description="Memory of one staff server.")
    processors: float = Field(default=2.0, gt=0, description="How many processors one of them may keep busy.")
    processes: int = Field(default=512, ge=64, description="Processes and threads of one staff server.")


class CullingSettings(_Part):
    """When a server that nobody needs is stopped. What is in its home folder stays."""

    idle_minutes: float = Field(
        default=60,
        ge=0,
        description="A server in which nothing happened for so long is stopped; 0 for never. A kernel at work, a "
        "submission on its way and an open page are something.",
    )
    longest_hours: float = Field(
        default=0,
        ge=0,
        description="A server that runs for so long is stopped at the next quiet moment, and when it runs for twice as "
        "long whatever happens in it; 0 for never.",
    )
    report_seconds: int = Field(
        default=60, ge=1, le=300, description="How often a server in which something happens tells the hub."
    )


class PlanSettings(_Part):
    """What a cohort's plan gives each learner's server; `studyhall cohort show` prints these numbers."""

    memory_mebibytes: int | None = Field(default=None, ge=256, description="Memory, instead of the default.")
    processors: float | None = Field(default=None, gt=0, description="Processors, instead of the default.")
    processes: int | None = Field(default=None, ge=64, description="Processes, instead of the default.")
    disk_mebibytes: int | None = Field(
        default=None, ge=64, description="Size of a home folder; kept where there is a `volume_store`."
    )


class ContainerSettings(_Part):
    """People's servers as containers of a Docker engine on this machine."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$",
        description="Begins the names of this hub's containers and volumes; each hub on an engine has its own.",
    )
    engine: str = Field(
        default="unix:///var/run/docker.sock", description="The Docker engine, as `DOCKER_HOST` names it."
    )
    hub_bind_url: str = Field(
        default="",
        description="Where the hub listens when that is not `hub_url`: `http://0.0.0.0:8081` is on both networks.",
    )
    shared_origin: bool = Field(
        default=False,
        description="Let servers and the staff pages share an origin when the hub has no `subdomain_host`: for trying "
        "out only, since a page of a learner's server could then act as the instructor who opens it.",
    )
    plan: PlanSettings = Field(
        default_factory=PlanSettings,
        description="What the cohort's plan gives learners' servers; what `learners` says itself comes first.",
    )
    volume_store: str = Field(
        default="", description="Socket of docker/volume-store, which makes home folders of a fixed size."
    )
    culling: CullingSettings = Field(
        default_factory=CullingSettings, description="When servers that nobody needs are stopped."
    )
    learners: LearnerServerSettings
    staff: StaffServerSettings

    @model_validator(mode="before")
    @classmethod
    def _plan_before_defaults(cls, found: Any) -> Any:
        """Give learners' servers what the plan says and their own part does not."""
        plan, learners = (
            (found.get(part) for part in ("plan", "learners")) if isinstance(found, dict) else (None, None)
        )
        if not isinstance(plan, dict) or not isinstance(learners, dict):
            return found
        given = {name: number for name, number in plan.items() if name in PlanSettings.model_fields}
        if not found.get("volume_store"):
            given.pop("disk_mebibytes", None)
        return found | {"learners": given | learners}

    @model_validator(mode="after")
    def _limits_that_hold(self) -> Self:
        """A limit that nobody keeps is worse than none."""
        if not self.volume_store and (self.learners.disk_mebibytes or self.staff.disk_mebibytes):
            raise ValueError(
                "disk_mebibytes needs volume_store, the socket of docker/volume-store on this host"
            )
        return self

    @model_validator(mode="after")
    def _apart(self) -> Self:
        """Staff servers reach what learners' code must not."""
        if self.learners.network == self.staff.network:
            raise ValueError(
                "learners and staff need a network each, since the staff's leads to the database"
            )
        return self
