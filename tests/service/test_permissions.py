"""The permission table, walked from the routes: every route, every kind of token."""

import re
import uuid
from urllib.parse import urlencode

import pytest
from classrooms import ADMIN_SCOPES, LEARNER_SCOPES, STAFF_SCOPES
from sqlalchemy import update
from studyhall.app import documented_routes
from studyhall.identity.service import ensure_user
from studyhall.members.models import CohortRoleGrant
from studyhall.organizations.models import Cohort
from studyhall.organizations.service import ensure_cohort
from studyhall.permissions import (
    ADMINISTRATION,
    EVERYONE,
    GRADING_STAFF,
    NEEDS,
    OF_NOBODY,
    TEACHING_STAFF,
    CohortRole,
    Permission,
    Role,
    Scope,
    role_grants,
)

ROUTES = [route for route in documented_routes() if route.kind != "stream"]
HUBS = [route for route in ROUTES if route.path.startswith("/hub/")]
STAFF = [route for route in ROUTES if route.path.startswith("/staff/")]
ADMIN = [route for route in ROUTES if route.path.startswith("/admin/")]
NAMES = [f"{route.method} {route.path}" for route in ROUTES]

# What each role may ask for with a token that carries all of its scopes. Written by hand: the code has to agree.
LEARNERS_MAY = {
    "profile:read",
    "profile:write",
    "courses:read",
    "lessons:start",
    "submissions:read",
    "submissions:create",
    "events:read",
    "quizzes:read",
    "quizzes:answer",
    "rewards:read",
    "rewards:write",
    "ai_reviews:read",
    "ai_reviews:create",
    "notifications:read",
    "notifications:write",
    "exchange:read",
}
GRADERS_MAY = LEARNERS_MAY | {
    "staff:courses:read",
    "staff:attempts:read",
    "staff:exchange:read",
    "staff:exchange:write",
    "staff:regrades:read",
    "staff:grades:read",
    "staff:grades:write",
    "staff:grades:export",
}
INSTRUCTORS_MAY = GRADERS_MAY | {
    "staff:grades:release",
    "staff:policies:write",
    "staff:audit:read",
    "staff:releases:create",
    "staff:regrades:create",
    "staff:regrades:decide",
    "staff:dead_letters:read",
    "staff:dead_letters:requeue",
    "staff:platforms:read",
    "staff:platforms:synchronize",
}
MODERATORS_MAY = {"admin:cohort:read", "admin:members:read"}
ADMINS_MAY = MODERATORS_MAY | {
    "admin:cohort:write",
    "admin:members:write",
    "admin:roles:write",
    "admin:joins:read",
    "admin:joins:decide",
    "admin:audit:read",
}
OWNERS_MAY = ADMINS_MAY | {"admin:cohorts:read"}
TABLE = {
    Role.LEARNER: LEARNERS_MAY,
    Role.GRADER: GRADERS_MAY,
    Role.INSTRUCTOR: INSTRUCTORS_MAY,
    CohortRole.MODERATOR: MODERATORS_MAY,
    CohortRole.ADMIN: ADMINS_MAY,
    CohortRole.ORG_OWNER: OWNERS_MAY,
    CohortRole.SYSTEM_ADMIN: OWNERS_MAY,
}
ANYBODY_MAY = {permission.value for permission, (_, roles) in NEEDS.items() if not roles}
"""What takes no role: whoever is a member holds it."""


@pytest.mark.parametrize("role", TABLE)
def test_each_role_holds_just_its_permissions(role):
    held = {permission.value for permission in Permission if role_grants(permission, role)}
    assert held == TABLE[role] | ANYBODY_MAY | {"public"}


def test_what_takes_no_role_is_ones_own():
    assert (
        LEARNERS_MAY
        > ANYBODY_MAY
        == {
            "profile:read",
            "profile:write",
            "courses:read",
            "events:read",
            "rewards:read",
            "rewards:write",
            "notifications:read",
            "notifications:write",
        }
    )


def test_every_permission_says_what_it_needs():
    assert set(NEEDS) == set(Permission) - OF_NOBODY


def test_every_route_asks_for_a_permission():
    for route in documented_routes():
        assert route.permission is not Permission.PUBLIC, route.path


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_no_read_permission_guards_a_write(route):
    reads = route.permission.value.endswith(":read")
    # An export is written down in the audit log, so it asks for more than to read.
    assert reads == (route.method == "GET" and not route.permission.value.endswith(":export"))


def test_only_the_hubs_own_routes_are_the_hubs():
    assert HUBS == [route for route in ROUTES if route.permission is Permission.HUB] != []


