"""What any spawner needs that stops servers which nobody needs: whether the hub's own look finds one such."""

from datetime import UTC
from typing import TYPE_CHECKING, Any

from jupyterhub.utils import utcnow
from traitlets import Any as AnyTrait
from traitlets import Bool, Instance

from studyhall_hub.container_servers.culling import why_to_stop
from studyhall_hub.container_servers.settings import CullingSettings

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner as Base
else:
    # A class that says it is a spawner has to have all of a spawner's methods.
    from traitlets.config import LoggingConfigurable as Base


class StopsWhenQuiet(Base):  # type: ignore[misc]  # jupyterhub ships no types
    """Has a spawner stop a server that nobody needs, when the hub looks whether it runs.

    No other program is asked for it, so none needs a token that may stop everybody's servers. It stands before the
    spawner among a class's bases.
    """

    culling = Instance(CullingSettings, args=(), help="When servers are stopped that nobody needs.").tag(
        config=True
    )
    taken_up = AnyTrait(
        None, allow_none=True, help="When this hub took up a server that an earlier one started; UTC."
    )
    is_unheard = Bool(False, help="Whether this hub has not listened yet to a server that it took up.")

    def get_env(self) -> dict[str, str]:
        """Add how often the server tells the hub that something happens in it."""
        env: dict[str, str] = super().get_env()
        return env | {"JUPYTERHUB_ACTIVITY_INTERVAL": str(self.culling.report_seconds)}

    async def poll(self) -> int | str | None:
        """Return None while the server runs. One that nobody needs any more is stopped."""
        status: int | str | None = await super().poll()
        if status is None and self.ready and self.is_unheard:
            # From here on it can be heard, however long the hub's own start took.
            self.is_unheard = False
            self.taken_up = utcnow()
        if status is None and self.ready and (why := self.why_to_stop()):
            self.log.info("%s is stopped: %s", self._log_name, why)
            await self.stop()
            return 0
        return status

    def why_to_stop(self) -> str | None:
        """Return why nobody needs this server any more; None while somebody may.

        What happened while no hub listened nobody knows, so a hub that took a server up gives it its time anew.
        """
        now = utcnow()
        started = self.orm_spawner.started
        if started is None:
            return None
        # The hub's own table has times without a zone, which are UTC.
        known = [at.replace(tzinfo=UTC) for at in (started, self.orm_spawner.last_activity) if at is not None]
        active = max([*known, *([self.taken_up] if self.taken_up else [])])
        return why_to_stop(self.culling, now=now, started=started.replace(tzinfo=UTC), active=active)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up a server that an earlier hub started."""
        super().load_state(state)
        self.taken_up = utcnow()
        self.is_unheard = True
