"""TCP ports on this machine."""

import errno
import ipaddress
import socket

from studyhall.supervisor.errors import PortTakenError, SupervisorError

_LAST = 65535


def check_loopback(host: str) -> str:
    """Return `host` when it is an address of this machine only.

    Raises:
        SupervisorError: it is not.
    """
    try:
        inside = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise SupervisorError(
            f"{host} would open this try-it Studyhall to other machines, where its demo accounts and local "
            "servers are not safe; leave --host at 127.0.0.1."
        )
    return "127.0.0.1" if host == "localhost" else host


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a server can listen on `port` now.

    Raises:
        SupervisorError: this user may not listen on that port at all.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            if problem.errno == errno.EACCES:
                raise SupervisorError(
                    f"Port {port} may only be used by an administrator; choose one above 1023 with --port."
                ) from problem
            return False
    return True


def check_free(port: int, host: str) -> None:
    """Make sure that the public port is free.

    Raises:
        PortTakenError: it is not.
    """
    if not is_free(port, host):
        other = next(
            (found for found in range(port + 1, min(port + 50, _LAST + 1)) if is_free(found, host)), None
        )
        hint = f"for instance --port {other}" if other else "--port"
        raise PortTakenError(
            f"Port {port} on {host} is taken by another program; stop that one, or choose another port with "
            f"{hint}."
        )


def reserved_port() -> int:
    """Return a port that nobody else gets, be it to listen on or for a connection of theirs, while this process lives.

    What this process starts can listen on it, now and whenever it is started again.
    """
    with socket.socket() as reservation:
        # Bound and never listening: another server may take its place, but the kernel gives it to nobody by itself.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port: int = reservation.getsockname()[1]
        reservation.detach()
    return port
