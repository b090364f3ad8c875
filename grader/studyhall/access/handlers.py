"""Signing a terminal in. These addresses stand beside the API: a terminal that asks has no token yet.

1. The terminal asks (`POST /access/requests`) and shows the code that it gets.
2. A person types the code on the page `/access` in their browser, sees what it is for, and approves.
3. The terminal, which alone knows the secret it began with, fetches the token (`POST /access/requests/claim`), once.
4. `studyhall logout` ends it (`POST /access/logout`, with the token).
"""

import json
import uuid
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.access import pages, policy
from studyhall.access.errors import BrowserOnly, NotStaff, UnknownCode
from studyhall.access.hub_tokens import HubTokens
from studyhall.access.waiting import Waiting, WaitingRoom
from studyhall.audit.service import Action, Actor, AuditOrigin, record
from studyhall.context import Context
from studyhall.courses.service import offering_of
from studyhall.errors import NotJson, StudyhallError
from studyhall.nbgrader_gradebooks.errors import GradebookMissing
from studyhall.nbgrader_gradebooks.roles import close_terminal, open_terminal
from studyhall.permissions import Permission, Role
from studyhall.person import Person
from studyhall.web.handlers import SignIn, StudyhallHandler, person_error, validated
from studyhall.web.security_headers import PAGE_POLICY

REQUESTS_PER_MINUTE = 10
CLAIMS_PER_MINUTE = 120
CODES_PER_MINUTE = 10
MAX_BODY = 10_000
SHA256 = r"^[0-9a-f]{64}$"


class AccessRequestIn(BaseModel):
    """What a terminal asks for; ``device`` is the SHA-256 of a secret that stays in the terminal."""

    model_config = ConfigDict(extra="forbid")

    course: str = Field(min_length=1, max_length=100)
    hours: int = Field(default=policy.DEFAULT_HOURS, ge=1, le=policy.LONGEST_HOURS)
    device: str = Field(pattern=SHA256)
    gradebook: bool = Field(default=True, description="Whether it needs the course's nbgrader gradebook.")


class ClaimIn(BaseModel):
    """How a terminal shows that it is the one that asked."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=20)
    secret: str = Field(min_length=32, max_length=200)


class LogoutIn(BaseModel):
    """Which token of one's own to end."""

    model_config = ConfigDict(extra="forbid")

    token_id: str = Field(max_length=50)
    gradebook_login: str = Field(default="", max_length=100)


