"""The hub's authenticator: local accounts on NativeAuthenticator, and the providers beside them."""

import time
from typing import Any
from urllib.parse import urlsplit

from nativeauthenticator import NativeAuthenticator
from traitlets import Any as AnyTrait
from traitlets import Bool, Instance, List, Unicode

from studyhall_hub.client_address import address_of
from studyhall_hub.own_forms import refuse_other_pages_forms
from studyhall_hub.sign_in.errors import Paused
from studyhall_hub.sign_in.local_accounts import LocalAccounts
from studyhall_hub.sign_in.lti.authenticator import LtiSignIn
from studyhall_hub.sign_in.lti.pages import pages_for
from studyhall_hub.sign_in.lti.service_door import ServiceDoor
from studyhall_hub.sign_in.mail import SmtpMailer
from studyhall_hub.sign_in.pages import (
    ConfirmPage,
    ForgotPasswordPage,
    LoginPage,
    NewPasswordPage,
    SignUpPage,
    too_many,
)
from studyhall_hub.sign_in.passwords import Passwords
from studyhall_hub.sign_in.providers import GitHubSignIn, GoogleSignIn, handlers_for
from studyhall_hub.sign_in.settings import LocalAccountSettings, SignInSettings
from studyhall_hub.sign_in.store import AccountStore


class SignIn(NativeAuthenticator):  # type: ignore[misc]  # nativeauthenticator ships no types
    """Everybody who may sign in.

    Of NativeAuthenticator serve its table of accounts, its list of common passwords and its place in the hub. Its
    pages do not: its login fails on this hub, its links are not single-use, and its answers tell who has an account.
    """

    settings = Instance(SignInSettings, help="Who may sign in.").tag(config=True)
    hub_url = Unicode(help="Public address of the hub, with a slash at its end.").tag(config=True)
    service_url = Unicode(help="Public address of the service, without a slash at its end.").tag(config=True)
    service_door = Instance(ServiceDoor, allow_none=True, help="The service's door for the hub.").tag(
        config=True
    )
    clock = AnyTrait(time.time, help="Seconds since 1970.").tag(config=True)
    asks_for_mail = Bool(
        False, help="Whether providers are asked for verified mail addresses, which people may join by."
    ).tag(config=True)

    more_pages: List[Any] = List(help="Pages of other parts: addresses and handlers.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        # Our store makes the table, and more.
        super().__init__(False, **options)
        self.store = AccountStore(self._deprecated_db_session.get_bind())
        self.store.make_tables()
        found: SignInSettings = self.settings
        self.local = self._local(found.local) if found.local is not None else None
        self.providers: dict[str, Any] = {}
        if found.github is not None:
            self.providers["github"] = GitHubSignIn(
                parent=self,
                store=self.store,
                github_url=found.github.url.rstrip("/"),
                client_id=found.github.client_id,
                client_secret=found.github.client_secret.get_secret_value(),
                allowed_organizations=set(found.github.organizations),
                scope=["read:org", *(["user:email"] if self.asks_for_mail else [])],
                oauth_callback_url=f"{self.hub_url}github/oauth_callback",
                custom_403_message="Your GitHub account does not belong to an organisation that may sign in here. Ask "
                "the people who run this Studyhall; GitHub may also want your leave to name it.",
            )
        if found.google is not None:
            self.providers["google"] = GoogleSignIn(
                parent=self,
                store=self.store,
                client_id=found.google.client_id,
                client_secret=found.google.client_secret.get_secret_value(),
                hosted_domain=list(found.google.domains),
                oauth_callback_url=f"{self.hub_url}google/oauth_callback",
                custom_403_message="This Google account does not belong to a domain that may sign in here. Sign in "
                "with the account of your school.",
            )

        self.lti = (
            LtiSignIn(
                parent=self,
                platforms=found.lti,
                store=self.store,
                door=self.service_door,
                clock=self.clock,
                hub_url=self.hub_url,
                service_url=self.service_url,
            )
            if found.lti
            else None
        )

    def _local(self, settings: LocalAccountSettings) -> LocalAccounts:
        return LocalAccounts(
            self.store,
            settings,
            passwords=Passwords(settings.bcrypt_cost),
            mailer=SmtpMailer(settings.mail) if settings.mail is not None else None,
            hub_url=self.hub_url,
            clock=self.clock,
            is_common=self.is_password_common,
        )

    @property
    def doors(self) -> list[tuple[str, str]]:
        """The providers with what their links on the sign-in page say."""
        return [(name, provider.login_service) for name, provider in self.providers.items()]

    @property
    def host(self) -> str:
        """Where people are, in their own words."""
        return urlsplit(self.hub_url).netloc

    async def authenticate(self, handler: Any, data: dict[str, str] | None = None) -> str | None:
        """Return the name when the password fits; None makes the hub say that it does not.

        Raises:
            tornado.web.HTTPError: 429 with the sentence that says when to try again; 403 when another site's page
                sends it.
        """
        refuse_other_pages_forms(handler)
        if self.local is None or data is None:
            return None
        name = self.normalize_username(data.get("username", ""))
        try:
            fits = await self.local.fits(
                name, data.get("password", ""), address=address_of(handler, self.settings.proxies)
            )
        except Paused as pause:
            raise too_many(pause) from pause
        return name if fits else None

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        """Return the pages of all ways in that there are."""
        del app
        pages: list[tuple[str, type]] = [(r"/login", LoginPage)]
        if self.local is not None:
            pages += [
                (r"/signup", SignUpPage),
                (r"/confirm", ConfirmPage),
                (r"/forgot-password", ForgotPasswordPage),
                (r"/new-password", NewPasswordPage),
            ]
        for name, provider in self.providers.items():
            pages += handlers_for(name, provider)
        if self.lti is not None:
            pages += pages_for(self.lti)
        return [*pages, *self.more_pages]

    def delete_user(self, user: Any) -> None:
        """Forget the account together with the person."""
        self.store.forget(user.name)
