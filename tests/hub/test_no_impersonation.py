"""Nobody acts as somebody else: whatever role a person has, another person's server and account stay shut."""

import httpx
import pytest
from studyhall_hub import permissions

OF_OTHERS = (
    "access:servers",
    "admin:",
    "servers",
    "start:servers",
    "stop:servers",
    "delete:servers",
    "users",
    "delete:users",
    "tokens",
    "shares",
    "groups",
    "read:tokens",
    "proxy",
    "shutdown",
)
"""Scopes that would let somebody into what belongs to another person, unless they are narrowed to oneself."""


def reaches_others(scope):
    base, _, narrowed = scope.partition("!")
    if narrowed in {"user", "server"} or base == "self":
        return False
    return any(base == other or (other.endswith(":") and base.startswith(other)) for other in OF_OTHERS)


@pytest.mark.parametrize("membership", [False, True])
def test_no_role_of_a_person_reaches_what_belongs_to_others(membership):
    made = permissions.roles(["python-foundations"], supervised=True, membership=membership)
    of_people = [role for role in made if "services" not in role]
    assert {name for role in of_people for name in role.get("groups", ())} >= set(permissions.COHORT_GROUPS)
    for role in of_people:
        wide = sorted(scope for scope in role["scopes"] if reaches_others(scope))
        assert wide == [], role["name"]
    # The hub's own administrators could enter every server: no role of ours is theirs, and nobody is made one.
    assert "admin" not in {role["name"] for role in made}


def test_who_runs_the_cohort_enters_nobody_s_server(lea, person, hub):
    """Ines owns the cohort and teaches; Lea's server runs."""
    assert "cohort:owners" in hub.model("ines")["groups"]
    assert hub.model("ines")["admin"] is False
    ines = person("ines")
    ines.sign_in()
    refused = {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}
    assert ines.browser.get("/user/lea/lab").status_code in refused
    assert ines.browser.get("/user/lea/api/contents").status_code in refused
    assert ines.browser.get("/hub/admin").status_code in refused
    xsrf = {"X-XSRFToken": ines.xsrf("/hub/")}
    for method, path in (
        ("POST", "/users/lea/tokens"),
        ("GET", "/users/lea/tokens"),
        ("DELETE", "/users/lea/server"),
        ("POST", "/groups/cohort:owners/users"),
        ("POST", "/users/somebody"),
    ):
        answer = ines.browser.request(method, f"/hub/api{path}", headers=xsrf, json={"users": ["lea"]})
        assert answer.status_code in refused, (method, path, answer.status_code)
    assert hub.model("lea")["servers"][""]["ready"], "her server still runs"
