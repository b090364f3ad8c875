"""Routes of rewards."""

from studyhall_extension.relay import RelayRoute

RELAYED = (
    RelayRoute("GET", "/rewards/profile"),
    RelayRoute("GET", "/rewards/preferences"),
    RelayRoute("PATCH", "/rewards/preferences"),
    RelayRoute("GET", "/leaderboard"),
)
