"""Routes of the learner's own profile."""

from studyhall_extension.relay import RelayRoute

RELAYED = (
    RelayRoute("GET", "/me"),
    RelayRoute("PATCH", "/me"),
)
