"""Rules of a launch, over claims of all kinds."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lti_platform.simulator import Platform
from studyhall_hub.sign_in.lti import claims as rules
from studyhall_hub.sign_in.lti.claims import LaunchRefused, check, is_ours, name_of
from studyhall_hub.sign_in.lti.platform_keys import PlatformKeys, keys_in

HUB = "https://school.example/hub/"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def plays():
    found = Platform("moodle")
    found.url, found.launch_url = "https://moodle.example", HUB + "lti/launch"
    found.people = {"7": {"name": "Lea", "role": "Learner"}}
    return found


def checked(plays, claims, now=None):
    registered = SimpleNamespace(issuer=plays.url, client_id=plays.client_id, deployments=(plays.deployment,))
    when = claims["iat"] if now is None else now
    return check(claims, registered, nonce="n", now=when, hub_url=HUB)


def test_a_good_launch_says_who_it_is(plays):
    launch = checked(plays, plays.claims("7", nonce="n"))
    assert launch.username == name_of("https://moodle.example", "7")


@given(st.data())
def test_whatever_a_claim_is_instead_it_is_refused_or_says_the_same(plays, data):
    """Each claim that the sign-in stands on, replaced by anything: refused, unless it says the same."""
    good = plays.claims("7", nonce="n")
    name = data.draw(
        st.sampled_from(["iss", "aud", "exp", "iat", "nonce", "sub", *(k for k in good if "/" in k)])
    )
    value = data.draw(ANYTHING)
    try:
        launch = checked(plays, good | {name: value}, now=good["iat"])
    except LaunchRefused:
        return
    assert (launch.issuer, launch.client_id) == (plays.url, plays.client_id)
    assert launch.deployment == plays.deployment
    assert isinstance(launch.subject, str)
    assert launch.subject


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6))
def test_a_launch_is_good_for_minutes(plays, passed):
    claims = plays.claims("7", nonce="n")
    try:
        checked(plays, claims, now=claims["iat"] + passed)
        assert -60 <= passed < 360
    except LaunchRefused:
        assert passed < -60 or passed >= 360


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_two_people_have_two_names(issuer, subject, other_issuer, other_subject):
    mine, other = name_of(issuer, subject), name_of(other_issuer, other_subject)
    same = f"{issuer}\n{subject}" == f"{other_issuer}\n{other_subject}"
    assert (mine == other) == same
    assert mine.isascii()
    assert len(mine) == 24


@pytest.mark.parametrize(
    "address",
    [
        "https://school.example.evil.example/hub/",
        "https://school.example@evil.example/hub/",
        "https://evil.example/hub/?https://school.example/hub/",
        "http://school.example/hub/",
        "https://school.example:444/hub/",
        "//school.example/hub/",
        "/hub/",
        "https://school.example/hubris",
        "https://school.example\\@evil.example/hub/",
        " https://school.example/hub/",
        "https://school.example/hub/\nX: y",
        "https://[school.example/hub/",
        "",
    ],
)
def test_other_places_are_not_ours(address):
    assert not is_ours(address, hub_url=HUB)
    assert is_ours(HUB + "lti/launch?x=1", hub_url=HUB)


@given(st.binary(max_size=200) | ANYTHING.map(lambda value: repr(value).encode()))
def test_what_is_no_set_of_keys_is_said_to_be_none(document):
    with pytest.raises(OSError, match="no JWKS"):
        keys_in(document)


def test_of_a_set_of_keys_only_those_that_sign_so_are_taken(plays):
    good = plays.key.public
    private = good | {"kid": "p", "d": good["n"]}
    listed = [
        good,
        good | {"kid": 5},
        good | {"kid": "e", "use": "enc"},
        {"kty": "oct", "kid": "s", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "broken", "n": "?", "e": "AQAB"},
        {"kty": "RSA", "kid": "small", "n": "0QAB", "e": "AQAB"},
        private,
        "text",
    ]
    assert list(keys_in(json.dumps({"keys": listed}).encode())) == [good["kid"]]


class Published:
    """A platform's keys, which it answers with once it may."""

    def __init__(self, *keys):
        self.keys, self.asked = keys, 0
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def fetch(self, _url):
        self.asked += 1
        self.is_asked.set()
        await self.may_answer.wait()
        if not self.keys:
            raise OSError("no answer")
        return json.dumps({"keys": [key.public for key in self.keys]}).encode()


async def test_who_comes_while_a_platform_is_asked_for_its_keys_waits_for_them_too(plays):
    published = Published(plays.key)
    known = PlatformKeys("https://moodle.example/keys", fetch=published.fetch, clock=lambda: 1000.0)
    token = plays.sign(plays.claims("7", nonce="n"))
    async with asyncio.TaskGroup() as people:
        come = [people.create_task(known.claims_of(token)) for _ in range(3)]
        await published.is_asked.wait()
        published.may_answer.set()
    assert [launch.result()["sub"] for launch in come] == ["7"] * 3
    assert published.asked == 1


async def test_a_platform_that_gives_no_keys_is_named_as_what_is_missing(plays):
    published = Published()
    published.may_answer.set()
    known = PlatformKeys("https://moodle.example/keys", fetch=published.fetch, clock=lambda: 1000.0)
    for _ in range(2):
        with pytest.raises(LaunchRefused, match="can't be fetched at the moment"):
            await known.claims_of(plays.sign(plays.claims("7", nonce="n")))
    assert published.asked == 1


def test_what_is_told_to_the_service_stays_small(plays):
    from studyhall_hub.sign_in.lti.service_door import told_of

    claims = plays.claims("7", nonce="n") | {rules.CLAIM + "custom": "no part", "name": 5}
    told = told_of(checked(plays, claims))
    assert told["lesson"] == ""
    assert told["name"] == ""
    assert "email" not in told


def test_nobody_else_signs_for_a_platforms_people():
    """A person is an issuer's number, so that two registrations of one issuer need the same keys."""
    from studyhall_hub.sign_in.settings import SignInSettings

    def registered(client, keys):
        return {
            "name": client,
            "issuer": "https://canvas.instructure.com",
            "client_id": client,
            "deployments": ["1"],
            "authorization_url": "https://sso.canvaslms.com/authorize",
            "jwks_url": keys,
        }

    hosted = "https://sso.canvaslms.com/jwks"
    assert len(SignInSettings(lti=(registered("a", hosted), registered("b", hosted))).lti) == 2
    with pytest.raises(ValueError, match="could name the other's people"):
        SignInSettings(lti=(registered("a", hosted), registered("b", "https://canvas.school.example/jwks")))
