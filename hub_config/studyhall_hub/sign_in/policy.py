"""Rules of signing in, as pure functions: what a name, a mail address and a password may be, and who has to pause."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

MINUTE = 60.0
HOUR = 60 * MINUTE

VERIFICATION_LIFETIME = 24 * HOUR
RESET_LIFETIME = HOUR
INVITATION_LIFETIME = 24 * HOUR
"""How long a link from an operator lasts, for an account that is new."""

FAILURES = 5
"""Failed attempts within `WINDOW` after which an account pauses."""
WINDOW = 15 * MINUTE

MAILS = 3
"""Messages that one mail address gets within an hour, whoever asks for them."""
REQUESTS = 60
"""Sign-ups and resets that one internet address may ask for within an hour; a class often shares one."""

PASSWORD_BYTES = 72
"""What bcrypt looks at; more would be cut off in silence."""

NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,30}")
PROVIDERS = re.compile(r"(?:github|google|lti)(?:[^a-z0-9]|$)")
"""How the names of people from elsewhere begin: no local account has such a name."""
MAIL = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,62}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}")
RESERVED = frozenset({"admin", "administrator", "hub", "root", "service", "studyhall", "system"})

NAME_RULE = "A user name has 2 to 31 plain letters, digits and single hyphens, and begins with a letter."
MAIL_RULE = "This does not look like a mail address, such as lea@school.example."


def is_name(name: str) -> bool:
    """Return whether `name` may be that of a local account."""
    return bool(NAME.fullmatch(name)) and not PROVIDERS.match(name) and name not in RESERVED


def is_mail(mail: str) -> bool:
    """Return whether `mail` is an address that we can write to; line breaks never are."""
    return len(mail) <= 128 and bool(MAIL.fullmatch(mail)) and ".." not in mail and ".@" not in mail


def password_problem(
    password: str, *, name: str, mail: str, minimum: int, is_common: Callable[[str], bool]
) -> str | None:
    """Return the sentence that says what is wrong with a new password, or None."""
    if len(password) < minimum:
        return f"The password needs at least {minimum} characters."
    if len(password.encode()) > PASSWORD_BYTES:
        return f"The password is too long: at most {PASSWORD_BYTES} bytes, which is as many plain letters."
    small = password.lower()
    personal = {word for word in (name, mail, mail.partition("@")[0]) if word}
    if small in personal or len(set(small)) < 4 or is_common(password) or is_common(small):
        return (
            "This password is one of the first that somebody would try. Choose another, such as four words."
        )
    return None


def paused_until(failures: Sequence[float], *, limit: int, window: float, now: float) -> float | None:
    """Return until when nobody may try again, or None.

    Args:
        failures: when attempts failed, in seconds since 1970; attempts during a pause are not among them.
        limit: that many within `window` seconds begin a pause of `window` seconds.
        window: seconds.
        now: seconds since 1970.
    """
    latest = sorted(failures)[-limit:]
    if len(latest) < limit or latest[-1] - latest[0] > window:
        return None
    until = latest[-1] + window
    return until if now < until else None


def when(until: float, *, now: float) -> str:
    """Return when to try again, as people say it."""
    minutes = max(1, round((until - now) / MINUTE + 0.49))
    clock = datetime.fromtimestamp(until, UTC).strftime("%H:%M")
    return f"at {clock} UTC, in {minutes} minute{'s' if minutes > 1 else ''}"
