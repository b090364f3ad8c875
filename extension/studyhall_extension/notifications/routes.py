"""Routes of notifications; none needs the disk."""

from studyhall_extension.relay import RelayRoute

RELAYED = (
    RelayRoute("GET", "/notifications"),
    RelayRoute("POST", "/notifications/read"),
    RelayRoute("POST", "/notifications/{id}/read"),
)
