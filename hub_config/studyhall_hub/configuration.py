"""From a settings file to a configured hub: one small function per subject, each over the config object."""

import sys
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from traitlets.log import get_logger

from studyhall_hub import permissions
from studyhall_hub.accounts import DemoAuthenticator, read_accounts
from studyhall_hub.addresses import public_service_url
from studyhall_hub.enclosure import bubblewrap_path
from studyhall_hub.local_servers import LocalServerSpawner
from studyhall_hub.membership.profile import apply_membership
from studyhall_hub.settings import HubSettings, ServerSettings, load_settings
from studyhall_hub.tokens import revoke_server_tokens

NO_SUBDOMAINS = (
    "This hub gives servers no subdomains of their own: a learner's server shares the origin of the staff "
    "pages. That is for trying out only; set subdomain_host for a real class."
)

Part = TypeVar("Part")

SERVER_CONFIG = Path(__file__).parent / "server_config"
"""Jupyter configuration for every person's server."""


# What these two libraries import only where it is there, and a server never asks for: the grammar of international
# addresses, which takes a third of a server's start; a calendar; a command line with colours. Together 20 MiB for each
# learner. Learners' own packages find them afterwards as usual.
START_SERVER = """
import sys
absent = ("rfc3987_syntax", "isoduration", "click", "rich")
sys.modules.update(dict.fromkeys(absent))
import httpx, jsonschema
for name in absent:
    del sys.modules[name]
from jupyterhub.singleuser import main
sys.exit(main())
"""


def configure(c: Any, settings_path: str | Path) -> HubSettings:
    """Set up the hub whose config object is `c` from a settings file; return the settings.

    Raises:
        studyhall_hub.settings.HubSettingsError: the file cannot be used.
        studyhall_hub.enclosure.EnclosureError: servers are to be enclosed and bubblewrap is missing.
    """
    settings = load_settings(Path(settings_path))
    apply_addresses(c, settings)
    apply_storage(c, settings)
    apply_permissions(c, settings)
    apply_services(c, settings)
    apply_landing_page(c, settings)
    PROFILES[settings.profile](c, settings)
    apply_membership_of(c, settings)
    if not settings.subdomain_host:
        get_logger().warning(NO_SUBDOMAINS)
    return settings


def apply_addresses(c: Any, settings: HubSettings) -> None:
    """Say where the hub listens, and where its proxy does, which somebody else keeps running."""
    c.JupyterHub.bind_url = settings.bind_url
    c.JupyterHub.hub_bind_url = settings.hub_url
    c.JupyterHub.hub_connect_url = settings.hub_url
    c.JupyterHub.subdomain_host = settings.subdomain_host
    c.JupyterHub.cookie_host_prefix_enabled = settings.bind_url.startswith("https:")
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = settings.proxy.api_url
    c.ConfigurableHTTPProxy.auth_token = settings.proxy.token.get_secret_value()
    # What the hub has to say about a route that was lost is said within this many seconds even if nobody
    # asks.
    c.JupyterHub.last_activity_interval = 60


def apply_storage(c: Any, settings: HubSettings) -> None:
    """Say where the hub keeps what it knows."""
    c.JupyterHub.db_url = settings.database_url.get_secret_value()
    c.JupyterHub.cookie_secret_file = str(settings.cookie_secret_file)


def apply_permissions(c: Any, settings: HubSettings) -> None:
    """Declare our scopes, the roles that hold them, and the groups that hold the roles."""
    c.JupyterHub.custom_scopes = permissions.CUSTOM_SCOPES
    c.JupyterHub.load_roles = permissions.roles(
        settings.courses,
        supervised=settings.supervisor_token is not None,
        membership=settings.membership,
    )
    of_courses = [
        name
        for course in settings.courses
        for name in (permissions.instructors(course), permissions.graders(course))
    ]
    groups: dict[str, dict[str, list[str]]] = {
        name: {"users": []} for name in (*of_courses, *permissions.COHORT_GROUPS)
    }
    c.JupyterHub.load_groups = groups | {
        name: {"users": list(members)}
        for name, members in settings.groups.items()
        # A role that was taken away in the service would come back with each start of the hub.
        if not (settings.membership and permissions.is_ours(name))
    }


