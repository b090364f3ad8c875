"""The addresses that a learning platform sends browsers to: the beginning of a sign-in, and its end."""

import hashlib
import hmac
import json
import secrets
import uuid
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jupyterhub.handlers.base import BaseHandler
from tornado.web import HTTPError

from studyhall_hub.sign_in.lti import claims
from studyhall_hub.sign_in.lti.claims import LaunchRefused
from studyhall_hub.sign_in.lti.service_door import ServiceAway

COOKIE_LOST = (
    "Your browser did not keep the cookie that a sign-in needs. Browsers refuse them inside of another site's page: "
    "have the activity open in a new window (in the learning platform: its launch container or “load in a new tab”)."
)


TICKET_SECONDS = 60
"""Between the checked launch and the sign-in there is one redirect."""


class LtiHandler(BaseHandler):  # type: ignore[misc]  # jupyterhub ships no types
    """What the addresses share."""

    lti: Any
    """The part of sign-in that knows the platforms; :func:`pages_for` gives it."""

    def check_xsrf_cookie(self) -> None:
        """Check nothing: the platform's page sends these forms, and the state proves that it was asked to."""

    def set_default_headers(self) -> None:
        """Keep what stands in the addresses from other sites and from the browser's store."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")

    def cookie_for(self, state: str) -> str:
        """Return the name of the cookie of one sign-in, so that two windows at once do not disturb each other."""
        name = f"studyhall-lti-{hashlib.sha256(state.encode()).hexdigest()[:16]}"
        return f"__Host-{name}" if self.is_encrypted else name

    def keep(self, number: str, what: dict[str, Any], *, from_elsewhere: bool = False) -> None:
        """Let the browser keep something, signed.

        Args:
            number: what it is known by.
            what: it, as JSON values.
            from_elsewhere: whether the browser has to show it with a form of another site.
        """
        more = {"samesite": "None" if from_elsewhere else "Lax", "secure": True} if self.is_encrypted else {}
        self._set_cookie(self.cookie_for(number), json.dumps(what), expires_days=None, **more)

    def taken(self, number: str) -> dict[str, Any] | None:
        """Return what the browser kept, and let it forget; None when it shows nothing of ours."""
        name = self.cookie_for(number)
        cookie = self.get_secure_cookie(name, max_age_days=1)
        if cookie is None:
            return None
        self.clear_cookie(name, path="/", secure=self.is_encrypted)
        return dict(json.loads(cookie))

    @property
    def is_encrypted(self) -> bool:
        """Whether people reach this hub by https."""
        return str(self.lti.hub_url).startswith("https:")


class LoginPage(LtiHandler):
    """Third-party login initiation: the platform says that somebody wants in, and is asked who that is."""

    async def get(self) -> None:
        """Send the browser to the platform with a state and a nonce that are good once, for ten minutes."""
        try:
            place = self._begin()
        except LaunchRefused as problem:
            raise HTTPError(400, "%s", problem) from problem
        self.redirect(place)

    post = get

    def _begin(self) -> str:
        hint, target = self.get_argument("login_hint", ""), self.get_argument("target_link_uri", "")
        platform = self.lti.platform_for(
            self.get_argument("iss", ""),
            client_id=self.get_argument("client_id", ""),
            deployment=self.get_argument("lti_deployment_id", ""),
        )
        if not hint:
            raise LaunchRefused("The learning platform does not say who wants to sign in.")
        if not claims.is_ours(target, hub_url=self.lti.hub_url):
            raise LaunchRefused(
                "This link leads to another place than this hub. Check the tool's address in the learning platform."
            )
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        kept = {
            "state": state,
            "nonce": nonce,
            "issuer": platform.issuer,
            "client_id": platform.client_id,
            "at": self.lti.clock(),
        }
        self.keep(state, kept, from_elsewhere=True)
        asked = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": platform.client_id,
            "redirect_uri": self.lti.launch_url,
            "login_hint": hint,
            "state": state,
            "nonce": nonce,
        }
        message = self.get_argument("lti_message_hint", "")
        return with_query(
            platform.authorization_url, asked | ({"lti_message_hint": message} if message else {})
        )


class LaunchPage(LtiHandler):
    """The redirect address: the platform's answer, in a form that the browser sends."""

    async def get(self) -> None:
        """Say how one comes here, to whoever types the address."""
        raise HTTPError(405, "People come here from their learning platform. Open the activity there.")

    async def post(self) -> None:
        """Check the launch, hand it to the service, and go on where the browser shows who was signed in before."""
        state = self.get_body_argument("state", "")
        if refusal := self.get_body_argument("error", ""):
            self.log.warning("A learning platform refused a sign-in: %s", refusal[:80])
            raise HTTPError(400, "The learning platform did not confirm who you are. Sign in there again.")
        kept = self.taken(state)
        if kept is None:
            raise HTTPError(400, COOKIE_LOST)
        if not hmac.compare_digest(str(kept["state"]), state):
            raise HTTPError(400, "This answer belongs to another sign-in. Open the activity again.")
        try:
            ticket = await self.lti.ticket_for(kept, self.get_body_argument("id_token", ""))
        except ServiceAway as problem:
            raise HTTPError(503, "%s", problem) from problem
        except LaunchRefused as problem:
            self.log.warning("A launch from a learning platform was refused: %s", problem)
            raise HTTPError(403, "%s", problem) from problem
        number = secrets.token_urlsafe(32)
        self.keep(number, ticket)
        self.redirect(f"{self.lti.hub_url}lti/enter?{urlencode({'ticket': number})}", status=303)


