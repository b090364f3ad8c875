"""Where a request to the hub comes from."""

from typing import Any


def address_of(handler: Any, proxies: int) -> str:
    """Return the internet address that a request comes from.

    Each proxy adds the address that it was called from at the end of `X-Forwarded-For`. What stands before those of our
    own proxies, and `X-Real-IP`, is whatever the caller wrote.
    """
    noted = [
        part.strip() for part in ",".join(handler.request.headers.get_list("X-Forwarded-For")).split(",")
    ]
    noted = [part for part in noted if part]
    return noted[-proxies][:45] if len(noted) >= proxies else str(handler.request.remote_ip)
