"""The pages of signing in: forms in, forms or redirects out. Every rule is in `local_accounts` and `policy`."""

from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from tornado.web import HTTPError

from studyhall_hub.client_address import address_of
from studyhall_hub.sessions import sign_out_everywhere
from studyhall_hub.sign_in import policy
from studyhall_hub.sign_in.errors import FormRefused, LinkUsedUp, Paused, SignUpClosed, Taken
from studyhall_hub.sign_in.local_accounts import LocalAccounts, SignUp

DONE = {
    "confirmed": "Your account is ready. Sign in with your user name and password.",
    "changed": "Your password is changed, and you are signed out everywhere. Sign in with the new one.",
}
"""What the sign-in page says after another page, by a word in its address."""

LINK_USED_UP = (
    "This link was used already, is too old, or is not complete. Ask for a new one, and open that one."
)


def too_many(pause: Paused) -> HTTPError:
    """Return the answer to somebody who has to wait."""
    error = HTTPError(429, "%s", pause)
    # The hub looks for them there.
    vars(error)["headers"] = {"Retry-After": str(int(pause.seconds) + 1)}
    return error


class LoginPage(LoginHandler):  # type: ignore[misc]  # jupyterhub ships no types
    """The hub's own sign-in, with our words and the other ways in."""

    def _render(self, login_error: str | None = None, username: str | None = None, **more: Any) -> Any:
        local: LocalAccounts | None = self.authenticator.local
        return super()._render(
            login_error=login_error,
            username=username,
            notice=DONE.get(self.get_query_argument("done", "")),
            next_page=self.get_argument("next", ""),
            local=local is not None,
            may_sign_up=local is not None and local.may_sign_up,
            doors=self.authenticator.doors,
            **more,
        )

    async def post(self) -> None:
        """Sign in with a local account."""
        if self.authenticator.local is None:
            raise HTTPError(405, "There are no local accounts here. Choose one of the other ways to sign in.")
        if not self.get_body_argument("username", ""):
            raise HTTPError(400, "Type your user name and your password.")
        await super().post()

    async def login_user(self, data: dict[str, str] | None = None) -> Any:
        """Sign somebody in; what cannot be a name does not get into the log, since it may be a password."""
        given = dict(data or {})
        name = self.authenticator.normalize_username(given.get("username", ""))
        if not policy.NAME.fullmatch(name):
            given["username"] = "(not a name)"
        return await super().login_user(given)


class Page(BaseHandler):  # type: ignore[misc]  # as above
    """A page with one form."""

    template: str

    @property
    def accounts(self) -> LocalAccounts:
        """The accounts; these pages exist only where there are some."""
        return self.authenticator.local  # type: ignore[no-any-return]  # see above

    @property
    def caller(self) -> str:
        """The internet address that the request comes from."""
        return address_of(self, self.authenticator.settings.proxies)

    def set_default_headers(self) -> None:
        """Keep the address, which may hold a token, from other sites and from the browser's store."""
        super().set_default_headers()
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")

    def field(self, name: str) -> str:
        """Return what was typed."""
        return str(self.get_body_argument(name, "", strip=False))

    async def show(self, status: int = 200, **values: Any) -> None:
        """Answer with the page."""
        self.set_status(status)
        values = {"problems": {}, "typed": {}, "state": "form", **values}
        page = await self.render_template(self.template, xsrf=self.xsrf_token.decode("ascii"), **values)
        self.finish(page)

    async def show_pause(self, pause: Paused, **values: Any) -> None:
        """Answer that it was too often."""
        self.set_header("Retry-After", str(int(pause.seconds) + 1))
        await self.show(429, problems={"": str(pause)}, **values)


