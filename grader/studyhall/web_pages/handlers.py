"""The shell of the staff pages; what fills it is TypeScript in ``extension/staff``."""

import hashlib
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from jupyterhub.services.auth import HubOAuthCallbackHandler
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from studyhall.errors import StudyhallError, Unavailable
from studyhall.settings import Settings
from studyhall.web import metrics
from studyhall.web.handlers import ApiHandler, StudyhallHandler, person_error
from studyhall.web.security_headers import API_HEADERS, PAGE_POLICY

log = structlog.get_logger(__name__)

STATIC = Path(__file__).parent / "static"


def cookie_secret(settings: Settings) -> bytes:
    """Return the key that signs the service's own cookies, derived from the content key."""
    return hashlib.sha256(b"studyhall cookies " + settings.content_key.get_secret_value().encode()).digest()


def log_request(handler: RequestHandler) -> None:
    """Log a request and count it; the address without its query, which may hold names."""
    seconds = handler.request.request_time()
    status = handler.get_status()
    route = (
        next(iter(handler.routes.values())).path
        if isinstance(handler, ApiHandler) and handler.routes
        else "page"
    )
    metrics.REQUESTS.labels(method=handler.request.method, route=route, status=str(status)).observe(seconds)
    level = "warning" if status >= 500 else "info"
    getattr(log, level)(
        "request",
        method=handler.request.method,
        path=handler.request.path,
        status=status,
        ms=round(1000 * seconds, 1),
        request_id=getattr(handler, "_request_id", None),
    )


class StaticHandler(StaticFileHandler):
    """Our own scripts and styles."""

    def set_extra_headers(self, path: str) -> None:
        """Let the browser ask each time whether a file has changed; names carry no hash."""
        del path
        self.clear_header("Server")
        for name, value in API_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-cache")


class CallbackHandler(HubOAuthCallbackHandler):  # type: ignore[misc]  # jupyterhub ships no types
    """Where the hub sends a browser back to after its sign-in."""

    def initialize(self) -> None:
        """Use the service's own connection to the hub."""
        self.hub_auth = self.settings["hub_auth"]


class OpenApiHandler(RequestHandler):
    """The OpenAPI document; public like the source code that it is made from."""

    def initialize(self, written: Callable[[], str]) -> None:
        """Be told where the text of the document comes from."""
        self._written = written

    def get(self) -> None:
        """Answer the document."""
        for name, value in API_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(self._written())


class PageHandler(StudyhallHandler):
    """Every staff page: signs in through the hub, then serves the shell."""

    def set_default_headers(self) -> None:
        """Allow the shell's own script on top of the API's headers."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", PAGE_POLICY)

    async def get(self) -> None:
        """Serve the shell, or go to the hub's sign-in first."""
        try:
            user = await self.hub_auth.get_user(self, sync=False)
        except Exception as error:
            log.warning("hub_unavailable", exc_info=error)
            self._sorry(Unavailable("The hub could not confirm who you are. Try again in a minute."))
            return
        if user is None:
            # Tornado's helper adds where to come back to; the hub's library keeps it in a signed cookie.
            self.redirect(self.get_login_url())
            return
        prefix = self.context.settings.service_prefix.rstrip("/")
        settings = json.dumps(
            {
                "prefix": prefix,
                "username": user["name"],
                # With subdomains the hub is on another host than these pages.
                "hub": f"{self.hub_auth.hub_host}{self.hub_auth.hub_prefix}",
                "subdomains": self.context.settings.subdomains,
            }
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        # Reading the token makes the hub's library set its cookie, which writing requests need.
        xsrf = self.xsrf_token.decode() if isinstance(self.xsrf_token, bytes) else self.xsrf_token
        self.finish(
            SHELL.format(
                prefix=html.escape(prefix), settings=html.escape(settings), xsrf=html.escape(xsrf), body=""
            )
        )

    def _sorry(self, error: StudyhallError) -> None:
        self.set_status(error.status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        prefix = html.escape(self.context.settings.service_prefix.rstrip("/"))
        self.finish(SORRY.format(prefix=prefix, message=html.escape(error.message)))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say an error of Tornado itself in words, without a traceback."""
        cause = kwargs.get("exc_info", (None, None, None))[1]
        self._sorry(person_error(cause if cause is not None else HTTPError(status_code)))


SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="studyhall-settings" content="{settings}">
<meta name="studyhall-xsrf" content="{xsrf}">
<title>Studyhall</title>
<link rel="stylesheet" href="{prefix}/static/staff.css">
</head>
<body>
<div id="studyhall">{body}</div>
<noscript>Studyhall's staff pages need JavaScript.</noscript>
<script type="module" src="{prefix}/static/staff.js"></script>
</body>
</html>
"""

SORRY = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Studyhall</title>
<link rel="stylesheet" href="{prefix}/static/staff.css"></head>
<body><main class="sh-sorry"><h1>Studyhall</h1><p>{message}</p><p><a href="">Try again</a></p></main></body></html>
"""