class AccessHandler(StudyhallHandler):
    """What the four addresses share."""

    sign_in: SignIn

    def initialize(self, context: Context, sign_in: SignIn | None = None) -> None:
        """Take the service's parts, and the way from a hub user to a person."""
        super().initialize(context)
        if sign_in is not None:
            self.sign_in = sign_in
        self.room = WaitingRoom(context.redis, context.cohort_id)

    @property
    def hub_tokens(self) -> HubTokens:
        """The hub's tokens, asked for with the service's own one."""
        return HubTokens(self.hub_auth.api_url, self.hub_auth.api_token)

    async def person(self, session: AsyncSession) -> Person:
        """Return who asks."""
        model = await self.hub_user()
        return await self.sign_in(session, model, frozenset(str(scope) for scope in model.get("scopes", ())))

    def parsed(self, model: type[BaseModel]) -> Any:
        """Return the body.

        Raises:
            NotJson, Invalid: it is none of this kind.
        """
        try:
            raw = json.loads(self.request.body[: MAX_BODY + 1])
        except (ValueError, RecursionError) as error:
            raise NotJson from error
        if not isinstance(raw, dict):
            raise NotJson
        return validated(model, raw)

    def answer(self, data: dict[str, Any], *, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps({"success": True, "data": data, "error": None}))

    def refuse(self, error: StudyhallError) -> None:
        """Say an error as the API does."""
        self.set_status(error.status)
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        self.set_header("Content-Type", "application/json; charset=utf-8")
        told: dict[str, Any] = {"code": error.code.value, "message": error.message, "details": []}
        self.finish(json.dumps({"success": False, "data": None, "error": told}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what went wrong in words."""
        del status_code
        cause = kwargs.get("exc_info", (None, None, None))[1]
        self.refuse(person_error(cause) if cause is not None else StudyhallError())

    def log_exception(self, *_: Any) -> None:
        """Leave it to `person_error`, which logs what was not foreseen."""

    def actor(self, person: Person, origin: AuditOrigin) -> Actor:
        """Return who did it, for the audit log."""
        return Actor(
            user_id=person.user_id,
            username=person.username,
            origin=origin,
            request_id=self.request_id,
            address=self.client_address,
            agent=self.agent,
        )


class RequestsHandler(AccessHandler):
    """`POST /access/requests`: a terminal asks, and gets a code to show."""

    async def post(self) -> None:
        """Let the terminal wait."""
        address = self.client_address or "unknown"
        await self.context.limits.check("access requests", address, per_minute=REQUESTS_PER_MINUTE)
        asked: AccessRequestIn = self.parsed(AccessRequestIn)
        code = await self.room.enter(
            Waiting(
                device=asked.device,
                course=asked.course,
                hours=asked.hours,
                address=address,
                gradebook=asked.gradebook,
            )
        )
        self.answer({"code": code, "expires_in": policy.WAITING_SECONDS, "interval": 2}, status=201)


class ClaimHandler(AccessHandler):
    """`POST /access/requests/claim`: the terminal that asked fetches its token."""

    async def post(self) -> None:
        """Hand the token over, once; it is made at this moment and kept nowhere."""
        address = self.client_address or "unknown"
        await self.context.limits.check("access claims", address, per_minute=CLAIMS_PER_MINUTE)
        claim: ClaimIn = self.parsed(ClaimIn)
        code = policy.as_code(claim.code)
        if code is None:
            raise UnknownCode
        waiting = await self.room.leave(code, claim.secret)
        if waiting is None:
            self.answer({"state": "waiting"}, status=202)
            return
        if waiting.refused:
            self.answer({"state": "refused"})
            return
        made = await self.hub_tokens.make(
            waiting.approved_by,
            scopes=policy.scopes_for(Role(waiting.role), waiting.course),
            seconds=3600 * waiting.hours,
            note=policy.NOTE + waiting.course,
        )
        gradebook = await self._gradebook(waiting, made.expires_at) if waiting.gradebook else ("", "")
        self.answer(
            {
                "state": "approved",
                "token": made.token,
                "token_id": made.token_id,
                "expires_at": made.expires_at.isoformat(),
                "username": waiting.approved_by,
                "role": waiting.role,
                "course": waiting.course,
                "gradebook_login": gradebook[0],
                "gradebook": gradebook[1],
            }
        )

    async def _gradebook(self, waiting: Waiting, until: datetime) -> tuple[str, str]:
        """Return a login to the course's gradebook that ends with the token, and its address; where there is one."""
        context = self.context
        async with context.database.session(context.cohort_id) as session:
            try:
                return await open_terminal(
                    session,
                    await offering_of(session, waiting.course),
                    user_id=uuid.UUID(waiting.user_id),
                    until=until,
                    database=context.database.url,
                    now=context.clock(),
                )
            except GradebookMissing:
                return "", ""


class PageHandler(AccessHandler):
    """`/access`: the page on which a person approves. Only a browser's sign-in counts here, never a token."""

    def set_default_headers(self) -> None:
        """Allow the pages' own style."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", PAGE_POLICY)

    async def get(self) -> None:
        """Ask for the code, after the hub's sign-in."""
        if await self.hub_auth.get_user(self, sync=False) is None:
            self.redirect(self.get_login_url())
            return
        async with self.context.database.session(self.context.cohort_id) as session:
            person = await self._visitor(session)
        self._say(pages.ask_for_code(self._prefix, username=person.username, xsrf=self._xsrf))

    async def post(self) -> None:
        """Show what the code is for, or write down what was decided."""
        async with self.context.database.session(self.context.cohort_id) as session:
            person = await self._visitor(session)
            await self.context.limits.check("access codes", str(person.user_id), per_minute=CODES_PER_MINUTE)
            try:
                self._say(await self._decide(session, person))
            except (UnknownCode, NotStaff) as error:
                self.set_status(error.status)
                page = pages.ask_for_code(
                    self._prefix, username=person.username, xsrf=self._xsrf, trouble=error.message
                )
                self._say(page)

    async def _decide(self, session: AsyncSession, person: Person) -> str:
        code = policy.as_code(self.get_body_argument("code", ""))
        if code is None:
            raise UnknownCode
        waiting = await self.room.look(code)
        if not person.may(Permission.STAFF_COURSES_READ, waiting.course):
            raise NotStaff
        role = person.roles[waiting.course].value
        decision = self.get_body_argument("decision", "")
        if decision not in {"approve", "refuse"}:
            return pages.ask_for_approval(
                self._prefix, code=code, waiting=waiting, role=role, xsrf=self._xsrf
            )
        await self.room.decide(
            code, by=person.username, user_id=person.user_id, role=role, approve=decision == "approve"
        )
        if decision == "approve":
            record(
                session,
                self.actor(person, AuditOrigin.STAFF_PAGE),
                Action.TOKEN_MADE,
                about=f"a terminal at {waiting.address}",
                course=waiting.course,
                at=self.context.clock(),
                after={"hours": waiting.hours, "role": role},
            )
        return pages.decided(self._prefix, approved=decision == "approve")

    async def _visitor(self, session: AsyncSession) -> Person:
        """Return who sits before the browser.

        Raises:
            BrowserOnly: the request came with a token, which must not lead to another one.
        """
        if self.hub_auth.get_token(self, in_cookie=False):
            raise BrowserOnly
        return await self.person(session)

    @property
    def _prefix(self) -> str:
        return self.context.settings.service_prefix.rstrip("/")

    @property
    def _xsrf(self) -> str:
        token = self.xsrf_token
        return token.decode() if isinstance(token, bytes) else str(token)

    def _say(self, page: str) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(page)


class LogoutHandler(AccessHandler):
    """`POST /access/logout`: the holder of a terminal's token ends it."""

    async def post(self) -> None:
        """End the token at the hub, and forget here that it was good."""
        body: LogoutIn = self.parsed(LogoutIn)
        async with self.context.database.session(self.context.cohort_id) as session:
            person = await self.person(session)
            ended = await self.hub_tokens.end(person.username, body.token_id, note=policy.NOTE)
            if ended and body.gradebook_login:
                await close_terminal(session, body.gradebook_login, now=self.context.clock())
            if ended:
                record(
                    session,
                    self.actor(person, AuditOrigin.CLI),
                    Action.TOKEN_ENDED,
                    about="a terminal's token",
                    course=None,
                    at=self.context.clock(),
                )
        # What the hub's library remembers of tokens for a minute; asking it anew costs others one request.
        self.hub_auth.cache.clear()
        self.answer({"ended": ended})


HANDLERS = [
    ("/access", PageHandler),
    ("/access/requests", RequestsHandler),
    ("/access/requests/claim", ClaimHandler),
    ("/access/logout", LogoutHandler),
]