@pytest.mark.parametrize("route", STAFF, ids=[f"{route.method} {route.path}" for route in STAFF])
def test_staff_routes_need_a_staff_scope_and_a_staff_role(route):
    scopes, roles = NEEDS[route.permission]
    assert Scope.LEARNER not in scopes
    assert roles
    assert roles <= GRADING_STAFF
    assert TEACHING_STAFF <= roles < EVERYONE


def filled(route, course="python-foundations"):
    path = route.path.replace("{course}", course).replace("{lesson}", "values-and-names")
    path = re.sub(r"{\w+}", lambda _: str(uuid.uuid4()), path)
    query = smallest(route.query.model_json_schema())
    return f"{path}?{urlencode(query)}" if query else path


def smallest(schema, definitions=None):
    """Return a value with just what a schema requires, so that a request is refused for nothing but its sender."""
    definitions = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        found = {
            name: smallest(schema["properties"][name], definitions) for name in schema.get("required", ())
        }
        if schema.get("minProperties"):
            found["a"] = smallest(schema["additionalProperties"], definitions)
        return found
    if schema.get("type") == "array":
        return [smallest(schema["items"], definitions)] * schema.get("minItems", 0)
    texts = {"uuid": str(uuid.uuid4()), "date-time": "2030-01-01T00:00:00Z"}
    text = texts.get(schema.get("format"), "a" * schema.get("minLength", 1))
    number = max(schema.get("minimum", 0), 0)
    return {"string": text, "number": number, "integer": number, "boolean": False}.get(schema.get("type"))


def test_routes_of_administration_take_its_scope_and_a_role_in_the_cohort():
    assert len(ADMIN) >= 12
    for route in ADMIN:
        scopes, roles = NEEDS[route.permission]
        assert scopes == {Scope.ADMIN}
        assert {CohortRole.ORG_OWNER, CohortRole.SYSTEM_ADMIN} <= roles <= ADMINISTRATION
    assert all(Scope.ADMIN not in NEEDS[route.permission][0] for route in ROUTES if route not in ADMIN + HUBS)


@pytest.mark.asyncio
async def test_every_route_refuses_without_a_sign_in(classroom):
    for route in ROUTES:
        await classroom.error(route.method, filled(route), status=401, code="not_signed_in", json={})


@pytest.mark.asyncio
async def test_an_instructors_own_server_token_opens_no_staff_route(classroom):
    server = classroom.token("ines", LEARNER_SCOPES, groups=["course:python-foundations:instructors"])
    assert len(STAFF) >= 8
    for route in STAFF:
        await classroom.error(
            route.method, filled(route), token=server, status=403, code="forbidden", json={}
        )


@pytest.mark.asyncio
async def test_a_token_without_our_scopes_opens_nothing(classroom):
    bare = classroom.token("lea", ["read:users:name!user"])
    for route in ROUTES:
        await classroom.error(route.method, filled(route), token=bare, status=403, code="forbidden", json={})


@pytest.mark.asyncio
async def test_the_hubs_door_opens_to_its_own_token_only(classroom):
    for route in HUBS:
        for token in (classroom.token("ines", STAFF_SCOPES), "service-token2", "service-toke"):
            await classroom.error(
                route.method, filled(route), token=token, status=403, code="forbidden", json={}
            )
        body = smallest(route.body.model_json_schema()) if route.body else {}
        answer = await classroom.call(route.method, filled(route), token="service-token", json=body)
        assert answer.status_code not in {401, 403}, route.path


@pytest.mark.asyncio
async def test_staff_scopes_without_a_staff_role_open_nothing(classroom):
    token = classroom.token("lea", STAFF_SCOPES)
    for route in STAFF:
        body = smallest(route.body.model_json_schema()) if route.body else {}
        answer = await classroom.call(route.method, filled(route), token=token, json=body)
        if answer.status_code == 200:
            assert answer.json()["data"] == [], route.path
        else:
            assert answer.status_code in {403, 404}, route.path


@pytest.mark.asyncio
async def test_a_scope_for_one_course_does_not_reach_another(classroom):
    narrow = classroom.token(
        "ines", [*LEARNER_SCOPES, "custom:studyhall:teach!group=course:cooking:instructors"]
    )
    await classroom.error(
        "GET", "/staff/courses/python-foundations/assignments", token=narrow, status=403, code="forbidden"
    )
    wide = classroom.token(
        "ines", [*LEARNER_SCOPES, "custom:studyhall:teach!group=course:python-foundations:instructors"]
    )
    rows = await classroom.data("GET", "/staff/courses/python-foundations/assignments", token=wide)
    assert rows[0]["lesson"] == "values-and-names"


