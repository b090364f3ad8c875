"""`/lti/choices/ID`: where an instructor chooses after a launch. Only a browser's sign-in counts, never a token."""

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit.service import Actor, AuditOrigin
from studyhall.context import Context
from studyhall.errors import Forbidden, StudyhallError
from studyhall.lti import linking, pages, policy
from studyhall.lti.errors import UnknownChoice
from studyhall.lti.linking import Choosing
from studyhall.person import Person
from studyhall.web.handlers import SignIn, StudyhallHandler, person_error
from studyhall.web.security_headers import PAGE_POLICY


class BrowserOnly(Forbidden):
    """Lessons are chosen in the browser, by a person who has signed in there; a token chooses nothing."""


class ChoiceHandler(StudyhallHandler):
    """The page and its form."""

    sign_in: SignIn

    def initialize(self, context: Context, sign_in: SignIn | None = None) -> None:
        """Take the service's parts, and the way from a hub user to a person."""
        super().initialize(context)
        if sign_in is not None:
            self.sign_in = sign_in

    def set_default_headers(self) -> None:
        """Allow the page's own style."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", PAGE_POLICY)

    @property
    def _prefix(self) -> str:
        return self.context.settings.service_prefix.rstrip("/")

    @property
    def _xsrf(self) -> str:
        token = self.xsrf_token
        return token.decode() if isinstance(token, bytes) else str(token)

    async def get(self, choice: str) -> None:
        """Show what there is to choose, after the hub's sign-in."""
        if await self.hub_auth.get_user(self, sync=False) is None:
            self.redirect(self.get_login_url())
            return
        try:
            async with self.context.database.session(self.context.cohort_id) as session:
                found = await self._choosing(session, choice)
                page = self._asking(found)
        except Exception as error:  # noqa: BLE001 - the one place where any error becomes a page
            self._refuse(person_error(error))
            return
        self._say(page)

    async def post(self, choice: str) -> None:
        """Do what was chosen, and say how it goes on."""
        try:
            async with self.context.database.session(self.context.cohort_id) as session:
                page = await self._done(session, await self._choosing(session, choice))
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(person_error(error))
            return
        self._say(page)

    async def _done(self, session: AsyncSession, found: Choosing) -> str:
        now = self.context.clock()
        actor = Actor(
            user_id=found.choice.user_id,
            username=self._person.username,
            origin=AuditOrigin.STAFF_PAGE,
            request_id=self.request_id,
            address=self.client_address,
            agent=self.agent,
        )
        if found.course is None:
            course = self.get_body_argument("course", "")
            await linking.connect_chosen(
                session, found, course, actor=actor, outbox=self.context.outbox, now=now
            )
            return pages.connected(self._prefix, course)
        chosen = self.get_body_arguments("lesson")
        if not chosen:
            return pages.choose_lessons(
                self._prefix, found, xsrf=self._xsrf, trouble="Choose at least one lesson."
            )
        url = str((found.choice.deep_linking or {}).get("return_url", ""))
        if not linking.may_return_to(url, token_url=found.platform.token_url):
            raise UnknownChoice("The learning platform names no address that lessons can be sent to.")
        response = await linking.link_chosen(
            session, found, chosen, cipher=self.context.cipher, actor=actor, now=now
        )
        # The one form of ours that leads elsewhere: to the platform, with what it asked for.
        scheme, host = policy.origin_of(response.url)
        self.set_header(
            "Content-Security-Policy",
            PAGE_POLICY.replace("form-action 'self'", f"form-action {scheme}://{host}"),
        )
        return pages.bring_back(self._prefix, response, chosen)

    def _asking(self, found: Choosing) -> str:
        if found.course is None:
            return pages.choose_course(self._prefix, found, xsrf=self._xsrf)
        if found.choice.deep_linking is None:
            return pages.connected(self._prefix, found.course)
        return pages.choose_lessons(self._prefix, found, xsrf=self._xsrf)

    async def _choosing(self, session: AsyncSession, choice: str) -> Choosing:
        if self.hub_auth.get_token(self, in_cookie=False):
            raise BrowserOnly
        model = await self.hub_user()
        # The hub's library asks for it when it makes a form's token, and would wait for the hub in the event loop.
        self.current_user = model
        scopes = frozenset(str(scope) for scope in model.get("scopes", ()))
        self._person: Person = await self.sign_in(session, model, scopes)
        try:
            number = uuid.UUID(choice)
        except ValueError:
            raise UnknownChoice from None
        return await linking.choosing(session, number, self._person.user_id, now=self.context.clock())

    def _refuse(self, error: StudyhallError) -> None:
        self.set_status(error.status)
        self._say(pages.trouble(self._prefix, error.message))

    def _say(self, page: str) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(page)