def apply_services(c: Any, settings: HubSettings) -> None:
    """Register the classroom service, which runs by itself, and the supervisor's token."""
    services: list[dict[str, Any]] = [
        {
            "name": permissions.SERVICE,
            "url": settings.service.url,
            "api_token": settings.service.token.get_secret_value(),
            "oauth_client_id": f"service-{permissions.SERVICE}",
            "oauth_redirect_uri": settings.service.callback_url,
            # The service belongs to the hub: asking people whether they trust it would only confuse them.
            "oauth_no_confirm": True,
            # Without this list a browser's token would carry none of our scopes. What is on it is still only
            # granted to those who hold it.
            "oauth_client_allowed_scopes": [
                permissions.ENTER,
                *permissions.CUSTOM_SCOPES,
                "read:users:name!user",
                "read:users:groups!user",
            ],
            "display": True,
            # Whoever starts the service looks after it; the hub need not wait for it before it publishes its address.
            "timeout": 1,
        }
    ]
    if settings.supervisor_token is not None:
        services.append(
            {
                "name": permissions.SUPERVISOR,
                "api_token": settings.supervisor_token.get_secret_value(),
                "display": False,
            }
        )
    c.JupyterHub.services = services


def apply_landing_page(c: Any, settings: HubSettings) -> None:
    """Send staff to their pages after signing in, and learners to their server."""
    # With subdomains the service has a host of its own, and the hub's knows no such page.
    pages = public_service_url(bind_url=settings.bind_url, subdomain_host=settings.subdomain_host)

    def landing_page(handler: Any) -> str:
        user = handler.current_user
        if user is not None and any(permissions.is_ours(group.name) for group in user.groups):
            if settings.subdomain_host:
                return f"{pages}/"
            return f"{handler.base_url}services/{permissions.SERVICE}/"
        return f"{handler.hub.base_url}spawn" if user is not None else f"{handler.hub.base_url}login"

    c.JupyterHub.default_url = landing_page


def apply_accounts(c: Any, settings: HubSettings) -> None:
    """Let in whom the part `sign_in` names; without it the accounts of the file, and nobody else."""
    if settings.sign_in is not None:
        # Needs the `hub-sign-in` extra, which nobody has who only tries things out.
        from studyhall_hub.sign_in.lti.service_door import ServiceDoor  # noqa: PLC0415 - see above
        from studyhall_hub.sign_in.profile import apply_sign_in, public_hub_url  # noqa: PLC0415 - see above

        hub_url = public_hub_url(bind_url=settings.bind_url, subdomain_host=settings.subdomain_host)
        apply_sign_in(
            c,
            settings.sign_in,
            hub_url=hub_url,
            service_url=public_service_url(
                bind_url=settings.bind_url, subdomain_host=settings.subdomain_host
            ),
            door=ServiceDoor(
                f"{settings.service.url.rstrip('/')}/services/{permissions.SERVICE}",
                settings.service.token.get_secret_value(),
            ),
        )
        return
    file = part_of(settings.accounts).file
    c.JupyterHub.authenticator_class = DemoAuthenticator
    c.DemoAuthenticator.accounts_file = str(file)
    c.Authenticator.allow_all = False
    c.Authenticator.allowed_users = set(read_accounts(file))


def apply_membership_of(c: Any, settings: HubSettings) -> None:
    """Have the service say who is let in, where the settings want that."""
    if settings.membership:
        apply_membership(
            c,
            service_url=f"{settings.service.url.rstrip('/')}/services/{permissions.SERVICE}",
            token=settings.service.token.get_secret_value(),
            proxies=settings.sign_in.proxies if settings.sign_in is not None else 1,
        )


def apply_local_servers(c: Any, servers: ServerSettings) -> None:
    """Run each person's server as an enclosed process on this machine."""
    enclose = servers.enclosure == "bubblewrap"
    c.JupyterHub.spawner_class = LocalServerSpawner
    c.LocalServerSpawner.servers_folder = str(servers.folder)
    c.LocalServerSpawner.log_folder = str(servers.log_folder)
    c.LocalServerSpawner.enclose = enclose
    if enclose:
        c.LocalServerSpawner.bubblewrap = str(servers.bubblewrap or bubblewrap_path())
    c.LocalServerSpawner.hidden = [str(folder) for folder in servers.hidden]
    c.LocalServerSpawner.keeper = list(servers.keeper)
    c.LocalServerSpawner.keep_open = list(servers.keep_open)
    c.LocalServerSpawner.ip = "127.0.0.1"
    c.LocalServerSpawner.interrupt_timeout = 2
    c.LocalServerSpawner.term_timeout = 1
    apply_lab(c, servers)