@pytest.mark.asyncio
async def test_a_grader_reads_attempts_but_publishes_nothing(classroom):
    token = classroom.token("gabriel", STAFF_SCOPES)
    assert await classroom.data("GET", "/staff/courses/python-foundations/attempts", token=token) == []
    await classroom.error(
        "POST",
        "/staff/courses/python-foundations/releases",
        token=token,
        json={"files": []},
        status=403,
        code="forbidden",
    )


@pytest.mark.asyncio
async def test_a_role_that_is_taken_away_or_given_counts_from_the_next_request_on(classroom):
    token = classroom.token("gabriel", STAFF_SCOPES)
    path = "/staff/courses/python-foundations/attempts"
    await classroom.data("GET", path, token=token)
    await classroom.add_person("gabriel", Role.LEARNER)
    await classroom.error("GET", path, token=token, status=403, code="forbidden")
    assert (await classroom.data("GET", "/me", token=token))["roles"] == {"python-foundations": "learner"}
    await classroom.add_person("gabriel", Role.GRADER)
    await classroom.data("GET", path, token=token)


EVERY_SCOPE = [*STAFF_SCOPES, *ADMIN_SCOPES]
PEOPLE = {**{role.value: role for role in TABLE}, "outsider": None}
"""Somebody of each role, by that name, and one who is in another cohort only."""


BODIES = {
    # Where the description of a body does not say everything that is asked of it.
    ("PATCH", "/me"): {"timezone": "UTC"},
}


async def may_enter(classroom, route, token):
    """Say whether a request gets past the permission; None where the answer does not tell that."""
    body = BODIES.get((route.method, route.path)) or (
        smallest(route.body.model_json_schema()) if route.body else {}
    )
    answer = await classroom.call(route.method, filled(route), token=token, json=body)
    assert answer.status_code < 500, (route.path, answer.text)
    refused = answer.json()["error"] if answer.status_code >= 400 else None
    if refused and refused["code"] in {"not_json", "validation_error", "key_missing"}:
        return None  # said before anybody's role is looked at
    return not (refused and answer.status_code == 403 and refused["code"] != "role_refused")


def allowed_to(name, route):
    """Return what the table written by hand says of somebody, by the name of their role."""
    role = PEOPLE[name]
    if role is None or (isinstance(role, CohortRole) and "{course}" in route.path and route not in ADMIN):
        return False  # in another cohort, or not in the course
    return route.permission.value in TABLE[role] | ANYBODY_MAY


async def two_cohorts(classroom):
    """Make a person of each role, here and in a cohort of another organisation; return the tokens of all of them."""
    async with classroom.session() as session:
        foreign = (await ensure_cohort(session, organization="rival", cohort="rival")).id
        # Nobody is a member just because the hub lets them in.
        await session.execute(update(Cohort).values(mail_domains=["school.example"]))
    for name, role in PEOPLE.items():
        if isinstance(role, Role):
            await classroom.add_person(name, role)
        elif role is not None:
            await classroom.add_cohort_role(name, role)
    async with classroom.session(foreign) as session:
        for role in CohortRole:
            user = await ensure_user(session, username=f"foreign-{role.value}")
            grant = CohortRoleGrant(
                cohort_id=foreign,
                user_id=user.id,
                role=role.value,
                granted_by="test",
                granted_at=classroom.clock(),
            )
            session.add(grant)
        await ensure_user(session, username="outsider")
    here = {name: classroom.token(name, EVERY_SCOPE) for name in PEOPLE}
    return here, [classroom.token(f"foreign-{role.value}", EVERY_SCOPE) for role in CohortRole]


@pytest.mark.asyncio
async def test_each_role_over_each_route_in_its_own_and_in_a_foreign_cohort(classroom):
    """Everybody asks for every route with every scope, so that only their role decides."""
    here, strangers = await two_cohorts(classroom)
    told = 0
    for route in [route for route in ROUTES if route not in HUBS]:
        # Where no path names the course, members see what is theirs, which is nothing for some: the answer does not
        # tell a permission. Whoever is no member is refused everywhere.
        tells = route in ADMIN or "{course}" in route.path
        for name, token in here.items() if tells else [("outsider", here["outsider"])]:
            entered = await may_enter(classroom, route, token)
            told += entered is not None
            assert entered in {None, allowed_to(name, route)}, (name, route.method, route.path)
        for token in strangers if route in ADMIN else strangers[:1]:
            assert await may_enter(classroom, route, token) in {None, False}, (route.method, route.path)
    assert told > 300
