"""Asking the classroom service about somebody who signs in, by its door for the hub alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

SECONDS = 10


class ServiceAway(Exception):
    """The service does not answer, or not as it should."""


@dataclass(frozen=True)
class Standing:
    """What the service says of somebody."""

    state: str
    """member, waiting, declined, removed or outsider."""
    sentence: str
    groups: tuple[str, ...]


class Members:
    """The service's word on who is a member."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url.rstrip("/"), token

    async def standing_of(self, told: Mapping[str, Any]) -> Standing:
        """Return what somebody is to the cohort.

        Args:
            told: what the hub knows of them, as `POST /api/v1/hub/sign-ins` takes it.

        Raises:
            ServiceAway: it can't be asked.
        """
        request = HTTPRequest(
            f"{self._url}/api/v1/hub/sign-ins",
            method="POST",
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
            body=json.dumps(dict(told)),
            connect_timeout=SECONDS,
            request_timeout=SECONDS,
            follow_redirects=False,
        )
        try:
            answer = json.loads((await AsyncHTTPClient().fetch(request)).body)["data"]
            return Standing(str(answer["state"]), str(answer["sentence"]), tuple(answer["groups"]))
        except (HTTPClientError, OSError, ValueError, KeyError, TypeError) as problem:
            raise ServiceAway(str(problem)) from problem
