"""Routes of AI reviews."""

from studyhall_extension.relay import RelayRoute

RELAYED = (
    RelayRoute("GET", "/submissions/{id}/ai-review"),
    RelayRoute("POST", "/submissions/{id}/ai-review"),
)
