"""People who come from learning platforms: a real hub, two platforms at once, and attacks on the way between them."""

import base64
import hashlib
import hmac
import json
import re
import time
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from lti_platform.simulator import CLAIM, Key, platform
from signing_in import running

PEOPLE = {"7": {"name": "Lea K.", "role": "Learner"}, "8": {"name": "Tom", "role": "Instructor"}}


class Class:
    """A hub with Moodle and Canvas around it."""

    def __init__(self, hub, moodle, canvas):
        self.hub, self.moodle, self.canvas = hub, moodle, canvas
        for plays in (moodle, canvas):
            plays.people = {name: dict(about) for name, about in PEOPLE.items()}
            plays.launch_url = f"{hub.url}/hub/lti/launch"

    @property
    def door(self):
        address = json.loads(self.hub.settings.read_text())["service"]["url"]
        return f"{address}/services/studyhall/api/v1/hub/lti-launches"

    def launches(self):
        """Return what the service heard of."""
        return httpx.get(self.door, timeout=60).json()["kept"]

    def service_says(self, status=200, **answer):
        httpx.put(self.door, json={"status": status, **answer}, timeout=60)

    def begin(self, browser, plays, **changes):
        """Open a link of the platform; return what the platform is asked."""
        given = {
            "iss": plays.url,
            "login_hint": "7",
            "target_link_uri": plays.launch_url,
            "client_id": plays.client_id,
            "lti_message_hint": "hint",
        } | changes
        leaves = browser.get("/hub/lti/login", params=given)
        if leaves.status_code != httpx.codes.FOUND:
            return leaves, {}
        asked = {
            name: values[0] for name, values in parse_qs(urlsplit(leaves.headers["Location"]).query).items()
        }
        return leaves, asked

    def end(self, browser, token, state):
        """Bring the platform's answer; return the hub's, after its own redirect."""
        answer = browser.client.post("/hub/lti/launch", data={"id_token": token, "state": state})
        if answer.status_code == httpx.codes.SEE_OTHER:
            answer = browser.get(answer.headers["Location"])
        return answer

    def come(self, browser, plays, person="7", **options):
        """Sign in from a platform."""
        _, asked = self.begin(browser, plays)
        claims = plays.claims(person, nonce=asked["nonce"], **options)
        return self.end(browser, plays.sign(claims), asked["state"])


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    with ExitStack() as stack:
        moodle, canvas = (stack.enter_context(platform(like)) for like in ("moodle", "canvas"))
        hub = stack.enter_context(
            running(tmp_path_factory.mktemp("lti"), mail=False, lti=[moodle.settings, canvas.settings])
        )
        yield Class(hub, moodle, canvas)


@pytest.fixture
def browser(school):
    school.service_says(data={"at": "hub", "path": "token"})
    return school.hub.browser()


def signed_in_as(browser):
    return re.search(r'user: "([^"]*)"', browser.get("/hub/token").text)[1]


def test_the_platform_is_asked_who_it_is(school, browser):
    leaves, asked = school.begin(browser, school.moodle)
    assert leaves.headers["Location"].startswith(f"{school.moodle.url}/auth?from=tool&")
    assert asked["from"] == "tool"
    assert {
        name: asked[name] for name in ("scope", "response_type", "response_mode", "prompt", "login_hint")
    } == {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "login_hint": "7",
    }
    assert asked["lti_message_hint"] == "hint"
    assert asked["redirect_uri"] == f"{school.hub.url}/hub/lti/launch"


def test_two_platforms_on_one_hub_and_each_person_is_somebody_of_their_own(school, browser):
    answer = school.come(browser, school.moodle)
    assert answer.status_code == httpx.codes.FOUND
    assert answer.headers["Location"] == f"{school.hub.url}/hub/token"
    lea = signed_in_as(browser)
    assert re.fullmatch(r"lti-[a-z2-7]{20}", lea)
    again, other, teacher = (school.hub.browser() for _ in range(3))
    # The name is the person's number, whatever the platform calls them now, and never a mail address.
    school.moodle.people["7"] = {"name": "Lea Renamed", "role": "Learner", "email": "other@school.example"}
    school.come(again, school.moodle)
    school.come(other, school.canvas)
    school.come(teacher, school.moodle, "8")
    assert signed_in_as(again) == lea
    assert len({lea, signed_in_as(other), signed_in_as(teacher)}) == 3


