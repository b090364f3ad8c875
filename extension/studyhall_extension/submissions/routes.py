"""Routes of attempts that need no disk."""

from studyhall_extension.relay import RelayRoute

RELAYED = (
    RelayRoute("GET", "/submissions"),
    RelayRoute("GET", "/submissions/{id}"),
)
