"""What any spawner needs that starts servers of two kinds: who may choose, what they choose, what it makes of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tornado import web
from traitlets import List, Unicode, default

from studyhall_hub.container_servers.policy import (
    ASKED,
    Kind,
    StaffOnly,
    UnknownOption,
    kind_of_server,
    may_have_staff_server,
)

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner as Base
else:
    # A class that says it is a spawner has to have all of a spawner's methods.
    from traitlets.config import LoggingConfigurable as Base

CHOICE = """
<fieldset>
  <legend>Which server?</legend>
  <p><label><input type="radio" name="server" value="learner" checked>
    Your own, as a learner has one: for trying lessons out</label></p>
  <p><label><input type="radio" name="server" value="staff">
    For staff: nbgrader, formgrader and the course's gradebook</label></p>
</fieldset>
"""


class Refusal(web.HTTPError):
    """No server is started, and the person reads why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.jupyterhub_message = sentence


class KindChooser(Base):  # type: ignore[misc]  # jupyterhub ships no types
    """Has a spawner start a learner's server or one for staff, by what the hub knows of a person.

    It stands before the spawner among a class's bases.
    """

    courses = List(Unicode(), help="Slugs of the courses whose staff may have a staff server.").tag(
        config=True
    )
    kind = Unicode("learner", help="The kind of the server that runs or is being started.")

    @property
    def of_staff(self) -> bool:
        """Whether the hub knows this person as a grader or instructor of one of its courses, now."""
        return may_have_staff_server((group.name for group in self.user.orm_user.groups), self.courses)

    @default("options_form")
    def _default_options_form(self) -> Callable[[Any], str]:
        return lambda spawner: CHOICE if spawner.of_staff else ""

    @default("options_from_form")
    def _default_options_from_form(self) -> Callable[[dict[str, list[str]]], dict[str, Any]]:
        return lambda form: {name: values[0] for name, values in form.items() if name == ASKED}

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Callable[[Any, dict[str, Any]], None]:
        return lambda spawner, options: spawner.decide(options)

    def decide(self, options: dict[str, Any]) -> None:
        """Take the kind of server that this person gets; called by the hub before every start.

        Raises:
            Refusal: they may not have what they ask for.
        """
        try:
            kind = kind_of_server(options, staff=self.of_staff)
        except (StaffOnly, UnknownOption) as refused:
            # The hub keeps what was asked for as the next start's wish; this one would be refused for ever.
            self.orm_spawner.user_options = {}
            self.db.commit()
            raise Refusal(403 if isinstance(refused, StaffOnly) else 400, str(refused)) from refused
        self.become(kind)

    def become(self, kind: Kind) -> None:
        """Take over everything in which one kind differs from the other."""
        self.kind = kind

    async def poll(self) -> int | str | None:
        """Return None while the server runs. The staff server of somebody who is staff no longer is stopped."""
        status: int | str | None = await super().poll()
        if status is None and self.kind == "staff" and not self.of_staff:
            self.log.warning("%s is staff no longer; their staff server is stopped", self._log_name)
            await self.stop()
            return 0
        return status

    def get_state(self) -> dict[str, Any]:
        """Return what a later hub needs to know of a server that runs."""
        state: dict[str, Any] = super().get_state()
        # One that does not run has nothing to be known.
        return state | {"kind": self.kind} if state else state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up a server that an earlier hub started."""
        self.become("staff" if state.get("kind") == "staff" else "learner")
        super().load_state(state)
