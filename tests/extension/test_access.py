"""Every route has a login decision, only the owner writes, and Jupyter's own protections stand."""

import re

import pytest
from jupyter_server.auth import Authorizer, IdentityProvider, User
from studyhall_extension.routes import PREFIX, RELAYED, build_routes

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
IDENTIFIER = "0d9c34a8-0000-4000-8000-000000000001"


def every_path():
    """One example path of every route in the extension's own table, relayed or not."""
    table = build_routes(
        service=None,
        lessons=None,
        sender=None,
        local_events=None,
        streams=None,
        timing=None,
        recogniser=None,
        runs=None,
    )
    for pattern, _, _ in table:
        path = re.sub(r"\(\?P<(id|key)>[^)]*\)[^)]*\)", IDENTIFIER, pattern)
        path = re.sub(r"\(\?P<\w+>[^)]*\)", "name", path)
        yield path.replace("(?:/.*)?", "/anything").removeprefix(PREFIX)


PATHS = list(every_path())


def test_the_walk_reaches_every_route():
    assert len(PATHS) == 9 + len({route.path for route in RELAYED})
    assert f"/submissions/{IDENTIFIER}/ai-review" in PATHS
    assert "/courses/name/lessons/name/open" in PATHS
    assert "/studyhall/anything" in PATHS


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_gets_in_without_logging_in(path, ask, classroom, outbox_files):
    for method in METHODS:
        reply = await ask(method, path, None if method == "GET" else {}, auth=False)
        assert reply.status in (403, 405), (method, path)
        if reply.status == 403:
            assert reply.error["code"] == "forbidden"
    assert (await ask("GET", path, auth=False)).status in (403, 405)
    assert classroom.requests == []
    assert outbox_files() == []


class Nothing(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return False


class OnlyReading(Authorizer):
    seen: list = []  # noqa: RUF012 - the server makes the instance, the test reads the class

    def is_authorized(self, handler, user, action, resource):
        self.seen.append((handler.request.method, action, resource))
        return action == "read"


class TestWithoutPermission:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ServerApp"]["authorizer_class"] = Nothing
        return jp_server_config

    @pytest.mark.parametrize("path", PATHS)
    async def test_every_route_asks_the_authorizer(self, path, ask, classroom):
        for method in METHODS:
            reply = await ask(method, path, None if method == "GET" else {})
            assert reply.status in (403, 405), (method, path)
        assert classroom.requests == []


class TestWithPermissionToRead:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        jp_server_config["ServerApp"]["authorizer_class"] = OnlyReading
        OnlyReading.seen.clear()
        return jp_server_config

    async def test_no_read_permission_guards_a_write(self, ask, classroom):
        assert (await ask("GET", "/me")).status == 200
        for path in PATHS:
            for method in METHODS[1:]:
                assert (await ask(method, path, {})).status in (403, 405)
        assert [request.method for request in classroom.requests] == ["GET"]
        assert {resource for _, _, resource in OnlyReading.seen} == {"studyhall"}
        assert {action for method, action, _ in OnlyReading.seen if method != "GET"} == {"write"}


class Visitors(IdentityProvider):
    """Says who somebody is by a header, as a hub does by its own means."""

    def get_user(self, handler):
        name = handler.request.headers.get("X-Test-User")
        return User(username=name) if name else None


class TestAServerOfSomebody:
    @pytest.fixture
    def jp_server_config(self, jp_server_config, monkeypatch):
        jp_server_config["ServerApp"]["identity_provider_class"] = Visitors
        jp_server_config["ServerApp"]["disable_check_xsrf"] = True
        monkeypatch.setenv("JUPYTERHUB_USER", "ada")
        return jp_server_config

    @pytest.fixture
    def jp_auth_header(self):
        return {}

    async def test_the_owner_works(self, ask):
        reply = await ask("PATCH", "/me", {"timezone": "UTC"}, headers={"X-Test-User": "ada"})
        assert reply.status == 200

    async def test_a_visitor_looks(self, ask):
        assert (await ask("GET", "/courses", headers={"X-Test-User": "eve"})).status == 200
        assert (await ask("GET", "/outbox", headers={"X-Test-User": "eve"})).status == 200

    async def test_a_visitor_changes_nothing_in_the_owners_name(
        self, ask, classroom, folder, make_notebook, outbox_files
    ):
        folder.mkdir(parents=True)
        (folder / "values-and-names.ipynb").write_text(make_notebook("x = 1"))
        for path in PATHS:
            for method in METHODS[1:]:
                reply = await ask(method, path, {}, headers={"X-Test-User": "eve"})
                assert (reply.status, reply.error["code"]) == (403, "not_the_owner"), (method, path)
        assert "somebody else's" in reply.error["message"]
        assert classroom.requests == []
        assert outbox_files() == []

    async def test_a_body_naming_another_learner_changes_nothing(self, ask, classroom):
        """Who submits is decided by the token alone; the name is only data that the service ignores."""
        await ask("PATCH", "/me", {"username": "eve", "timezone": "UTC"}, headers={"X-Test-User": "ada"})
        assert classroom.requests[-1].headers["Authorization"] == "token the-learner's-own-hub-token"


async def test_a_cookie_alone_does_not_change_anything(ask, classroom, jp_serverapp, http_server_client):
    """A page elsewhere can make the browser send the login cookie, but not the anti-forgery token."""
    token = jp_serverapp.identity_provider.token
    login = await http_server_client.fetch(
        f"{jp_serverapp.base_url}login?token={token}", follow_redirects=False, raise_error=False
    )
    cookies = "; ".join(value.partition(";")[0] for value in login.headers.get_list("Set-Cookie"))
    assert (await ask("GET", "/me", auth=False, headers={"Cookie": cookies})).status in (200, 403)
    reply = await ask("PATCH", "/me", {}, auth=False, headers={"Cookie": cookies})
    assert (reply.status, reply.error["code"]) == (403, "forbidden")
    assert classroom.asked("PATCH", "/me") == []


async def test_another_origin_is_refused(ask, classroom):
    reply = await ask("GET", "/me", headers={"Origin": "http://evil.example"}, auth=False)
    assert reply.status in (403, 404)
    assert classroom.requests == []


async def test_polling_can_leave_the_idle_clock_alone(ask, jp_serverapp):
    before = jp_serverapp.web_app.settings.get("api_last_activity")
    await ask("GET", "/submissions?no_track_activity=1")
    assert jp_serverapp.web_app.settings.get("api_last_activity") == before
    await ask("GET", "/submissions")
    assert jp_serverapp.web_app.settings.get("api_last_activity") != before
