"""What a hub's settings file says about servers in a Kubernetes cluster."""

from pydantic import BaseModel, ConfigDict, Field

from studyhall_hub.container_servers.settings import MEBIBYTE, CullingSettings


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PodSettings(_Part):
    """One kind of server: its image, what it reaches, and what it may use up.

    How many processes a pod may have is no property of pods: the kubelet's `podPidsLimit` says it for all of a node.
    """

    image: str = Field(
        description="Image of these servers' pods, with the registry that the nodes fetch it from."
    )
    hub_url: str = Field(default="http://hub:8081", description="The hub's address in the cluster.")
    service_url: str = Field(
        default="http://studyhall-service:8015/services/studyhall",
        description="The service's address in the cluster, with its path.",
    )
    names: tuple[str, ...] = Field(
        default=(),
        description="Other hosts that these servers find by name. They can look up nothing else: the hub looks up "
        "these names, and those of hub and service, and tells a pod the addresses when it starts.",
    )
    memory_mebibytes: int = Field(ge=256, description="Memory of one server with everything that runs in it.")
    memory_reserved_mebibytes: int = Field(
        default=160, ge=64, description="Memory that a node has to have left for one more server."
    )
    processors: float = Field(gt=0, description="How many processors one server may keep busy.")
    processors_reserved: float = Field(
        default=0.05,
        gt=0,
        description="Part of a processor that a node has to have left for one more server.",
    )
    disk_mebibytes: int = Field(ge=64, description="Size of the volume with one person's files.")

    @property
    def memory(self) -> int:
        """The memory limit in bytes."""
        return self.memory_mebibytes * MEBIBYTE


class LearnerPodSettings(PodSettings):
    """Servers in which learners' code runs."""

    image: str = Field(default="studyhall-single-user", description="Image of learners' pods.")
    memory_mebibytes: int = Field(default=1024, ge=256, description="Memory of one learner's server.")
    processors: float = Field(default=1.0, gt=0, description="How many processors one learner may keep busy.")
    disk_mebibytes: int = Field(default=1024, ge=64, description="Size of one learner's volume.")


class StaffPodSettings(PodSettings):
    """Servers for nbgrader's own tools, for graders and instructors only."""

    image: str = Field(default="studyhall-staff", description="Image of staff's pods.")
    memory_mebibytes: int = Field(default=2048, ge=256, description="Memory of one staff server.")
    processors: float = Field(default=2.0, gt=0, description="How many processors one of them may keep busy.")
    disk_mebibytes: int = Field(
        default=5120, ge=64, description="Size of one person's volume for staff work."
    )


class KubernetesSettings(_Part):
    """People's servers as pods of the cluster that the hub runs in."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,19}$",
        description="Begins the names of this hub's pods and volumes; each hub in a namespace has its own.",
    )
    hub_bind_url: str = Field(default="http://:8081", description="Where the hub listens in its pod.")
    storage_class: str = Field(
        default="", description="Kind of storage of people's volumes; empty for the cluster's default."
    )
    node_selector: dict[str, str] = Field(
        default_factory=dict, description="Labels of the nodes that servers may run on."
    )
    culling: CullingSettings = Field(
        default_factory=CullingSettings, description="When servers that nobody needs are stopped."
    )
    learners: LearnerPodSettings = Field(default_factory=LearnerPodSettings)
    staff: StaffPodSettings = Field(default_factory=StaffPodSettings)