def test_the_service_hears_what_it_needs_and_says_where_it_leads(school, browser):
    school.service_says(data={"at": "service", "path": "courses/x"})
    column = school.canvas.column("some-lesson")
    answer = school.come(browser, school.canvas, "8", link="link-9", lesson="k1/loops", line_item=column)
    assert answer.headers["Location"] == f"{school.hub.url}/services/studyhall/courses/x"
    told = school.launches()[-1]
    assert told["username"] == signed_in_as(browser)
    assert told["issuer"] == school.canvas.url
    assert (told["subject"], told["deployment"], told["lesson"]) == ("8", "1", "k1/loops")
    assert told["link"]["id"] == "link-9"
    assert told["grades"]["lineitem"] == column
    assert told["memberships_url"] == school.canvas.memberships
    assert told["deep_linking"] is None
    assert told["launch_url"] == f"{school.hub.url}/hub/lti/launch"
    school.come(browser, school.canvas, "8", deep_linking=True)
    assert school.launches()[-1]["deep_linking"]["data"] == "opaque&data"
    assert school.launches()[-1]["link"] is None
    assert signed_in_as(browser) == told["username"], "still, after a second launch to the staff pages"


def test_a_place_to_go_to_is_always_one_of_ours(school, browser):
    for path in ("//evil.example/", "\\\\evil.example", "/\\evil.example"):
        school.service_says(data={"at": "hub", "path": path})
        place = school.come(browser, school.moodle).headers["Location"]
        assert place.startswith(f"{school.hub.url}/hub/")


def test_the_service_s_no_is_shown_and_nobody_is_signed_in(school, browser):
    school.service_says(status=403, error={"message": "This course is not open yet."})
    answer = school.come(browser, school.moodle)
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "This course is not open yet." in answer.text
    school.service_says(status=500)
    assert school.come(browser, school.moodle).status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert not browser.is_signed_in


def test_a_session_that_somebody_left_on_a_shared_computer_ends(school, browser):
    school.come(browser, school.moodle, "8")
    teacher = signed_in_as(browser)
    page = "/services/studyhall/"
    answer = browser.client.get(page, follow_redirects=True)
    # The mirror service sends nobody to the hub by itself, so the browser asks for its token as a page would.
    assert answer.status_code in (httpx.codes.OK, httpx.codes.FORBIDDEN)
    before = school.hub.ask("GET", f"/users/{teacher}/tokens").json()["api_tokens"]
    school.come(browser, school.moodle, "7")
    assert signed_in_as(browser) != teacher
    left = school.hub.ask("GET", f"/users/{teacher}/tokens").json()["api_tokens"]
    assert [row["id"] for row in left if row.get("session_id")] == []
    assert len(left) <= len(before)


# ---------------------------------------------------------------- attacks


def refused(school, browser, token, state, status=httpx.codes.FORBIDDEN):
    heard = len(school.launches())
    answer = school.end(browser, token, state)
    assert answer.status_code == status, answer.text
    assert not browser.is_signed_in
    assert len(school.launches()) == heard
    return answer


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-tool"},
        {"aud": []},
        {"azp": "another-tool"},
        {"exp": int(time.time()) - 3600},
        {"iat": int(time.time()) - 3600},
        # Long after these tests, however long after this line they run.
        {"iat": int(time.time()) + 24 * 3600},
        {"exp": None},
        {"nonce": "another"},
        {"sub": ""},
        {CLAIM + "deployment_id": "2"},
        {CLAIM + "version": "1.1.0"},
        {CLAIM + "message_type": "LtiSubmissionReviewRequest"},
        {CLAIM + "resource_link": {}},
        {CLAIM + "target_link_uri": "https://evil.example/hub/lti/launch"},
    ],
    ids=lambda changed: next(iter(changed)).rpartition("/")[2],
)
def test_a_launch_that_says_something_else_is_refused(school, browser, changed):
    _, asked = school.begin(browser, school.moodle)
    claims = school.moodle.claims("7", nonce=asked["nonce"]) | changed
    refused(school, browser, school.moodle.sign(claims), asked["state"])


def test_several_audiences_need_to_name_us_as_the_one_that_is_meant(school, browser):
    _, asked = school.begin(browser, school.moodle)
    claims = school.moodle.claims("7", nonce=asked["nonce"])
    both = claims | {"aud": [school.moodle.client_id, "another-tool"]}
    refused(school, browser, school.moodle.sign(both), asked["state"])
    _, asked = school.begin(browser, school.moodle)
    meant = both | {"nonce": asked["nonce"], "azp": school.moodle.client_id}
    assert school.end(browser, school.moodle.sign(meant), asked["state"]).status_code == httpx.codes.FOUND