class SignUpPage(Page):
    """Ask for an account."""

    template = "sign-up.html"

    def _about(self) -> dict[str, Any]:
        return {"minimum": self.accounts.settings.minimum_password_length, "name_rule": policy.NAME_RULE}

    async def get(self) -> None:
        """Show the form, or that there is none."""
        if not self.accounts.may_sign_up:
            await self.show(403, state="closed", **self._about())
            return
        await self.show(**self._about())

    async def post(self) -> None:
        """Send the message; the answer is the same whether or not there is such an account."""
        form = SignUp(
            name=self.field("name").strip().lower(),
            mail=self.field("mail").strip(" ").lower(),
            password=self.field("password"),
            again=self.field("again"),
        )
        typed = {"name": form.name, "mail": form.mail}
        try:
            await self.accounts.sign_up(form, address=self.caller)
        except SignUpClosed:
            await self.show(403, state="closed", **self._about())
        except FormRefused as refused:
            await self.show(422, problems=refused.problems, typed=typed, **self._about())
        except Paused as pause:
            await self.show_pause(pause, typed=typed, **self._about())
        else:
            await self.show(202, state="sent", typed=typed)


class ConfirmPage(Page):
    """Make the account that was asked for. Opening the page does nothing: mail programs open links to look at them."""

    template = "confirm.html"

    async def get(self) -> None:
        """Ask for the password that was chosen."""
        token = self.get_query_argument("token", "")
        try:
            name = self.accounts.confirmed_name(token)
        except LinkUsedUp:
            await self.show(410, state="used-up", problems={"": LINK_USED_UP})
        else:
            await self.show(token=token, person=name)

    async def post(self) -> None:
        """Make the account."""
        token = self.field("token")
        try:
            name = self.accounts.confirmed_name(token)
            made = await self.accounts.confirm(token, self.field("password"))
        except LinkUsedUp:
            await self.show(410, state="used-up", problems={"": LINK_USED_UP})
        except Taken:
            await self.show(
                409,
                state="used-up",
                problems={"": "Somebody else has got this name or mail address meanwhile. Sign up again."},
            )
        except Paused as pause:
            await self.show_pause(pause, token=token, person=name)
        else:
            if made is None:
                wrong = "This is not the password that you chose when you signed up."
                await self.show(403, token=token, person=name, problems={"password": wrong})
            else:
                self.log.info("New account, confirmed by mail: %s", made)
                self.redirect(f"{self.hub.base_url}login?done=confirmed")


class ForgotPasswordPage(Page):
    """Ask for a new password."""

    template = "forgot-password.html"

    async def get(self) -> None:
        """Show the form, or whom to ask."""
        if self.accounts.mailer is None:
            await self.show(403, state="closed")
            return
        await self.show()

    async def post(self) -> None:
        """Send the message; the answer is the same whether or not that is somebody's address."""
        mail = self.field("mail").strip(" ").lower()
        try:
            self.accounts.ask_for_new_password(mail, address=self.caller)
        except SignUpClosed:
            await self.show(403, state="closed")
        except FormRefused as refused:
            await self.show(422, problems=refused.problems, typed={"mail": mail})
        except Paused as pause:
            await self.show_pause(pause, typed={"mail": mail})
        else:
            await self.show(202, state="sent", typed={"mail": mail})


class NewPasswordPage(Page):
    """Choose a new password."""

    template = "new-password.html"

    async def get(self) -> None:
        """Show the form."""
        token = self.get_query_argument("token", "")
        try:
            await self.show(**self._about(token))
        except LinkUsedUp:
            await self.show(410, state="used-up", problems={"": LINK_USED_UP})

    async def post(self) -> None:
        """Change the password and end all sessions of the person."""
        token = self.field("token")
        try:
            name = await self.accounts.change_password(token, self.field("password"), self.field("again"))
        except LinkUsedUp:
            await self.show(410, state="used-up", problems={"": LINK_USED_UP})
        except FormRefused as refused:
            await self.show(422, problems=refused.problems, **self._about(token))
        else:
            ended = end_sessions(self, name)
            self.log.info("New password by a link: %s; %d tokens ended", name, ended)
            self.redirect(f"{self.hub.base_url}login?done=changed")

    def _about(self, token: str) -> dict[str, Any]:
        return {
            "token": token,
            "person": self.accounts.reset_name(token),
            "minimum": self.accounts.settings.minimum_password_length,
        }


def end_sessions(handler: Any, name: str) -> int:
    """Sign a person out everywhere, in this browser, too. Return how many tokens that were."""
    user = handler.find_user(name)
    if user is None:
        return 0
    ended = sign_out_everywhere(handler, user)
    handler.clear_login_cookie()
    return ended
