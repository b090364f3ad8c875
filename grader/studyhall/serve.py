"""Running the service: ``studyhall service``."""

import asyncio
import signal

import structlog
from jupyterhub.services.auth import HubOAuth
from sqlalchemy.exc import OperationalError
from tornado.netutil import bind_sockets

from studyhall import __version__, collector
from studyhall.app import make_application, open_context
from studyhall.errors import ConfigurationError
from studyhall.logs import configure_logs
from studyhall.members import hub_link
from studyhall.members.hub_link import HubGroups
from studyhall.settings import Settings
from studyhall.web.handlers import trusted_proxies
from studyhall.web.large_requests import BoundedServer

log = structlog.get_logger(__name__)

MAX_REQUEST_BYTES = 160_000_000
"""Largest request that is read at all; each route has its own, smaller limit."""


def make_hub_auth(settings: Settings) -> HubOAuth:
    """Return the connection to the hub, from the JUPYTERHUB_* variables that the hub's own libraries read.

    Raises:
        ConfigurationError: they are missing.
    """
    hub_auth = HubOAuth(
        base_url=settings.service_prefix,
        cache_max_age=60,
        cookie_host_prefix_enabled=settings.subdomains,
    )
    if not hub_auth.api_token:
        raise ConfigurationError(
            "JUPYTERHUB_API_TOKEN is not set. Give it the token of the service `studyhall` in the hub's configuration."
        )
    return hub_auth


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests end.

    Raises:
        ConfigurationError: a setting is missing or wrong, or the port is taken.
    """
    configure_logs(settings)
    hub_auth = make_hub_auth(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    try:
        async with open_context(settings) as context:
            try:
                sockets = bind_sockets(settings.service_port, settings.service_host)
            except OSError as error:
                raise ConfigurationError(
                    f"Port {settings.service_port} on {settings.service_host} is taken. "
                    "End the other program, or choose another STUDYHALL_SERVICE_PORT."
                ) from error
            server = BoundedServer(
                make_application(context, hub_auth),
                trusted=trusted_proxies(settings.trusted_proxies),
                xheaders=True,
                trusted_downstream=["127.0.0.1", "::1"],
                max_body_size=MAX_REQUEST_BYTES,
                max_buffer_size=MAX_REQUEST_BYTES,
            )
            server.add_sockets(sockets)
            async with context.queue.app.open_async():
                log.info(
                    "service_started", version=__version__, port=settings.service_port, cohort=settings.cohort
                )
                link = asyncio.create_task(
                    hub_link.run(context, HubGroups(hub_auth.api_url, hub_auth.api_token))
                )
                collector.settle()
                await stop.wait()
                link.cancel()
                await asyncio.gather(link, return_exceptions=True)
            server.stop()
            log.info("service_stops")
            await server.close_all_connections()
    except OperationalError as error:
        raise ConfigurationError(
            "The database can't be reached. Check STUDYHALL_DATABASE_URL and that PostgreSQL is running."
        ) from error
