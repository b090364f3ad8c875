"""The one handler class behind every API route: it signs in, checks, parses, calls and answers.

A route that is not in the table does not exist, and nothing in the table can be reached without its permission.
"""

import functools
import hmac
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from jupyterhub.services.auth import HubOAuthenticated
from psycopg import OperationalError as DriverOperationalError
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from tornado.web import HTTPError, RequestHandler

from studyhall.context import Context
from studyhall.db.conflicts import gave_way
from studyhall.errors import (
    BadRequest,
    ErrorCode,
    ErrorDetail,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    NotJson,
    NotSignedIn,
    StudyhallError,
    TooLarge,
    Unavailable,
)
from studyhall.permissions import Permission, is_for_cohort, scopes_grant
from studyhall.person import Person
from studyhall.web import metrics
from studyhall.web.client_address import Network, address_of, agent_of, networks
from studyhall.web.envelope import Envelope, ErrorBody, Meta, Page, PageOf
from studyhall.web.routes import Download, Kind, Request, Route
from studyhall.web.security_headers import API_HEADERS, DOCUMENT_HEADERS

log = structlog.get_logger(__name__)

HubUser = Mapping[str, Any]

SignIn = Callable[[AsyncSession, HubUser, frozenset[str]], Awaitable[Person]]
"""Turns the hub's model and a token's scopes into a person of this cohort with their roles."""


def _database_away(error: BaseException) -> Unavailable | None:
    """Return what a person reads when the database did not do it and may do it in a moment; None for other errors."""
    if gave_way(error):
        log.warning("transaction_gave_way", exc_info=error)
        return Unavailable(
            "Somebody else was changing the same thing at the same moment, so nothing was changed here. Try again.",
            retry_after=1,
        )
    if isinstance(
        error, OperationalError | InterfaceError | PoolTimeoutError | DriverOperationalError | OSError
    ):
        log.warning("database_unavailable", exc_info=error)
        return Unavailable(
            "Studyhall's database is not answering right now. Your work is safe; it is tried again by itself.",
            retry_after=2,
        )
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        log.warning("database_connection_lost", exc_info=error)
        return Unavailable(
            "Studyhall's database was restarted just now. Your work is safe; it is tried again by itself.",
            retry_after=1,
        )
    return None


def person_error(error: BaseException) -> StudyhallError:
    """Turn any exception into one that a person may read; what was not foreseen stays in the log."""
    if isinstance(error, StudyhallError):
        return error
    away = _database_away(error)
    if away is not None:
        return away
    if isinstance(error, HTTPError):
        by_status: dict[int, type[StudyhallError]] = {
            401: NotSignedIn,
            403: Forbidden,
            404: NotFound,
            405: MethodNotAllowed,
            413: TooLarge,
        }
        if error.status_code in by_status:
            return by_status[error.status_code]()
        if error.status_code < 500:
            return BadRequest()
    log.error("unforeseen_error", exc_info=error)
    return StudyhallError()


class StudyhallHandler(HubOAuthenticated, RequestHandler):  # type: ignore[misc]  # jupyterhub ships no types
    """What API and page handlers share: the request's id, security headers, and one way to say an error."""

    context: Context

    def initialize(self, context: Context) -> None:
        """Remember the service's parts (Tornado calls this for each request)."""
        self.context = context
        self.hub_auth = self.settings["hub_auth"]

    @property
    def request_id(self) -> str:
        """Return the id that goes through extension, service, worker and logs."""
        if not hasattr(self, "_request_id"):
            given = self.request.headers.get("X-Request-ID", "")
            plain = given.isascii() and given.replace("-", "").replace("_", "").isalnum() and len(given) <= 64
            self._request_id: str = given if plain else uuid.uuid4().hex
        return self._request_id

    @property
    def client_address(self) -> str | None:
        """Return the internet address that the request comes from, as far as the proxies are ours."""
        return address_of(self.request, trusted_proxies(self.context.settings.trusted_proxies))

    @property
    def agent(self) -> str | None:
        """Return what the program at the other end says of itself."""
        return agent_of(self.request.headers.get("User-Agent"))

    def set_default_headers(self) -> None:
        """Put the security headers on every answer, errors included."""
        self.clear_header("Server")
        for name, value in API_HEADERS.items():
            self.set_header(name, value)

    def check_xsrf_cookie(self) -> None:
        """Check the anti-forgery token of requests that come with a cookie.

        Tornado asks before anybody is signed in, when it is not known yet whether a cookie or a token header counts;
        the hub's library asks again for each cookie, and only then is there something to check.
        """
        if hasattr(self, "_cached_hub_user"):
            super().check_xsrf_cookie()

    async def hub_user(self) -> HubUser:
        """Return the hub's model of whoever holds the token or cookie.

        Raises:
            NotSignedIn: the hub does not know the token.
            Forbidden: it belongs to a service, not to a person.
            Unavailable: the hub can't be asked.
        """
        try:
            model = await self.hub_auth.get_user(self, sync=False)
        except HTTPError as error:
            raise Unavailable(
                "The hub could not confirm who you are. It restarts by itself; try again in a minute.",
                retry_after=3,
            ) from error
        if model is None:
            raise NotSignedIn
        if model.get("kind") != "user" or not isinstance(model.get("name"), str):
            raise Forbidden("This token belongs to a service. Use the token of a person.")
        return dict(model)


