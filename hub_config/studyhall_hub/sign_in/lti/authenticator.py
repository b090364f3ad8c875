"""People who come from a learning platform by LTI 1.3. Of several platforms, each has its own keys and registration.

ltiauthenticator's classes do not serve here: they know one issuer, fetch its keys at every launch while the hub waits,
and their check of deep linking asks for claims that platforms may leave out.
"""

import time
from typing import Any

from jupyterhub.auth import Authenticator
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from traitlets import Any as AnyTrait
from traitlets import Unicode

from studyhall_hub.sign_in.lti import claims
from studyhall_hub.sign_in.lti.claims import CLOCKS_DIFFER, LONGEST_AGE, Launch, LaunchRefused, check
from studyhall_hub.sign_in.lti.launches import UsedLaunches
from studyhall_hub.sign_in.lti.platform_keys import PlatformKeys
from studyhall_hub.sign_in.lti.settings import LtiPlatformSettings
from studyhall_hub.sign_in.providers import keep

PROVIDER = "lti"
LONGEST_KEYS = 1_000_000
SCOPES = (
    "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem",
    "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem.readonly",
    "https://purl.imsglobal.org/spec/lti-ags/scope/result.readonly",
    "https://purl.imsglobal.org/spec/lti-ags/scope/score",
    "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly",
)


def short(text: Any) -> str | None:
    """Return a text that fits into a cookie, or None."""
    return text[:200] if isinstance(text, str) and text else None


async def fetch(url: str) -> bytes:
    """Return what an address answers.

    Raises:
        OSError: there is no good answer.
    """
    try:
        answer = await AsyncHTTPClient().fetch(
            url, request_timeout=10, connect_timeout=5, follow_redirects=False
        )
    except HTTPClientError as problem:
        raise OSError(str(problem)) from problem
    body = bytes(answer.body or b"")
    if len(body) > LONGEST_KEYS:
        raise OSError("too long")
    return body


class LtiSignIn(Authenticator):  # type: ignore[misc]  # jupyterhub ships no types
    """Lets in whom a registered platform sends."""

    platforms = AnyTrait(())
    store = AnyTrait()
    door = AnyTrait(help="The service's door for the hub.")
    clock = AnyTrait(time.time, help="Seconds since 1970.")
    hub_url = Unicode(help="Public address of the hub, with a slash at its end.")
    service_url = Unicode(help="Public address of the service, without a slash at its end.")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Everybody whose launch was good; the platform decided who gets one.
        self.allow_all = True
        self.used = UsedLaunches(self.store.engine)
        self.keys = {
            (platform.issuer, platform.client_id): PlatformKeys(
                platform.jwks_url, fetch=fetch, clock=self.clock
            )
            for platform in self.platforms
        }

    @property
    def launch_url(self) -> str:
        """Where platforms send browsers back to."""
        return f"{self.hub_url}lti/launch"

    def platform_for(self, issuer: str, *, client_id: str, deployment: str = "") -> LtiPlatformSettings:
        """Return the registration that a request is about.

        Raises:
            LaunchRefused: there is none, or it can't be told which one.
        """
        found = [
            platform
            for platform in self.platforms
            if platform.issuer == issuer and client_id in ("", platform.client_id)
        ]
        if len(found) > 1:
            found = [platform for platform in found if deployment in platform.deployments]
        if len(found) != 1:
            raise LaunchRefused(
                "This learning platform is not set up here. The people who run this Studyhall add it to `sign_in.lti` "
                "in the hub's settings."
            )
        return found[0]  # type: ignore[no-any-return]  # a trait has no type

    async def ticket_for(self, kept: dict[str, Any], token: str) -> dict[str, Any]:
        """Check a launch, tell the service of it, and return what the browser comes back with to be signed in.

        Raises:
            LaunchRefused: it is not good, or the service refuses it.
        """
        launch = await self.checked(kept, token)
        leads_to = await self.door.hand_over(launch, launch_url=self.launch_url)
        keep(self.store, PROVIDER, launch.username, launch.username)
        return {
            "name": launch.username,
            "display_name": short(launch.claims.get("name")),
            "email": short(launch.claims.get("email")),
            "leads_to": {"at": leads_to["at"], "path": leads_to["path"]},
            "at": self.clock(),
        }

    async def authenticate(self, handler: Any, data: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the person of a launch that was checked."""
        del handler
        if data is None or "ticket" not in data:
            return None
        ticket = data["ticket"]
        return {
            "name": ticket["name"],
            "user_info": {
                "name": ticket["display_name"],
                "email": ticket["email"],
                # What a platform says of mail addresses is not a proof that somebody reads them.
                "email_verified": False,
                "provider": PROVIDER,
            },
        }

    async def checked(self, kept: dict[str, Any], token: str) -> Launch:
        """Return the launch that a platform's token is, and use it up.

        Raises:
            LaunchRefused: it is not good.
        """
        now = float(self.clock())
        if not 0 <= now - float(kept["at"]) <= LONGEST_AGE:
            raise LaunchRefused(
                "This sign-in took too long. Open the activity in the learning platform again."
            )
        platform = self.platform_for(str(kept["issuer"]), client_id=str(kept["client_id"]))
        keys = self.keys[platform.issuer, platform.client_id]
        found = await keys.claims_of(token)
        launch = check(found, platform, nonce=str(kept["nonce"]), now=now, hub_url=self.hub_url)
        self.used.use(
            platform.issuer, str(kept["nonce"]), now=now, until=now + LONGEST_AGE + 2 * CLOCKS_DIFFER
        )
        return launch

    def place_of(self, leads_to: dict[str, Any]) -> str:
        """Return the address that a launch leads to; only places of this hub and its service."""
        path = str(leads_to.get("path", "")).lstrip("/\\")
        return f"{self.service_url}/{path}" if leads_to.get("at") == "service" else f"{self.hub_url}{path}"

    def registration(self) -> dict[str, Any]:
        """Return what a platform's administrator has to know of this hub, in the form that Canvas reads."""
        messages = [
            {"type": kind, "target_link_uri": self.launch_url}
            for kind in (claims.RESOURCE_LINK_REQUEST, claims.DEEP_LINKING_REQUEST)
        ]
        return {
            "title": "Studyhall",
            "description": "Lessons as notebooks, with grades",
            "oidc_initiation_url": f"{self.hub_url}lti/login",
            "target_link_uri": self.launch_url,
            "redirect_uris": [self.launch_url],
            "public_jwk_url": f"{self.service_url}/lti/jwks.json",
            "scopes": list(SCOPES),
            "extensions": [
                {
                    "platform": "canvas.instructure.com",
                    "privacy_level": "name_only",
                    "settings": {
                        "placements": [
                            {
                                "placement": "assignment_selection",
                                "message_type": claims.DEEP_LINKING_REQUEST,
                                "target_link_uri": self.launch_url,
                            },
                            {
                                "placement": "link_selection",
                                "message_type": claims.DEEP_LINKING_REQUEST,
                                "target_link_uri": self.launch_url,
                            },
                        ]
                    },
                }
            ],
            "messages": messages,
        }
