"""Handing a checked launch to the classroom service, which knows courses, links and grades."""

import json
from collections.abc import Mapping
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from studyhall_hub.sign_in.lti import claims
from studyhall_hub.sign_in.lti.claims import Launch, LaunchRefused

SECONDS = 15


class ServiceAway(LaunchRefused):
    """The service does not answer."""


class ServiceDoor:
    """The service's addresses for the hub alone, opened by the token that both know."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url.rstrip("/"), token

    async def hand_over(self, launch: Launch, *, launch_url: str) -> dict[str, Any]:
        """Tell the service of a launch; return where it leads.

        Raises:
            ServiceAway: it can't be asked.
            LaunchRefused: it says no; the message is its own.
        """
        request = HTTPRequest(
            f"{self._url}/api/v1/hub/lti-launches",
            method="POST",
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
            body=json.dumps(told_of(launch) | {"launch_url": launch_url}),
            request_timeout=SECONDS,
            follow_redirects=False,
        )
        try:
            answer = await AsyncHTTPClient().fetch(request)
            return dict(json.loads(answer.body)["data"])
        except HTTPClientError as problem:
            if problem.response is not None and 400 <= problem.code < 500 and problem.code != 429:
                raise LaunchRefused(_sentence(problem.response.body)) from problem
            raise ServiceAway(AWAY) from problem
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise ServiceAway(AWAY) from problem


AWAY = "Studyhall is starting or being repaired right now. Open the activity again in a minute."


def _sentence(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return AWAY


def told_of(launch: Launch) -> dict[str, Any]:
    """Return what the service needs to know of a launch, and nothing that it does not."""
    found = launch.claims
    context, link = _part(found, claims.CLAIM + "context"), _part(found, claims.CLAIM + "resource_link")
    grades, people = _part(found, claims.AGS_ENDPOINT), _part(found, claims.NAMES_AND_ROLES)
    linking = _part(found, claims.DEEP_LINKING)
    custom = _part(found, claims.CLAIM + "custom")
    return {
        "username": launch.username,
        "issuer": launch.issuer,
        "client_id": launch.client_id,
        "deployment": launch.deployment,
        "subject": launch.subject,
        "name": _text(found, "name")
        or " ".join(part for part in (_text(found, "given_name"), _text(found, "family_name")) if part),
        "roles": [role[:255] for role in found.get(claims.CLAIM + "roles", []) if isinstance(role, str)][:50],
        "context": {"id": _text(context, "id"), "title": _text(context, "title") or _text(context, "label")}
        if _text(context, "id")
        else None,
        "link": {"id": _text(link, "id"), "title": _text(link, "title")} if _text(link, "id") else None,
        "lesson": _text(custom, "studyhall_lesson"),
        "grades": {
            "scopes": [scope for scope in grades.get("scope", []) if isinstance(scope, str)][:20],
            "lineitems": _text(grades, "lineitems"),
            "lineitem": _text(grades, "lineitem"),
        }
        if grades
        else None,
        "memberships_url": _text(people, "context_memberships_url"),
        "deep_linking": {
            "return_url": _text(linking, "deep_link_return_url"),
            "data": _text(linking, "data", 20_000),
            "types": [kind for kind in linking.get("accept_types", []) if isinstance(kind, str)][:20],
            "multiple": linking.get("accept_multiple") is not False,
            "lineitem": linking.get("accept_lineitem") is not False,
        }
        if launch.message_type == claims.DEEP_LINKING_REQUEST
        else None,
    }


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _text(found: Mapping[str, Any], name: str, longest: int = claims.LONGEST_TEXT) -> str:
    value = found.get(name)
    return value if isinstance(value, str) and len(value) <= longest else ""