def test_only_the_platform_s_own_signature_counts(school, browser):
    """Not none, not one by the public key as a secret, not another's under a known number, not one with its own key."""
    plays, foreign = school.moodle, Key()
    pem = plays.key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def by_secret(claims):
        # The library refuses to sign so, and an attacker does not.
        def part(what):
            return base64.urlsafe_b64encode(json.dumps(what).encode()).rstrip(b"=")

        head = part({"alg": "HS256", "typ": "JWT", "kid": plays.key.kid}) + b"." + part(claims)
        mac = hmac.new(pem, head, hashlib.sha256).digest()
        return (head + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()

    forged = [
        lambda claims: jwt.encode(claims, None, algorithm="none", headers={"kid": plays.key.kid}),
        by_secret,
        lambda claims: jwt.encode(claims, foreign.private, algorithm="RS256", headers={"kid": plays.key.kid}),
        lambda claims: plays.sign(claims, key=foreign, jwk=foreign.public, jku=f"{school.canvas.url}/keys"),
        lambda claims: plays.sign(claims)[:-6] + "AAAAAA",
        school.canvas.sign,
        lambda claims: plays.sign(claims, algorithm="RS512"),
        lambda _: "no token",
        lambda _: "",
    ]
    for forge in forged:
        _, asked = school.begin(browser, plays)
        refused(school, browser, forge(plays.claims("7", nonce=asked["nonce"])), asked["state"])


def test_what_one_platform_signs_is_good_for_that_platform_only(school, browser):
    _, asked = school.begin(browser, school.moodle)
    claims = school.canvas.claims("7", nonce=asked["nonce"])
    refused(school, browser, school.canvas.sign(claims), asked["state"])


def test_a_launch_is_good_once_and_in_the_browser_that_began_it(school, browser):
    plays, victim = school.moodle, school.hub.browser()
    _, asked = school.begin(browser, plays)
    token = plays.sign(plays.claims("7", nonce=asked["nonce"]))
    # Somebody else's browser has no cookie of it: nobody can be signed in as the attacker, or by a stolen answer.
    refused(school, victim, token, asked["state"], httpx.codes.BAD_REQUEST)
    cookies = dict(browser.client.cookies)
    assert school.end(browser, token, asked["state"]).status_code == httpx.codes.FOUND
    # The same again, with the browser's cookies of then put back.
    thief = school.hub.browser()
    for name, value in cookies.items():
        thief.client.cookies.set(name, value)
    answer = school.end(thief, token, asked["state"])
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "used already" in answer.text
    assert not thief.is_signed_in


def test_a_state_of_another_sign_in_does_not_serve(school, browser):
    _, first = school.begin(browser, school.moodle)
    _, second = school.begin(browser, school.moodle)
    token = school.moodle.sign(school.moodle.claims("7", nonce=first["nonce"]))
    refused(school, browser, token, second["state"])
    refused(school, browser, token, "made-up", httpx.codes.BAD_REQUEST)


def test_a_sign_in_that_took_too_long_begins_again(school, browser):
    _, asked = school.begin(browser, school.moodle)
    token = school.moodle.sign(school.moodle.claims("7", nonce=asked["nonce"]))
    school.hub.pass_time(601)
    answer = refused(school, browser, token, asked["state"])
    school.hub.pass_time(-601)
    assert "took too long" in answer.text


@pytest.mark.parametrize(
    "changed",
    [
        {"target_link_uri": "https://evil.example/hub/lti/launch"},
        {"target_link_uri": "//evil.example/hub/"},
        {"target_link_uri": "javascript:alert(1)"},
        {"target_link_uri": ""},
        {"iss": "https://evil.example"},
        {"client_id": "another"},
        {"login_hint": ""},
    ],
)
def test_a_sign_in_that_begins_wrongly_leads_nowhere(school, browser, changed):
    leaves, _ = school.begin(browser, school.moodle, **changed)
    assert leaves.status_code == httpx.codes.BAD_REQUEST
    assert "Location" not in leaves.headers


def test_keys_are_fetched_again_when_the_platform_has_new_ones_and_not_for_every_unknown_one(school, browser):
    plays = school.canvas
    school.come(browser, plays)

    def questions():
        return sum(path == "/keys" for _, path, _, _ in plays.asked)

    before, former = questions(), plays.key
    plays.key = Key()
    school.hub.pass_time(31)
    for _ in range(3):
        assert school.come(school.hub.browser(), plays).status_code == httpx.codes.FORBIDDEN
    assert questions() == before + 1
    plays.published = [plays.key]
    school.hub.pass_time(31)
    assert school.come(browser, plays).status_code == httpx.codes.FOUND
    # A key that the platform has taken away signs nobody in any more.
    plays.key = former
    assert school.come(school.hub.browser(), plays).status_code == httpx.codes.FORBIDDEN
    plays.key, plays.published = former, [former]
    school.hub.pass_time(31)
    assert school.come(browser, plays).status_code == httpx.codes.FOUND
    school.hub.pass_time(-school.hub.ahead)


def test_an_administrator_finds_the_registration(school, browser):
    found = browser.get("/hub/lti/config.json").json()
    assert found["oidc_initiation_url"] == f"{school.hub.url}/hub/lti/login"
    assert found["redirect_uris"] == [f"{school.hub.url}/hub/lti/launch"]
    assert found["public_jwk_url"] == f"{school.hub.url}/services/studyhall/lti/jwks.json"


def test_no_local_account_has_a_name_like_those_from_platforms(school):
    refusal = school.hub.operator("new", "lti-abc")
    assert "cannot be a user name" in refusal.stderr
