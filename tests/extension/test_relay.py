"""Only learner routes pass, as they are, with the server's token and nothing of the browser's."""

import asyncio
import json
import re
import uuid

import pytest
from studyhall_extension.relay import passed_query
from studyhall_extension.routes import RELAYED
from tornado.httputil import parse_cookie

IDENTIFIER = "0d9c34a8-0000-4000-8000-000000000001"
EXAMPLES = {"course": "python-foundations", "lesson": "loops", "quiz": "names-quiz", "id": IDENTIFIER}
STAFF = [
    "/staff/courses",
    "/staff/courses/python-foundations/assignments",
    "/staff/courses/python-foundations/attempts",
    "/staff/courses/python-foundations/releases",
    f"/staff/attempts/{IDENTIFIER}",
    f"/staff/attempts/{IDENTIFIER}/notebooks/x",
    "/staff/dead-letters",
    f"/staff/dead-letters/{IDENTIFIER}/requeue",
]
UNKNOWN = [
    "/",
    "/unknown",
    "/courses/python-foundations",
    "/courses/python-foundations/lessons/loops/start",
    "/courses/../staff/courses",
    "/courses/%2e%2e/outline",
    "/courses/a%2f..%2f..%2fstaff/outline",
    "/courses/..%5cstaff/outline",
    "/courses/a/outline/../../../staff/courses",
    "/submissions/not-a-uuid",
    f"/submissions/{IDENTIFIER}/../../staff/courses",
    f"/submissions/{IDENTIFIER}%3fx=1",
    "//staff/courses",
    "/me/",
    "/quizzes/%00",
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def example(path):
    return re.sub(r"\{(\w+)\}", lambda match: EXAMPLES[match[1]], path)


@pytest.mark.parametrize("route", RELAYED, ids=lambda route: f"{route.method} {route.path}")
async def test_a_learner_route_is_passed_on(route, ask, classroom):
    path = example(route.path)
    body = None if route.method == "GET" else {"answers": [{"question_id": "q1"}]}
    reply = await ask(route.method, f"{path}?limit=5&name=a%20b", body)
    assert reply.status == 200
    assert reply.data == {"method": route.method, "path": path}
    request = classroom.requests[-1]
    assert (request.method, request.path, request.query) == (route.method, path, "limit=5&name=a+b")
    if body is not None:
        assert request.json == body


async def test_no_staff_route_is_in_the_list():
    assert not [route for route in RELAYED if "staff" in route.path]
    assert len(RELAYED) == len(set(RELAYED))


@pytest.mark.parametrize("path", STAFF + UNKNOWN)
async def test_staff_and_unknown_routes_are_not_found_and_never_passed_on(path, ask, classroom):
    for method in METHODS:
        reply = await ask(method, path, None if method == "GET" else {})
        assert reply.status == 404, method
        assert reply.error["code"] == "not_found"
    assert classroom.requests == []


async def test_a_method_outside_the_list_is_not_passed_on(ask, classroom):
    allowed = {}
    for route in RELAYED:
        allowed.setdefault(route.path, set()).add(route.method)
    for path, methods in allowed.items():
        for method in set(METHODS) - methods:
            reply = await ask(method, example(path), None if method == "GET" else {})
            assert reply.status == 405, (method, path)
            assert reply.error["code"] == "method_not_allowed"
    assert classroom.requests == []


async def test_the_token_goes_along_and_the_browsers_secrets_stay(ask, classroom, jp_serverapp):
    jupyter_token = jp_serverapp.identity_provider.token
    await ask(
        "GET",
        f"/courses?page=2&token={jupyter_token}&_xsrf=secret-x&no_track_activity=1",
        headers={
            "Cookie": "session=secret-c; _xsrf=secret-x",
            "X-XSRFToken": "secret-x",
            "Referer": "http://r",
        },
    )
    request = classroom.requests[-1]
    assert request.headers["Authorization"] == "token the-learner's-own-hub-token"
    assert request.query == "page=2"
    assert set(request.headers) == {
        "Accept",
        "Accept-Encoding",
        "Authorization",
        "Connection",
        "Host",
        "User-Agent",
        "X-Request-Id",
    }


async def test_the_request_is_named_end_to_end(ask, classroom):
    given = await ask("GET", "/me", headers={"X-Request-ID": "press-17"})
    assert classroom.requests[-1].headers["X-Request-ID"] == "press-17"
    assert given.headers["X-Request-ID"] == "press-17"
    made = await ask("GET", "/me", headers={"X-Request-ID": "no spaces, please"})
    uuid.UUID(made.headers["X-Request-ID"])
    assert classroom.requests[-1].headers["X-Request-ID"] == made.headers["X-Request-ID"]


async def test_the_idempotency_key_is_passed_on_and_checked(ask, classroom):
    await ask("POST", "/quizzes/q/attempts", {"course": "c"}, headers={"Idempotency-Key": IDENTIFIER})
    assert classroom.requests[-1].headers["Idempotency-Key"] == IDENTIFIER
    reply = await ask("POST", "/quizzes/q/attempts", {}, headers={"Idempotency-Key": "a b"})
    assert reply.status == 422
    assert len(classroom.requests) == 1


@pytest.mark.parametrize("raw", [b"not json", b"[1]", b'"text"', b"[" * 100_000, b"\xff\xfe"])
async def test_only_json_objects_are_passed_on(raw, ask, classroom):
    reply = await ask("PATCH", "/me", raw=raw)
    assert reply.status == 422
    assert reply.error["code"] == "validation"
    assert classroom.requests == []


async def test_a_body_that_is_too_large_is_not_passed_on(ask, classroom):
    reply = await ask("PATCH", "/me", {"timezone": "x" * 1_000_001})
    assert reply.status == 413
    assert classroom.requests == []


async def test_a_post_without_body_passes(ask, classroom):
    assert (await ask("POST", f"/submissions/{IDENTIFIER}/ai-review")).status == 200
    assert classroom.requests[-1].body == b""


async def test_refusals_come_back_in_the_services_words(ask, classroom, scripted, refused):
    classroom.script = [scripted(429, refused("rate_limited", "Wait a moment."), {"Retry-After": "7"})]
    reply = await ask("GET", "/courses")
    assert (reply.status, reply.error["code"], reply.error["message"]) == (
        429,
        "rate_limited",
        "Wait a moment.",
    )
    assert reply.headers["Retry-After"] == "7"
    classroom.script = [scripted(204)]
    reply = await ask("PATCH", "/rewards/preferences", {"leaderboard_visible": True})
    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, "<html>Bad gateway nginx</html>"),
        (200, "<html>Log in to the wifi</html>"),
        (500, ""),
        (200, {"a": 1}),
    ],
)
async def test_another_servers_words_are_not_shown(status, body, ask, classroom, scripted):
    classroom.script = [scripted(status, body)]
    reply = await ask("GET", "/courses")
    assert reply.status == 503
    assert reply.error["code"] == "service_unavailable"
    assert b"html" not in reply.body