def apply_lab(c: Any, servers: ServerSettings) -> None:
    """Give every server JupyterLab, the service's inner address, and none of the hub's own environment."""
    c.Spawner.cmd = [sys.executable, "-c", START_SERVER]
    c.Spawner.args = [
        # Kernels talk over sockets in their owner's home: local servers share the loopback network, where
        # anybody could listen to a kernel's output.
        "--KernelManager.transport=ipc",
    ]
    c.Spawner.default_url = "/lab"
    c.Spawner.env_keep = []
    c.Spawner.environment = {
        "STUDYHALL_SERVICE_URL": servers.service_url,
        # Holds what Lab leaves out here: news from the internet, since class rooms are often closed networks.
        "JUPYTER_CONFIG_PATH": str(SERVER_CONFIG),
    }
    c.Spawner.start_timeout = 300
    c.Spawner.http_timeout = 300
    c.Spawner.poll_interval = 5
    c.Spawner.post_stop_hook = revoke_server_tokens
    c.JupyterHub.cleanup_servers = True
    c.JupyterHub.allow_named_servers = False


def try_it(c: Any, settings: HubSettings) -> None:
    """Set up the profile for trying out: demo accounts, local processes, one machine, loopback only.

    Raises:
        ValueError: the hub would listen beyond this machine.
    """
    for url in (settings.bind_url, settings.hub_url, settings.proxy.api_url, settings.service.url):
        if urlsplit(url).hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(f"The try-it profile listens on this machine only, and {url} is elsewhere.")
    apply_accounts(c, settings)
    apply_local_servers(c, part_of(settings.servers))


def containers(c: Any, settings: HubSettings) -> None:
    """Set up the profile for a class on one host: a Docker container per person."""
    # Needs the `hub-docker` extra, which nobody has who only tries things out.
    from studyhall_hub.container_servers.profile import apply_container_servers  # noqa: PLC0415 - see above

    apply_accounts(c, settings)
    apply_container_servers(
        c,
        part_of(settings.containers),
        command=["python3", "-c", START_SERVER],
        courses=settings.courses,
        public_url=public_service_url(bind_url=settings.bind_url, subdomain_host=settings.subdomain_host),
    )


def swarm(c: Any, settings: HubSettings) -> None:
    """Set up the profile for a class on several hosts: a service of a Docker Swarm per person."""
    # Needs the `hub-docker` extra, which nobody has who only tries things out.
    from studyhall_hub.swarm_servers.profile import apply_swarm_servers  # noqa: PLC0415 - see above

    apply_accounts(c, settings)
    apply_swarm_servers(
        c,
        part_of(settings.swarm),
        program=START_SERVER,
        courses=settings.courses,
        public_url=public_service_url(bind_url=settings.bind_url, subdomain_host=settings.subdomain_host),
    )


def kubernetes(c: Any, settings: HubSettings) -> None:
    """Set up the profile for a class in a Kubernetes cluster: a pod per person."""
    # Needs the `hub-kubernetes` extra, which nobody has who only tries things out.
    from studyhall_hub.kubernetes_servers.profile import apply_kubernetes_servers  # noqa: PLC0415 - see above

    apply_accounts(c, settings)
    apply_kubernetes_servers(
        c,
        part_of(settings.kubernetes),
        command=["python3", "-c", START_SERVER],
        courses=settings.courses,
        public_url=public_service_url(bind_url=settings.bind_url, subdomain_host=settings.subdomain_host),
    )


def part_of(found: Part | None) -> Part:
    """Return the part of the settings that the profile needs; they were checked for it when they were read."""
    if found is None:
        raise ValueError("The settings lack the servers of their profile.")
    return found


PROFILES = {"try-it": try_it, "containers": containers, "swarm": swarm, "kubernetes": kubernetes}
"""How each profile lets people in and runs their servers. A new profile is a new function here."""
