"""Settings of the service and its workers, read from the environment (``STUDYHALL_*``).

Every field's description is its documentation: ``docs/settings.md`` is generated from it, and a test fails when a
setting has none. Nothing here has a default that would be a secret.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from studyhall.errors import ConfigurationError
from studyhall.web.client_address import networks

ReviewedBy = Literal["claude", "offline"]
"""Who writes reviews: Claude, outside of the classroom, or automatic checks."""


class Settings(BaseSettings):
    """One installation: where its databases are, which cohort it serves, and its limits."""

    model_config = SettingsConfigDict(env_prefix="STUDYHALL_", extra="ignore")

    def __init__(self, **values: Any) -> None:
        """Read the environment; ``values`` come before it.

        Raises:
            ConfigurationError: a setting has a value that it cannot have. No value is told, since some are secrets.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            told = (
                f"STUDYHALL_{'_'.join(map(str, item['loc'])).upper()}: {item['msg'].removeprefix('Value error, ')}"
                for item in faults
            )
            raise ConfigurationError(
                "These settings cannot be used; docs/settings.md says what each may be.\n" + "\n".join(told)
            ) from error

    data: Path = Field(
        default=Path(".studyhall"), description="Folder that the try-it command keeps its data in."
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="PostgreSQL address for the service and workers; its role must be NOSUPERUSER NOBYPASSRLS "
        "(`studyhall_app`).",
    )
    owner_database_url: SecretStr = Field(
        default=SecretStr(""),
        description="PostgreSQL address of the tables' owner (`studyhall_owner`), used by `studyhall db upgrade` only.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, description="Database connections that one process keeps at most."
    )
    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis or Valkey address for live updates, caches and rate limits; only what may be lost.",
    )
    cohort: str = Field(default="", description="Slug of the cohort that this hub serves.")
    content_key: SecretStr = Field(
        default=SecretStr(""),
        description="Fernet key that encrypts hidden tests and quiz keys at rest; several, separated by commas, "
        "allow rotation (the first one encrypts).",
    )
    judge_socket: Path = Field(
        default=Path(".studyhall/run/judge.sock"), description="Unix socket of the judge process."
    )
    judge_slots: int = Field(default=2, ge=1, description="Submissions that one judge grades side by side.")
    judge_sandbox: Literal["namespaces", "docker"] = Field(
        default="namespaces",
        description="What the judge encloses a submission in: namespaces of its own making, or one container each.",
    )
    judge_sandbox_image: str = Field(
        default="studyhall-sandbox", description="Image of the docker sandbox's containers."
    )
    judge_engine: str = Field(
        default="unix:///var/run/docker.sock",
        description="Container engine of the docker sandbox, on this machine.",
    )
    nbgrader_python: Path | None = Field(
        default=None,
        description="Python interpreter that has nbgrader, for workers of courses with an nbgrader gradebook; else the "
        "worker's own.",
    )
    service_host: str = Field(default="127.0.0.1", description="Address that the service listens on.")
    service_port: int = Field(default=8015, ge=1, le=65535, description="Port that the service listens on.")
    service_prefix: str = Field(
        default="/services/studyhall/", description="Path below which the hub's proxy publishes the service."
    )
    trusted_proxies: str = Field(
        default="127.0.0.0/8,::1",
        description="Addresses and networks of the proxies in front of the service, with commas. Only what they add to "
        "`X-Forwarded-For` tells where a request comes from; never name a network that notebook servers are in.",
    )
    worker_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Loopback port for a worker's /metrics and /health; 0 is none."
    )
    worker_concurrency: int = Field(
        default=4,
        ge=2,
        description="Jobs that one worker runs side by side; one of them is always a learner's submission.",
    )
    worker_heartbeat_seconds: float = Field(
        default=5.0, gt=0, description="How often a worker says that it is alive."
    )
    worker_stalled_seconds: float = Field(
        default=20.0, gt=0, description="Silence after which a worker counts as dead and its jobs run again."
    )
    job_attempts: int = Field(
        default=5, ge=1, description="How often a job is tried before it goes to the dead letters."
    )
    max_notebook_bytes: int = Field(
        default=10_000_000, ge=1_000, description="Largest notebook that a learner may submit, in bytes."
    )
    max_submission_files_bytes: int = Field(
        default=10_000_000,
        ge=0,
        description="Largest size of the data files of their own that a learner may submit with their notebooks, all "
        "together, in bytes.",
    )
    max_release_bytes: int = Field(
        default=100_000_000, ge=1_000, description="Largest course release that may be published, in bytes."
    )
    submissions_per_minute: int = Field(
        default=10, ge=1, description="Submissions that one learner may make in a minute."
    )
    waiting_submissions_per_lesson: int = Field(
        default=5, ge=1, description="Submissions of one lesson that one learner may have waiting at a time."
    )
    requests_per_minute: int = Field(
        default=600, ge=1, description="API requests that one person may make in a minute."
    )
    ai_provider: Literal["auto", "claude", "offline", "none"] = Field(
        default="auto",
        description="Who writes AI reviews: `auto` is Claude when a key is set, else the offline reviewer.",
    )
    anthropic_api_key: SecretStr = Field(
        default=SecretStr(""), description="Key for Claude; without one reviews are automatic checks."
    )
    anthropic_base_url: str = Field(
        default="", description="Address of the Messages API when it is not Anthropic's own."
    )
    ai_model: str = Field(default="claude-sonnet-5-5", description="Claude model that writes reviews.")
    ai_timeout_seconds: float = Field(
        default=30.0, gt=0, description="How long one call to Claude may take; the job tries again later."
    )
    ai_concurrency: int = Field(
        default=2,
        ge=1,
        description="AI reviews that are made side by side, over all workers; fewer than all workers' concurrency, "
        "so that grading never waits for Claude.",
    )
    ai_requests_per_hour: int = Field(
        default=20, ge=1, description="AI reviews that one learner may ask for in an hour."
    )
    subdomains: bool = Field(
        default=False,
        description="Whether the hub gives each server a subdomain of its own. Without it a learner's server shares "
        "the staff pages' origin, which is for trying out only.",
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="How log lines are written."
    )

    @property
    def reviewed_by(self) -> ReviewedBy | None:
        """Who reviews attempts; None where reviews are switched off, or Claude has no key."""
        has_key = bool(self.anthropic_api_key.get_secret_value())
        match self.ai_provider:
            case "none":
                return None
            case "offline":
                return "offline"
            case "claude":
                return "claude" if has_key else None
            case "auto":
                return "claude" if has_key else "offline"

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        try:
            networks(value)
        except ValueError as error:
            raise ValueError(
                f"STUDYHALL_TRUSTED_PROXIES is a list of addresses and networks with commas: {error}."
            ) from error
        return value
