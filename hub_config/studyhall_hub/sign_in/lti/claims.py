"""Rules of an LTI 1.3 launch, as pure functions: which claims are good, and who the person is here."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from studyhall_hub.sign_in.errors import SignInError

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS_ENDPOINT = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NAMES_AND_ROLES = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"

RESOURCE_LINK_REQUEST = "LtiResourceLinkRequest"
DEEP_LINKING_REQUEST = "LtiDeepLinkingRequest"

CLOCKS_DIFFER = 60.0
"""Seconds by which a platform's clock may be off."""
LONGEST_AGE = 600.0
"""Seconds within which somebody comes back from the platform, and after which a message is too old."""
LONGEST_TEXT = 2000


class LaunchRefused(SignInError):
    """A launch is not good; the message says why, in words for the person and the platform's administrator."""


class Registered(Protocol):
    """What is known of a platform that this hub is registered with."""

    @property
    def issuer(self) -> str:
        """Who the platform says that it is."""

    @property
    def client_id(self) -> str:
        """Who we are there."""

    @property
    def deployments(self) -> Sequence[str]:
        """Where in the platform this hub may be used from."""


@dataclass(frozen=True)
class Launch:
    """A launch that was checked."""

    issuer: str
    client_id: str
    deployment: str
    subject: str
    """The person's number at the platform; no mail address and no name ever stands for it."""
    message_type: str
    claims: Mapping[str, Any]

    @property
    def username(self) -> str:
        """The person's name here."""
        return name_of(self.issuer, self.subject)


def name_of(issuer: str, subject: str) -> str:
    """Return the name that a platform's person has here, the same at every launch: `lti-` and 20 letters and digits.

    It is made of the platform and the person's number there. Mail addresses and names may change hands.
    """
    digest = hashlib.sha256(f"{issuer}\n{subject}".encode()).digest()
    return "lti-" + base64.b32encode(digest).decode().lower()[:20]


def is_ours(address: str, *, hub_url: str) -> bool:
    """Say whether an address is one of this hub's, with the same scheme, host and port."""
    if any(letter <= " " or letter == "\\" for letter in address):
        return False
    try:
        parts, ours = urlsplit(address), urlsplit(hub_url)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc) and parts.path.startswith(ours.path)


def check(claims: Mapping[str, Any], platform: Registered, *, nonce: str, now: float, hub_url: str) -> Launch:
    """Return the launch that these claims are, whose signature was checked before.

    Args:
        claims: what the platform's token says.
        platform: the one that the person was sent to.
        nonce: what they were sent there with.
        now: seconds since 1970.
        hub_url: the hub's public address with a slash at its end.

    Raises:
        LaunchRefused: they are not good.
    """
    _check_from_whom(claims, platform)
    _check_time(claims, now)
    if not hmac.compare_digest(_text(claims, "nonce").encode(), nonce.encode()):
        raise LaunchRefused(
            "This launch belongs to another sign-in. Open the activity in the learning platform again."
        )
    deployment = _text(claims, CLAIM + "deployment_id")
    if deployment not in platform.deployments:
        raise LaunchRefused(
            f"The deployment {deployment[:80]} of the learning platform is not set up here. Its administrator adds it "
            "to `deployments` in the hub's settings."
        )
    if claims.get(CLAIM + "version") != "1.3.0":
        raise LaunchRefused("The learning platform speaks another version of LTI than 1.3.0.")
    message_type = _text(claims, CLAIM + "message_type")
    if message_type == RESOURCE_LINK_REQUEST:
        _text(_part(claims, CLAIM + "resource_link"), "id")
    elif message_type == DEEP_LINKING_REQUEST:
        _text(_part(claims, DEEP_LINKING), "deep_link_return_url")
    else:
        raise LaunchRefused(f"The message {message_type[:80]} means nothing here.")
    if not is_ours(_text(claims, CLAIM + "target_link_uri"), hub_url=hub_url):
        raise LaunchRefused(
            "This launch leads to another place than this hub. Check the address of the tool in the learning platform."
        )
    if not isinstance(claims.get(CLAIM + "roles"), list):
        raise LaunchRefused("The learning platform does not say which roles the person has.")
    return Launch(
        issuer=platform.issuer,
        client_id=platform.client_id,
        deployment=deployment,
        subject=_subject(claims),
        message_type=message_type,
        claims=dict(claims),
    )


def _check_from_whom(claims: Mapping[str, Any], platform: Registered) -> None:
    if claims.get("iss") != platform.issuer:
        raise LaunchRefused("This launch comes from another learning platform than it says.")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    if (
        platform.client_id not in audiences
        or (party is None and len(audiences) > 1)
        or (party is not None and party != platform.client_id)
    ):
        raise LaunchRefused("This launch is meant for another tool.")


def _check_time(claims: Mapping[str, Any], now: float) -> None:
    until, since = _number(claims, "exp"), _number(claims, "iat")
    if until <= now - CLOCKS_DIFFER or since < now - LONGEST_AGE - CLOCKS_DIFFER:
        raise LaunchRefused("This launch is too old. Open the activity in the learning platform again.")
    if since > now + CLOCKS_DIFFER:
        raise LaunchRefused(
            "The learning platform's clock is ahead of this hub's. One of them needs the right time."
        )


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > 255:
        raise LaunchRefused(
            "The learning platform does not say who you are. Sign in there; guests can't come in here."
        )
    return subject


def _part(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = claims.get(name)
    if not isinstance(part, dict):
        raise LaunchRefused(f"The learning platform leaves out {name.rpartition('/')[2]}.")
    return part


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST_TEXT:
        raise LaunchRefused(f"The learning platform leaves out {name.rpartition('/')[2]}.")
    return value


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # NaN compares with nothing, so it would pass every check of time.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise LaunchRefused(f"The learning platform leaves out {name}.")
    return float(value)