class ApiHandler(StudyhallHandler):
    """Serves all methods of one API path."""

    routes: Mapping[str, Route]

    sign_in: SignIn

    def initialize(
        self, context: Context, sign_in: SignIn | None = None, routes: Mapping[str, Route] | None = None
    ) -> None:
        """Take the routes of this path, by method, and the way from a hub user to a person."""
        super().initialize(context)
        self.routes = routes or {}
        if sign_in is not None:
            self.sign_in = sign_in

    async def _serve(self, **path: str) -> None:
        route = self.routes.get(self.request.method or "")
        try:
            await self._answer(route, path)
        except Exception as error:  # noqa: BLE001 - the one place where any error becomes an answer
            self._refuse(person_error(error))

    get = post = put = patch = delete = head = options = _serve

    async def _answer(self, route: Route | None, path: Mapping[str, str]) -> None:
        if route is None:
            raise MethodNotAllowed if self.routes else NotFound
        context = self.context
        if route.permission is Permission.PUBLIC:
            raise RuntimeError("Public addresses are not API routes.")
        model, scopes = await self._token(route)
        query = self._parse_query(route)
        body = self._parse_body(route)

        async def handle() -> tuple[Any, bytes]:
            async with context.database.session(context.cohort_id) as session:
                person = await self._person(route, path, session, model, scopes)
                result = await route.handle(
                    Request(
                        context=context,
                        signed_in=person,
                        session=session,
                        path=path,
                        query=query,
                        body=body,
                        headers=self.request.headers,
                        request_id=self.request_id,
                        address=self.client_address,
                        agent=self.agent,
                    )
                )
                return result, self._payload(route, result) if route.kind is Kind.JSON else b""

        try:
            result, payload = await handle()
        except Exception as error:
            if not gave_way(error):
                raise
            # All that a handler does is one transaction, which did not happen, and what follows from it waits for the
            # commit; so it may be done once more.
            log.warning("transaction_tried_again", method=route.method, path=route.path)
            result, payload = await handle()
        if route.kind is Kind.FILE:
            self._send_file(result)
            return
        if route.kind is Kind.HTML:
            for name, value in DOCUMENT_HEADERS.items():
                self.set_header(name, value)
            self.finish(result)
            return
        self.set_status(route.status)
        if route.status == 204:
            self.clear_header("Content-Type")
            self.finish()
            return
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(payload)

    def _send_file(self, file: Download) -> None:
        self.set_header("Content-Type", file.media_type)
        self.set_header("Content-Disposition", f'attachment; filename="{file.name}"')
        self.finish(file.content)

    async def _token(self, route: Route) -> tuple[HubUser | None, frozenset[str]]:
        """Return whose token was shown and its scopes; nobody where the hub itself asks.

        Raises:
            NotSignedIn, Forbidden, TooManyRequests: it opens nothing here.
        """
        if route.permission is Permission.HUB:
            self._require_hub()
            return None, frozenset()
        model = await self.hub_user()
        scopes = frozenset(str(scope) for scope in model.get("scopes", ()))
        self._require_scopes(route, scopes)
        settings = self.context.settings
        await self.context.limits.check(
            "requests", str(model["name"]), per_minute=settings.requests_per_minute
        )
        return model, scopes

    async def _person(
        self,
        route: Route,
        path: Mapping[str, str],
        session: AsyncSession,
        model: HubUser | None,
        scopes: frozenset[str],
    ) -> Person | None:
        """Return who asks, with the role that the route wants in the cohort or in the course of its path."""
        if model is None:
            return None
        person = await self.sign_in(session, model, scopes)
        if is_for_cohort(route.permission):
            person.require_in_cohort(route.permission)
        elif "course" in path:
            self._require_course(route, person, path["course"])
        return person

    def _require_hub(self) -> None:
        """Let the hub itself in, by the token that it shares with the service, and nobody else.

        Raises:
            NotSignedIn: no token was shown.
            Forbidden: it is another one.
        """
        shown = self.request.headers.get("Authorization", "")
        known = str(self.hub_auth.api_token or "")
        if not shown:
            raise NotSignedIn
        same = hmac.compare_digest(shown.encode(), f"token {known}".encode())
        if not (same and known):
            raise Forbidden("Only the hub itself asks here; no person's token opens this address.")

    @staticmethod
    def _require_scopes(route: Route, scopes: frozenset[str]) -> None:
        if not scopes_grant(route.permission, scopes):
            raise Forbidden(
                "This sign-in does not allow that. Staff work happens on the staff pages, in a browser of your own: "
                "a notebook server's token never carries staff rights."
                if route.permission.value.startswith(("staff:", "admin:"))
                else None
            )

    @staticmethod
    def _require_course(route: Route, person: Person, course: str) -> None:
        """Check the role where the path names the course; the error does not tell which courses exist."""
        if course not in person.roles:
            raise NotEnrolled
        person.require(route.permission, course)

    def _parse_query(self, route: Route) -> BaseModel:
        raw: dict[str, Any] = {}
        for name in self.request.query_arguments:
            values = self.get_query_arguments(name)
            raw[name] = values[-1]
        return validated(route.query, raw)

    def _parse_body(self, route: Route) -> BaseModel | None:
        if route.body is None:
            return None
        if len(self.request.body) > route.max_body:
            raise TooLarge(
                f"The request is {len(self.request.body):,} bytes; {route.max_body:,} is the most that is accepted."
            )
        try:
            raw = json.loads(self.request.body)
        except (ValueError, RecursionError) as error:
            raise NotJson from error
        if not isinstance(raw, dict):
            raise NotJson
        return validated(route.body, raw)

    def _payload(self, route: Route, result: Any) -> bytes:
        meta = Meta(request_id=self.request_id, timestamp=self.context.clock())
        if isinstance(result, Page):
            meta.page, meta.limit, meta.total = result.page, result.limit, result.total
            result = result.items
        elif isinstance(result, PageOf):
            meta.page, meta.limit, meta.total = result.page, result.limit, result.total
            result = result.body
        data = (
            b"null" if route.response is None else _adapter(route.response).dump_json(result, by_alias=True)
        )
        # An Envelope, written once instead of turned into plain values first.
        return b'{"success":true,"data":%b,"meta":%b,"error":null}' % (data, meta.model_dump_json().encode())

    def _refuse(self, error: StudyhallError) -> None:
        if self.request.connection is None or self._finished:
            return
        self.clear()
        self.set_status(error.status)
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        if error.code is ErrorCode.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(sorted(self.routes)))
        self.set_header("Content-Type", "application/json; charset=utf-8")
        metrics.API_ERRORS.labels(code=error.code.value).inc()
        self.finish(
            Envelope(
                success=False,
                meta=Meta(request_id=self.request_id, timestamp=self.context.clock()),
                error=ErrorBody(code=error.code, message=error.message, details=error.details),
            )
            .model_dump_json()
            .encode()
        )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error of Tornado itself in the envelope."""
        cause = kwargs.get("exc_info", (None, None, None))[1]
        self._refuse(person_error(cause if cause is not None else HTTPError(status_code)))


class NotEnrolled(Forbidden):
    """You are not enrolled in this course. Ask your instructor to add you, then open it again."""

    code = ErrorCode.NOT_ENROLLED


@functools.cache
def trusted_proxies(setting: str) -> list[Network]:
    """Return the networks of a setting, read once."""
    return networks(setting)


@functools.cache
def _adapter(response: Any) -> TypeAdapter[Any]:
    """Return what writes a route's answers; making it takes longer than using it, and routes are few."""
    return TypeAdapter(response)


def validated(model: type[BaseModel], raw: Mapping[str, Any]) -> BaseModel:
    """Parse a query or a body.

    Raises:
        Invalid: with one detail per wrong field.
    """
    try:
        return model.model_validate(raw)
    except (ValidationError, RecursionError) as error:
        details = (
            [
                ErrorDetail(field=".".join(str(part) for part in item["loc"]) or "body", message=item["msg"])
                for item in error.errors(include_url=False, include_context=False, include_input=False)
            ]
            if isinstance(error, ValidationError)
            else []
        )
        named = ", ".join(sorted({detail.field for detail in details})) or "the body"
        raise Invalid(f"Some fields are missing or wrong: {named}.", details=details[:20]) from error
