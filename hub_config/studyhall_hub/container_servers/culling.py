"""When a server that nobody needs is stopped. Pure functions that are handed the clock."""

from datetime import datetime, timedelta

from studyhall_hub.container_servers.settings import CullingSettings

QUIET = timedelta(minutes=5)
"""How long nothing has to happen in a server that is old enough to be stopped."""


def why_to_stop(
    culling: CullingSettings, *, now: datetime, started: datetime, active: datetime
) -> str | None:
    """Return why a server is to be stopped now, for the hub's log; None when it is to go on.

    `started` is when it was, `active` when something last happened in it as far as the hub knows; all three are UTC.
    """
    idle = now - active
    if culling.idle_minutes and idle >= timedelta(minutes=culling.idle_minutes):
        return f"nothing happened in it for {idle.total_seconds() / 60:.0f} minutes"
    if culling.longest_hours:
        longest = timedelta(hours=culling.longest_hours)
        if now - started >= longest and idle >= min(QUIET, longest):
            return f"it ran for more than {culling.longest_hours:g} hours and is quiet"
        if now - started >= 2 * longest:
            return f"it ran for more than {2 * culling.longest_hours:g} hours"
    return None
