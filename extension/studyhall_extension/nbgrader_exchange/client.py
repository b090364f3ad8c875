"""Asking the service from a terminal: standard library only, short time-outs, a sentence for every trouble."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

PAGE = 100
MOST_BYTES = 200_000_000
CHUNK = 1 << 16
PATIENT_STATUSES = (429, 502, 503, 504)
"""The service is there and busy, or restarting: worth a moment's wait."""
LONGEST_WAIT = 5.0
"""Seconds between two tries at most: nbgrader's pages wait while this runs."""
TRIES = 3


class ServiceTrouble(Exception):
    """The service refused or did not answer; the message is for people, ``code`` and ``status`` for programs."""

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        self.code = code
        self.status = status
        super().__init__(message)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would show the token to whoever it leads to."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""
        return


class Service:
    """The service's API as one token's owner may use it."""

    def __init__(self, url: str, token: str, *, timeout: float) -> None:
        """Take the service's address up to ``/services/studyhall``, a token, and seconds for one answer to begin."""
        self.url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._opener = urllib.request.build_opener(_NoRedirects)

    def get(self, path: str, **query: str | int | None) -> Any:
        """Return the ``data`` of a GET.

        Raises:
            ServiceTrouble: it was refused, or nothing came in time.
        """
        return self._envelope("GET", path, query=query)["data"]

    def rows(self, path: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
        """Yield the rows of a list, page by page.

        Raises:
            ServiceTrouble: as for `get`.
        """
        page, seen = 1, 0
        while True:
            answer = self._envelope("GET", path, query={**query, "page": page, "limit": PAGE})
            yield from answer["data"]
            seen += len(answer["data"])
            page += 1
            if not answer["data"] or seen >= int((answer.get("meta") or {}).get("total") or 0):
                return

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Any:
        """Return the ``data`` of a writing request; with an idempotency key it is tried again under the same one.

        Raises:
            ServiceTrouble: as for `get`.
        """
        content = None if body is None else json.dumps(body).encode()
        return self._envelope(method, path, body=content, key=key)["data"]

    def _envelope(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: bytes | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        address = f"{self.url}/api/v1{quote(path)}" + (f"?{urlencode(given)}" if given else "")
        headers = {"Authorization": f"token {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        repeatable = method in {"GET", "PUT", "DELETE"} or key is not None
        for left in range(TRIES - 1, -1, -1):
            request = urllib.request.Request(  # noqa: S310 - the address is checked where it is read
                address, data=body, method=method, headers=headers
            )
            try:
                return self._answer(request)
            except _Patience as wait:
                if not left or not repeatable:
                    raise wait.trouble from wait
                time.sleep(min(wait.seconds, LONGEST_WAIT))
            except _NoConnection:
                if not left or key is None:
                    raise
                time.sleep(1)
        raise AssertionError("unreachable: the last try raises or returns")

    def _answer(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                content = self._read(answer)
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from error
        except (OSError, HTTPException) as error:
            kind = ServiceTrouble if _timed_out(error) else _NoConnection
            raise kind(self._no_answer(error, request.get_method())) from error
        if not content:
            return {"data": None}
        document = _json(content)
        if document is None or "data" not in document:
            raise ServiceTrouble(
                f"{self.url} answered, but not as Studyhall does. Check the address: it ends with /services/studyhall."
            )
        return document

    def _read(self, answer: Any) -> bytes:
        """Read all of an answer. One that only drips would keep each single wait short and never end."""
        deadline = time.monotonic() + 6 * self._timeout
        content = bytearray()
        while chunk := answer.read1(CHUNK):
            content += chunk
            if len(content) > MOST_BYTES or time.monotonic() > deadline:
                raise ServiceTrouble(
                    f"The answer of {urlsplit(self.url).netloc} is too large or too slow. Try again in a minute."
                )
        return bytes(content)

    def _refusal(self, error: urllib.error.HTTPError) -> "ServiceTrouble | _Patience":
        try:
            document = _json(error.read())
        except (OSError, HTTPException):
            document = None
        told = (document or {}).get("error")
        told = told if isinstance(told, dict) else {}
        message = str(told.get("message") or "") or (
            f"{self.url} answered with {error.code}. Check the address: it ends with /services/studyhall."
        )
        if error.code == 401:
            message += " From a terminal: `studyhall login`."
        trouble = ServiceTrouble(message, code=str(told.get("code") or ""), status=error.code)
        if error.code in PATIENT_STATUSES:
            return _Patience(trouble, _seconds(error.headers.get("Retry-After")))
        return trouble

    def _no_answer(self, error: Exception, method: str) -> str:
        host = urlsplit(self.url).netloc
        if not _timed_out(error):
            return (
                f"Studyhall can't be reached at {host}. Check the network and the address (STUDYHALL_URL), and try "
                "again in a minute."
            )
        late = f"Studyhall at {host} did not answer within {self._timeout:g} seconds."
        if method == "GET":
            return f"{late} Try again in a minute."
        return f"{late} Whether it has arrived is not known: look with `nbgrader list` before you try again."


class _NoConnection(ServiceTrouble):
    """There was no answer, and not for lack of time; what has a key of its own may be sent again."""


class _Patience(Exception):
    """Worth another try after so many seconds."""

    def __init__(self, trouble: ServiceTrouble, seconds: float) -> None:
        self.trouble = trouble
        self.seconds = seconds
        super().__init__(str(trouble))


def _timed_out(error: Exception) -> bool:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, TimeoutError)


def _seconds(value: str | None) -> float:
    try:
        return max(0.2, float(value or 1))
    except ValueError:
        return 1.0


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
