"""The hub's door for the service alone: end what somebody has here, and send a message about joining."""

import json
from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from tornado.web import HTTPError

from studyhall_hub import permissions
from studyhall_hub.membership import letters
from studyhall_hub.sessions import sign_out_everywhere, stop_servers
from studyhall_hub.sign_in.errors import MailAway, MailRefused


class ServicePage(APIHandler):  # type: ignore[misc]  # jupyterhub ships no types
    """What only the service may ask for, by its own token; no person holds it, whatever their roles."""

    async def prepare(self) -> None:
        """Turn everybody else away.

        Raises:
            tornado.web.HTTPError: 403.
        """
        await super().prepare()
        caller = self.current_user
        if not isinstance(caller, orm.Service) or caller.name != permissions.SERVICE:
            raise HTTPError(403, "This is for the classroom service alone.")

    def given(self, name: str, *, longest: int) -> str:
        """Return a text of the request.

        Raises:
            tornado.web.HTTPError: 400 when there is none.
        """
        body = self.get_json_body()
        value = body.get(name) if isinstance(body, dict) else None
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            raise HTTPError(400, f"{name} has to be a text of at most {longest} characters.")
        return value

    def answer(self, **values: Any) -> None:
        """Answer with values as JSON."""
        self.finish(json.dumps(values))


class EndPage(ServicePage):
    """Somebody is no member any more."""

    async def post(self) -> None:
        """End their sessions and stop their servers; their account and their files stay.

        Answers with `ended`: false while a server is still starting or stopping, so that it is asked again.
        """
        user = self.find_user(self.given("username", longest=255))
        if user is None:
            self.answer(ended=True)
            return
        tokens = sign_out_everywhere(self, user)
        ended = await stop_servers(self, user)
        if ended:
            tokens += sign_out_everywhere(self, user)
        self.log.info(
            "%s is no member any more; %d tokens ended, servers stopped: %s", user.name, tokens, ended
        )
        self.answer(ended=ended)


class LetterPage(ServicePage):
    """Messages about joining, in the hub's own words, by the mail server that it has for accounts."""

    @property
    def mailer(self) -> Any:
        """What sends mail; None on a hub without a mail server."""
        return getattr(getattr(self.authenticator, "local", None), "mailer", None)

    async def get(self) -> None:
        """Say whether messages can be sent at all."""
        self.answer(sends=self.mailer is not None)

    async def post(self) -> None:
        """Send one. Answers with `outcome`: `sent`, `no_mail` or `refused`; 503 when it may work later.

        Raises:
            tornado.web.HTTPError: 400 for a kind that there is not; 503.
        """
        to, kind = self.given("to", longest=254), self.given("kind", longest=20)
        body = self.get_json_body()
        try:
            letter = letters.letter(
                kind,
                cohort=self.given("cohort", longest=500),
                reason=letters.line(body.get("reason")),
                people=body.get("people"),
                hub_url=str(getattr(self.authenticator, "hub_url", "")),
                service_url=str(getattr(self.authenticator, "service_url", "")),
            )
        except ValueError as problem:
            raise HTTPError(400, "%s", problem) from problem
        if self.mailer is None:
            self.answer(outcome="no_mail")
            return
        try:
            await self.mailer.deliver(to, letter.subject, letter.paragraphs)
        except MailRefused:
            self.answer(outcome="refused")
        except MailAway as problem:
            raise HTTPError(503, "The mail server does not take the message right now.") from problem
        else:
            self.answer(outcome="sent")


PAGES: list[tuple[str, type]] = [
    (r"/studyhall/ended-members", EndPage),
    (r"/studyhall/letters", LetterPage),
]