class EnterPage(LtiHandler):
    """The end of a launch, asked for by the browser itself.

    The launch came by a form of another site, and with that the browser shows none of the hub's own cookies. Only here
    is it known whose session stands in the browser, which on a shared computer may be somebody else's.
    """

    async def get(self) -> None:
        """Sign the person in, end another's session, and send them to where the launch leads."""
        ticket = self.taken(self.get_query_argument("ticket", ""))
        if ticket is None or not 0 <= self.lti.clock() - float(ticket["at"]) <= TICKET_SECONDS:
            raise HTTPError(400, COOKIE_LOST)
        before = self.current_user
        to_staff_pages = ticket["leads_to"]["at"] == "service"
        ends = before is not None and (before.name != ticket["name"] or to_staff_pages)
        if ends:
            # With it go the tokens of the staff pages and of the server that this browser still holds: another's, or
            # one's own from before the launch, without the role that it may have brought.
            self.clear_login_cookie()
            self._session_id = uuid.uuid4().hex
            self.set_session_cookie()
        user = await self.login_user({"ticket": ticket, "username": ticket["name"]})
        if user is None:
            raise HTTPError(403, "This hub does not let you in. Ask the people who run it.")
        if ends:
            # The hub itself gives no new cookie to who had one, and theirs was taken away just now.
            self.set_hub_cookie(user)
        self.redirect(self.lti.place_of(ticket["leads_to"]))


class ConfigurationPage(LtiHandler):
    """What an administrator of a platform needs, for those that read it themselves."""

    async def get(self) -> None:
        """Answer with the registration as JSON, as Canvas reads it."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(self.lti.registration(), indent=1))


def with_query(url: str, more: dict[str, str]) -> str:
    """Return an address with more in its query."""
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *more.items()])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def pages_for(lti: Any) -> list[tuple[str, type]]:
    """Return the pages. The hub knows one authenticator only, so they bring their own."""

    def of(page: type) -> type:
        return type(
            page.__name__, (page,), {"authenticator": property(lambda _: lti), "lti": property(lambda _: lti)}
        )

    return [
        (r"/lti/login", of(LoginPage)),
        (r"/lti/launch", of(LaunchPage)),
        (r"/lti/enter", of(EnterPage)),
        (r"/lti/config.json", of(ConfigurationPage)),
    ]
