"""People of GitHub and Google: whom they let in, and under which name.

A name belongs to the number that the provider gives a person, and not to their login or mail address: those
may be given up and taken by somebody else.
"""

import re
from typing import Any

from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.google import GoogleOAuthenticator
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler
from tornado.web import HTTPError
from traitlets import Any as AnyTrait

from studyhall_hub.sign_in.errors import Taken
from studyhall_hub.sign_in.store import AccountStore

USABLE = re.compile(r"[a-z0-9][a-z0-9._+-]*(?:@[a-z0-9.-]+)?")


def name_for(store: AccountStore, provider: str, subject: str, wanted: str) -> str:
    """Return the name of a provider's person: `github-lea`, or `github.4711` where that is already another's.

    Neither form can be mistaken for the other, and local accounts have no such names.
    """
    known = store.name_of(provider, subject)
    if known is not None:
        return known
    name = f"{provider}-{wanted.lower()}"
    if not USABLE.fullmatch(wanted.lower()) or store.is_linked(name):
        return f"{provider}.{subject}"
    return name


class GitHubSignIn(GitHubOAuthenticator):  # type: ignore[misc]  # oauthenticator ships no types
    """Lets members of organisations in."""

    store = AnyTrait()

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Return the person's name here."""
        return name_for(self.store, "github", str(user_info["id"]), str(user_info["login"]))

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Add what GitHub knows of the person, with their mail address where GitHub has verified it."""
        model: dict[str, Any] = await super().update_auth_model(auth_model)
        person = model["auth_state"]["github_user"]
        mail = await self._verified_mail(model["auth_state"]["token_response"])
        model["user_info"] = {
            "provider": "github",
            "name": person.get("name"),
            "email": mail or person.get("email"),
            "email_verified": mail is not None,
        }
        return model

    async def _verified_mail(self, token: dict[str, Any]) -> str | None:
        """Return the person's main address; None unless GitHub was asked for addresses and has verified it."""
        if "user:email" not in self.scope:
            return None
        found = await self.httpfetch(
            f"{self.github_api}/user/emails",
            "asking for the person's mail addresses",
            method="GET",
            headers=self.build_userdata_request_headers(token["access_token"], token["token_type"]),
            validate_cert=self.validate_server_cert,
        )
        main = [each for each in found if each.get("primary") and each.get("verified") is True]
        return str(main[0]["email"]) if main else None

    async def check_allowed(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """Return whether the person belongs to an organisation, and keep their name if so."""
        if auth_model is None:
            return False
        person = auth_model["auth_state"]["github_user"]
        # GitHub is asked about its own login, not about our name.
        if not await super().check_allowed(str(person["login"]), auth_model):
            return False
        keep(self.store, "github", str(person["id"]), username)
        return True


class GoogleSignIn(GoogleOAuthenticator):  # type: ignore[misc]  # as above
    """Lets people of Workspace domains in."""

    store = AnyTrait()

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Return the person's name here."""
        return name_for(
            self.store, "google", str(user_info["id"]), str(super().user_info_to_username(user_info))
        )

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Add what Google knows of the person."""
        model: dict[str, Any] = await super().update_auth_model(auth_model)
        person = model["auth_state"]["google_user"]
        model["user_info"] = {
            "provider": "google",
            "name": person.get("name"),
            "email": person.get("email"),
            "email_verified": person.get("verified_email") is True,
        }
        return model

    async def check_allowed(self, username: str, auth_model: dict[str, Any] | None) -> bool:
        """Return whether the person's domain may sign in, and keep their name if so."""
        if auth_model is None:
            return False
        person = auth_model["auth_state"]["google_user"]
        # Refuses mail addresses that Google has not verified.
        await super().check_allowed(username, auth_model)
        if person.get("hd", "") not in self.hosted_domain:
            return False
        keep(self.store, "google", str(person["id"]), username)
        return True


def keep(store: AccountStore, provider: str, subject: str, name: str) -> None:
    """Keep whose name this is.

    Raises:
        HTTPError: somebody else got it at this moment.
    """
    try:
        store.link_person(provider, subject, name)
    except Taken as problem:
        raise HTTPError(409, "Somebody else is signing in under this name right now. Try again.") from problem


def handlers_for(provider: str, authenticator: Any) -> list[tuple[str, type]]:
    """Return the two pages of one provider. The hub knows one authenticator only, so they bring their own."""

    class Login(OAuthLoginHandler):  # type: ignore[misc]  # as above
        @property
        def authenticator(self) -> Any:
            return authenticator

        def _generate_state_id(self) -> str:
            return f"{provider}.{super()._generate_state_id()}"

        def _get_next_url(self) -> str | None:
            # The hub's own rule, which all pages share.
            return self._validate_next_url(self.get_argument("next", "")) or None

    class Callback(OAuthCallbackHandler):  # type: ignore[misc]  # as above
        @property
        def authenticator(self) -> Any:
            return authenticator

        def check_state(self) -> None:
            super().check_state()
            # What began at one provider does not end at the other.
            if not state_of(self.get_state_cookie()).startswith(f"{provider}."):
                raise HTTPError(400, "This answer belongs to another sign-in. Begin again.")

    return [(rf"/{provider}/oauth_login", Login), (rf"/{provider}/oauth_callback", Callback)]


def state_of(cookie: str) -> str:
    """Return the random part of what oauthenticator keeps in its cookie while somebody is at the provider."""
    from oauthenticator.oauth2 import _deserialize_state  # noqa: PLC0415 - it has no public reader

    return str(_deserialize_state(cookie).get("state_id", ""))
