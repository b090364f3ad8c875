"""What people do with accounts of this hub: sign up, confirm, sign in, ask for a new password. Without HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from studyhall_hub.sign_in import policy
from studyhall_hub.sign_in.errors import FormRefused, LinkUsedUp, Paused, SignUpClosed
from studyhall_hub.sign_in.mail import Mailer
from studyhall_hub.sign_in.passwords import Passwords, digest, new_token
from studyhall_hub.sign_in.settings import LocalAccountSettings
from studyhall_hub.sign_in.store import AccountStore, MailedLink

PAUSE = "Too many attempts. For safety there is a pause; try again {when}."
ASKED_TOO_OFTEN = "There were too many requests from this network. Try again {when}."

IGNORE = "If that was not you, ignore this message: nothing has changed."


def key_of_account(name: str) -> str:
    """Return what an account's failed attempts are counted under; also for names that nobody has."""
    return f"account:{digest(name)}"


@dataclass(frozen=True)
class SignUp:
    """What somebody typed into the form."""

    name: str
    mail: str
    password: str
    again: str


class LocalAccounts:
    """The accounts of one hub."""

    def __init__(
        self,
        store: AccountStore,
        settings: LocalAccountSettings,
        *,
        passwords: Passwords,
        mailer: Mailer | None,
        hub_url: str,
        clock: Callable[[], float],
        is_common: Callable[[str], bool],
    ) -> None:
        """Put it together.

        Args:
            store: where accounts are kept.
            settings: their rules.
            passwords: makes and checks hashes.
            mailer: without one sign-up is closed and passwords are reset by an operator.
            hub_url: public address of the hub, `https://school.example/hub/`. Links are made of it and never of what a
                request says about its host.
            clock: seconds since 1970.
            is_common: whether many people have this password.
        """
        self.store = store
        self.settings = settings
        self.passwords = passwords
        self.mailer = mailer
        self.hub_url = hub_url
        self.clock = clock
        self.is_common = is_common

    @property
    def may_sign_up(self) -> bool:
        """Whether people may make accounts themselves."""
        return self.settings.sign_up and self.mailer is not None

    def _link(self, page: str, token: str) -> str:
        # The hub keeps a parameter of this name out of its log.
        return f"{self.hub_url}{page}?{urlencode({'token': token})}"

    def _pause(self, key: str, *, limit: int, window: float, words: str = PAUSE) -> None:
        now = self.clock()
        attempts = self.store.attempts(key, since=now - 2 * window)
        until = policy.paused_until(attempts, limit=limit, window=window, now=now)
        if until is not None:
            raise Paused(words.format(when=policy.when(until, now=now)), seconds=until - now)

    # ---------------------------------------------------------------- signing in

    async def fits(self, name: str, password: str, *, address: str) -> bool:
        """Return whether this is somebody's name and password.

        Raises:
            Paused: there were too many failures; the same for names that nobody has.
        """
        account_key, address_key = key_of_account(name), f"address:{address}"
        self._pause(account_key, limit=policy.FAILURES, window=policy.WINDOW)
        self._pause(address_key, limit=self.settings.failures_per_address, window=policy.WINDOW)
        # Counted before it is checked: whoever tries many at once gets no more of them.
        _, of_address = self.store.count(account_key, address_key, at=self.clock())
        account = self.store.find(name)
        if not await self.passwords.fit(password, account.password if account else None):
            return False
        self.store.clear(account_key)
        self.store.uncount(of_address)
        return True

    # ---------------------------------------------------------------- signing up

    def _check_password(self, password: str, again: str, *, name: str, mail: str) -> dict[str, str]:
        problem = policy.password_problem(
            password,
            name=name,
            mail=mail,
            minimum=self.settings.minimum_password_length,
            is_common=self.is_common,
        )
        if problem is not None:
            return {"password": problem}
        return {} if password == again else {"again": "The two passwords are not the same."}

    async def sign_up(self, form: SignUp, *, address: str) -> None:
        """Mail a link that makes the account, or what stands in the way; whoever asks cannot tell which.

        Raises:
            SignUpClosed: nobody may sign up here.
            FormRefused: name, mail or password cannot be those of any account.
            Paused: too many requests from one address.
        """
        if not self.may_sign_up or self.mailer is None:
            raise SignUpClosed(SignUpClosed.__doc__)
        problems = {} if policy.is_name(form.name) else {"name": policy.NAME_RULE}
        if not policy.is_mail(form.mail):
            problems["mail"] = policy.MAIL_RULE
        problems |= self._check_password(form.password, form.again, name=form.name, mail=form.mail)
        if problems:
            raise FormRefused(problems)
        self._ask(address)
        # Made in every case, since it takes long.
        kept = await self.passwords.made(form.password)
        if not self._may_mail(form.mail):
            return
        owner = self.store.find_by_mail(form.mail)
        if owner is not None:
            subject, paragraphs = (
                "Your Studyhall account",
                (
                    f"Somebody asked for a Studyhall account with this mail address. You have one: {owner.name}.",
                    "If you have forgotten your password, ask for a new one here:",
                    f"{self.hub_url}forgot-password",
                    IGNORE,
                ),
            )
        elif self.store.find(form.name) is not None or self.store.is_person(form.name):
            subject, paragraphs = (
                "Choose another user name for Studyhall",
                (
                    f"You asked for a Studyhall account with the user name {form.name}. It can't be had.",
                    "Sign up again with another one:",
                    f"{self.hub_url}signup",
                    IGNORE,
                ),
            )
        else:
            token = new_token()
            self.store.add_link(
                "verify",
                digest(token),
                MailedLink(name=form.name, mail=form.mail, password=kept),
                expires_at=self.clock() + policy.VERIFICATION_LIFETIME,
            )
            subject, paragraphs = (
                "Confirm your Studyhall account",
                (
                    f"Welcome to Studyhall! You asked for an account with the user name {form.name}.",
                    "Open this address within 24 hours and type the password that you chose:",
                    self._link("confirm", token),
                    IGNORE,
                ),
            )
        self.mailer.send(form.mail, subject, paragraphs)

    def _ask(self, address: str) -> None:
        key = f"asks:{address}"
        self._pause(key, limit=policy.REQUESTS, window=policy.HOUR, words=ASKED_TOO_OFTEN)
        self.store.count(key, at=self.clock())

    def _may_mail(self, mail: str) -> bool:
        # In silence: the answer would tell that somebody else asked, too.
        key, now = f"mail:{digest(mail)}", self.clock()
        if len(self.store.attempts(key, since=now - policy.HOUR)) >= policy.MAILS:
            return False
        self.store.count(key, at=now)
        return True

    def confirmed_name(self, token: str) -> str:
        """Return the name whose account an unused link from a sign-up makes.

        Raises:
            LinkUsedUp: there is no such unused link.
        """
        return self.store.link("verify", digest(token), now=self.clock()).name

    async def confirm(self, token: str, password: str) -> str | None:
        """Make the account that a link stands for; return its name, or None when this was not its password.

        The password shows that the person at the mailbox is the one who signed up. Otherwise somebody could sign up
        with another's mail address and a password of their own, and wait for the click.

        Raises:
            LinkUsedUp: there is no such unused link.
            Taken: name or mail address have become somebody else's meanwhile.
            Paused: too many failures with this link.
        """
        key = f"link:{digest(token)}"
        found = self.store.link("verify", digest(token), now=self.clock())
        if found.password is None:
            raise LinkUsedUp(LinkUsedUp.__doc__)
        self._pause(key, limit=policy.FAILURES, window=policy.WINDOW)
        self.store.count(key, at=self.clock())
        if not await self.passwords.fit(password, found.password):
            return None
        name = self.store.open_account(digest(token), password=found.password, now=self.clock())
        # Whoever tried that name before it was anybody's shall not make its new owner wait.
        self.store.clear(key_of_account(name))
        return name

    # ---------------------------------------------------------------- a new password

    def ask_for_new_password(self, mail: str, *, address: str) -> None:
        """Mail a link for a new password, if that is somebody's address; whoever asks cannot tell.

        Raises:
            SignUpClosed: this hub sends no mail.
            FormRefused: that is no mail address.
            Paused: too many requests from one address.
        """
        if self.mailer is None:
            raise SignUpClosed(SignUpClosed.__doc__)
        if not policy.is_mail(mail):
            raise FormRefused({"mail": policy.MAIL_RULE})
        self._ask(address)
        account = self.store.find_by_mail(mail)
        if account is None or not self._may_mail(mail):
            return
        self.mailer.send(
            mail,
            "A new password for Studyhall",
            (
                f"Somebody asked for a new password for your Studyhall account {account.name}.",
                "To choose one, open this address within an hour:",
                self.reset_link(account.name, lifetime=policy.RESET_LIFETIME),
                IGNORE,
            ),
        )

    def reset_link(self, name: str, *, lifetime: float) -> str:
        """Return the address of a page that chooses a new password for an account, once, within `lifetime` seconds."""
        token = new_token()
        self.store.add_link(
            "reset",
            digest(token),
            MailedLink(name=name, mail=None, password=None),
            expires_at=self.clock() + lifetime,
        )
        return self._link("new-password", token)

    def reset_name(self, token: str) -> str:
        """Return whose password an unused link changes.

        Raises:
            LinkUsedUp: there is no such unused link.
        """
        return self.store.link("reset", digest(token), now=self.clock()).name

    async def change_password(self, token: str, password: str, again: str) -> str:
        """Change a password by a link; return whose. The caller ends the person's sessions.

        Raises:
            LinkUsedUp: there is no such unused link.
            FormRefused: the password cannot be one.
        """
        name = self.reset_name(token)
        account = self.store.find(name)
        problems = self._check_password(
            password, again, name=name, mail=(account.mail if account else None) or ""
        )
        if problems:
            raise FormRefused(problems)
        kept = await self.passwords.made(password)
        name = self.store.change_password(digest(token), password=kept, now=self.clock())
        self.store.clear(key_of_account(name))
        return name
