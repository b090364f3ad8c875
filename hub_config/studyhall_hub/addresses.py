"""Addresses as people's browsers see them."""

from urllib.parse import urlsplit, urlunsplit

from studyhall_hub import permissions


def public_service_url(*, bind_url: str, subdomain_host: str) -> str:
    """Return the service's address in people's browsers, from the hub's own."""
    parts = urlsplit(subdomain_host or bind_url)
    # As the hub's own `subdomain_hook` names a service's host.
    host = f"{permissions.SERVICE}--service.{parts.netloc}" if subdomain_host else parts.netloc
    base = urlsplit(bind_url).path.rstrip("/")
    return urlunsplit((parts.scheme, host, f"{base}/services/{permissions.SERVICE}", "", ""))