async def test_a_redirect_is_not_followed(ask, classroom, scripted):
    classroom.script = [scripted(302, "", {"Location": "http://127.0.0.1:9/steal"})]
    reply = await ask("GET", "/courses")
    assert reply.status == 503
    assert len(classroom.requests) == 1


async def test_cookies_of_the_service_do_not_reach_the_browser(ask, classroom, scripted, refused):
    inner = {"Set-Cookie": "service=1", "X-In": "1"}
    classroom.script = [scripted(403, refused("forbidden", "No."), inner)]
    reply = await ask("GET", "/courses")
    assert "service" not in parse_cookie(reply.headers.get("Set-Cookie", ""))
    assert "X-In" not in reply.headers


async def test_a_service_that_is_down_gets_a_sentence_with_the_way_out(ask, classroom):
    await classroom.down()
    reply = await ask("GET", "/courses")
    assert reply.status == 503
    assert reply.envelope["success"] is False
    assert reply.envelope["meta"]["request_id"] == reply.headers["X-Request-ID"]
    assert reply.error == {
        "code": "service_unavailable",
        "message": "The classroom can't be reached right now. Your files are safe here; try again in a minute.",
        "details": [],
    }
    await classroom.up()
    assert (await ask("GET", "/courses")).status == 200


async def test_without_a_token_nothing_is_asked(ask, classroom, monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN")
    reply = await ask("GET", "/courses")
    assert (reply.status, reply.error["code"]) == (503, "service_unavailable")
    assert "hub" in reply.error["message"]
    assert classroom.requests == []


class TestASlowService:
    @pytest.fixture
    def extension_settings(self):
        return {"request_timeout": 0.2}

    async def test_is_given_up(self, ask, classroom):
        classroom.open_gate.clear()
        reply = await ask("GET", "/courses")
        assert (reply.status, reply.error["code"]) == (503, "service_unavailable")

    async def test_others_are_not_held_up_by_it(self, extension, ask, classroom):
        extension.service.request_timeout = 120
        classroom.open_gate.clear()
        slow = [asyncio.ensure_future(ask("GET", "/courses")) for _ in range(30)]
        await classroom.until(lambda: len(classroom.requests) == 30)
        assert (await ask("GET", "/outbox")).status == 200
        classroom.open_gate.set()
        assert {reply.status for reply in await asyncio.gather(*slow)} == {200}


class TestAServerOutsideAnyClassroom:
    @pytest.fixture
    def extension_settings(self):
        return {"service_url": ""}

    async def test_says_so(self, ask):
        reply = await ask("GET", "/courses")
        assert (reply.status, reply.error["code"]) == (503, "service_unavailable")
        assert "isn't connected to a classroom" in reply.error["message"]


class TestAWrongAddress(TestAServerOutsideAnyClassroom):
    @pytest.fixture(params=["classroom", "ftp://x", "http://", "http://user:pw@host/x", "http://h/x?y"])
    def extension_settings(self, request):
        return {"service_url": request.param}


def test_the_query_keeps_blank_and_repeated_values():
    assert passed_query("a=1&a=2&b=&token=t&_xsrf=x&no_track_activity=1&c=%26") == "a=1&a=2&b=&c=%26"
    assert passed_query("page=2&1795262541445") == "page=2", "what JupyterLab adds against caches stays here"


async def test_errors_are_json_with_an_envelope(ask):
    reply = await ask("GET", "/nothing")
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.headers["Cache-Control"] == "no-store"
    assert set(json.loads(reply.body)) == {"success", "data", "meta", "error"}
