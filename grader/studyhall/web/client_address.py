"""Where a request really comes from: read backwards through the proxies that are ours, never from a header alone."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network

LONGEST_AGENT = 300
"""Characters that are kept of what a program says of itself."""


def networks(text: str) -> list[Network]:
    """Return the networks of a list with commas.

    Raises:
        ValueError: one of them is neither an address nor a network.
    """
    return [ip_network(part.strip()) for part in text.split(",") if part.strip()]


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """Return the address that a request comes from; None where it can't be told.

    Each proxy adds the address that it was called from at the end of ``X-Forwarded-For``. So it is read from its end,
    and only as long as whoever has written the entry is one of ours: what a caller puts before that is never believed,
    and without a proxy of ours in between the header counts for nothing.

    Args:
        peer: the address at the other end of the connection.
        forwarded: all values of ``X-Forwarded-For``, in their order.
        trusted: where our own proxies are.
    """
    address = _parsed(peer)
    if address is None:
        return None
    noted = [part.strip() for value in forwarded for part in value.split(",")]
    while noted and any(address in network for network in trusted):
        before = _parsed(noted.pop())
        if before is None:
            break
        address = before
    return str(address)


def address_of(request: Any, trusted: Sequence[Network]) -> str | None:
    """Return the address that a Tornado request comes from."""
    # Tornado's own `remote_ip` believes the header whoever sends it, and `X-Real-IP` before all others.
    context = getattr(request.connection, "context", None)
    peer = getattr(context, "address", None)
    host = peer[0] if isinstance(peer, tuple) and peer else ""
    return client_address(str(host), request.headers.get_list("X-Forwarded-For"), trusted)


def agent_of(header: str | None) -> str | None:
    """Return what the program at the other end says of itself, fit to be kept: one short line."""
    plain = "".join(each for each in header or "" if each.isprintable()).strip()
    return plain[:LONGEST_AGENT] or None


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # An IPv4 caller of a socket that takes both kinds.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
