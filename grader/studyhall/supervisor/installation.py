"""Where everything of one try-it installation is: folders, sockets, ports and addresses."""

from dataclasses import dataclass
from pathlib import Path

from studyhall.supervisor.errors import DataFolderError, SupervisorError
from studyhall.supervisor.ports import reserved_port
from studyhall.supervisor.runtime import private_folder, socket_folder

DEFAULT_COURSE = Path("course-content/python-foundations")
ORGANIZATION = COHORT = "demo"
SERVICE_PREFIX = "/services/studyhall/"


@dataclass(frozen=True)
class Ports:
    """Every TCP port of the installation; all of them on loopback."""

    public: int
    hub: int
    proxy_api: int
    service: int
    worker: int


@dataclass(frozen=True)
class Installation:
    """One data folder and what belongs to it."""

    data: Path
    course: Path
    host: str
    ports: Ports
    sockets: Path

    @property
    def logs(self) -> Path:
        """One log per part."""
        return self.data / "logs"

    @property
    def database(self) -> Path:
        """PostgreSQL's folder."""
        return self.data / "postgres"

    @property
    def learners(self) -> Path:
        """The home folders of everybody who has a server."""
        return self.data / "learners"

    @property
    def hub(self) -> Path:
        """The hub's settings, cookie secret and proxy."""
        return self.data / "hub"

    @property
    def secrets(self) -> Path:
        """The file of secrets."""
        return self.data / "secrets.json"

    @property
    def seeded(self) -> Path:
        """The file that says what the database was filled from; it goes when the database goes."""
        return self.database / "seeded"

    @property
    def places(self) -> Path:
        """The file that says where the running parts are."""
        return self.data / "places.json"

    @property
    def judge_socket(self) -> Path:
        """Where the judge listens; a folder of its own, the only one the judge can write to."""
        return self.sockets / "judge" / "judge.sock"

    @property
    def public_url(self) -> str:
        """What a person opens in a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.ports.public}/"

    @property
    def hub_url(self) -> str:
        """The hub's inner address."""
        return f"http://127.0.0.1:{self.ports.hub}"

    @property
    def proxy_api_url(self) -> str:
        """The proxy's own API."""
        return f"http://127.0.0.1:{self.ports.proxy_api}"

    @property
    def service_url(self) -> str:
        """The service's inner address, without its path."""
        return f"http://127.0.0.1:{self.ports.service}"


def find_course(asked: Path | None) -> Path:
    """Return the folder of the course to publish: the one asked for, or the sample course of the checkout.

    Raises:
        SupervisorError: there is none.
    """
    if asked is not None:
        if not asked.is_dir():
            raise SupervisorError(f"There is no course folder {asked}; name one with --course.")
        return asked.resolve()
    for base in (Path.cwd(), Path(__file__).resolve().parents[3]):
        if (base / DEFAULT_COURSE).is_dir():
            return (base / DEFAULT_COURSE).resolve()
    raise SupervisorError("The sample course is not here; name a course folder with --course.")


def open_data_folder(data: Path) -> Path:
    """Make the data folder if needed and close it to everybody else; return its full path.

    Raises:
        DataFolderError: it cannot be used.
    """
    try:
        full = data.expanduser().resolve()
    except OSError as problem:
        raise DataFolderError(f"The data folder {data} cannot be used ({problem.strerror}).") from problem
    return private_folder(full)


def lay_out(*, data: Path, course: Path, host: str, port: int) -> Installation:
    """Make the folders of the installation in `data` and choose ports for its inner parts.

    Raises:
        DataFolderError: a folder cannot be used.
    """
    # Nobody needs to know the inner ports by heart, and well-known numbers are where others are already.
    ports = Ports(
        public=port,
        hub=reserved_port(),
        proxy_api=reserved_port(),
        service=reserved_port(),
        worker=reserved_port(),
    )
    installation = Installation(data=data, course=course, host=host, ports=ports, sockets=socket_folder(data))
    for folder in (
        installation.logs,
        installation.learners,
        installation.hub,
        installation.judge_socket.parent,
    ):
        private_folder(folder)
    return installation
