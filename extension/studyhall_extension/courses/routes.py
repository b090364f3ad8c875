"""Routes of courses that need no disk."""

from studyhall_extension.relay import RelayRoute

RELAYED = (
    RelayRoute("GET", "/courses"),
    RelayRoute("GET", "/courses/{course}/outline"),
)
