"""Messages about accounts: what they say, and how they go out."""

import asyncio
import html
import logging
from collections.abc import Coroutine
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Protocol

import aiosmtplib

from studyhall_hub.sign_in.errors import MailAway, MailRefused
from studyhall_hub.sign_in.settings import MailSettings

LOG = logging.getLogger("jupyterhub.studyhall.mail")

FRAME = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="font-family: sans-serif; line-height: 1.5; max-width: 36em">{body}</body></html>
"""


class Mailer(Protocol):
    """Sends messages, or does something else with them."""

    def send(self, to: str, subject: str, paragraphs: tuple[str, ...]) -> None:
        """Hand a message over; it goes out after the answer to the request, which must not tell how long that takes."""
        ...

    async def deliver(self, to: str, subject: str, paragraphs: tuple[str, ...]) -> None:
        """Send a message and wait until the mail server has it.

        Raises:
            MailAway: it may take it later.
            MailRefused: it takes none to this address.
        """
        ...


def message(sender: str, to: str, subject: str, paragraphs: tuple[str, ...]) -> EmailMessage:
    """Return a message as plain text, and the same as HTML in which addresses are links.

    Raises:
        ValueError: an address or the subject holds a line break.
    """
    made = EmailMessage()
    made["From"] = sender
    made["To"] = to
    made["Subject"] = subject
    made["Date"] = formatdate(usegmt=True)
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    made.set_content("\n\n".join(paragraphs) + "\n")
    body = "".join(f"<p>{_linked(paragraph)}</p>" for paragraph in paragraphs)
    made.add_alternative(FRAME.format(title=html.escape(subject), body=body), subtype="html")
    return made


def _linked(paragraph: str) -> str:
    text = html.escape(paragraph)
    is_address = paragraph.startswith(("http://", "https://")) and " " not in paragraph
    return f'<a href="{text}">{text}</a>' if is_address else text


class SmtpMailer:
    """Sends by a mail server."""

    def __init__(self, settings: MailSettings) -> None:
        self.settings = settings
        # The event loop itself holds tasks weakly only.
        self.under_way: set[asyncio.Task[None]] = set()

    def send(self, to: str, subject: str, paragraphs: tuple[str, ...]) -> None:
        """Send a message in the background; what goes wrong is in the log, without the address."""
        self._start(self._in_background(message(self.settings.sender, to, subject, paragraphs)))

    async def deliver(self, to: str, subject: str, paragraphs: tuple[str, ...]) -> None:
        """Send a message and wait until the mail server has it.

        Raises:
            MailAway: it may take it later.
            MailRefused: it takes none to this address.
        """
        try:
            await self._deliver(message(self.settings.sender, to, subject, paragraphs))
        except (aiosmtplib.SMTPRecipientsRefused, ValueError) as problem:
            # Of one address each, and without it: the log is not the place for it.
            codes = [refused.code for refused in getattr(problem, "recipients", ())]
            if any(code < 500 for code in codes):
                raise MailAway(MailAway.__doc__) from None
            raise MailRefused(MailRefused.__doc__) from None
        except (aiosmtplib.SMTPException, OSError) as problem:
            self._log(problem)
            raise MailAway(MailAway.__doc__) from None

    def _start(self, delivery: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(delivery)
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _in_background(self, ready: EmailMessage) -> None:
        try:
            await self._deliver(ready)
        except (aiosmtplib.SMTPException, OSError) as problem:
            self._log(problem)

    async def _deliver(self, ready: EmailMessage) -> None:
        at = self.settings
        await aiosmtplib.send(
            ready,
            hostname=at.host,
            port=at.port,
            use_tls=at.encryption == "tls",
            start_tls=at.encryption == "starttls",
            username=at.user or None,
            password=at.password.get_secret_value() or None,
            timeout=at.timeout_seconds,
        )

    def _log(self, problem: Exception) -> None:
        # Without a traceback, which would hold the address and the link.
        LOG.error(
            "A message about an account could not be sent by %s:%d: %s. Check the settings sign_in.local.mail.",
            self.settings.host,
            self.settings.port,
            type(problem).__name__,
        )
