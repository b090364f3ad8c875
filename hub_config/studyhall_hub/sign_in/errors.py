"""What can go wrong when people sign in; each message is a sentence for them."""


class SignInError(Exception):
    """Signing in did not work."""


class FormRefused(SignInError):
    """A form needs changes."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems
        """Sentences by the field that they are about."""


class Paused(SignInError):
    """Too many attempts."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds
        """How long to wait."""


class LinkUsedUp(SignInError):
    """This link was used already, is too old, or is not complete."""


class Taken(SignInError):
    """The name or the mail address belongs to another account."""


class SignUpClosed(SignInError):
    """Sign-up is closed here: ask the people who run this Studyhall for an account."""


class MailAway(SignInError):
    """The mail server does not take a message right now; later it may."""


class MailRefused(SignInError):
    """The mail server takes no message to this address."""
