"""Joining a cohort: the rules as properties, what the hub is told, and what operators type."""

import json
import uuid

import pytest
from classrooms import ADMIN_SCOPES
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from studyhall.cli import app
from studyhall.events.models import Event
from studyhall.identity.models import User
from studyhall.members import policy
from studyhall.members.models import CohortRoleGrant, HubGroup, JoinRequest
from studyhall.members.policy import Joining, JoinState, Known, Standing
from studyhall.organizations.models import Cohort
from studyhall.organizations.service import ensure_cohort
from studyhall.permissions import CohortRole, Role
from studyhall.supervisor.postgres import APP
from typer.testing import CliRunner

DOMAINS = st.sampled_from(["school.example", "pupils.school.example", "school.example.org", "other.example"])
MAILS = st.one_of(
    st.none(),
    st.builds("{}@{}".format, st.sampled_from(["lea", "LEA", "l.e+a", "a@b", 'x"y', ""]), DOMAINS),
    st.text(max_size=40),
)
RULES = st.builds(
    Joining,
    mail_domains=st.lists(DOMAINS, max_size=2).map(tuple),
    allow_public_join=st.booleans(),
    require_approval=st.booleans(),
    has_roster=st.booleans(),
)
SITUATIONS = st.fixed_dictionaries(
    {
        "known": st.sampled_from(Known),
        "asked": st.one_of(st.none(), st.sampled_from(JoinState)),
        "verified_mail": MAILS,
        "joining": RULES,
        "takes_members": st.booleans(),
        "has_room": st.booleans(),
    }
)


@given(SITUATIONS)
def test_somebody_new_becomes_a_member_for_a_reason_only(situation):
    joining = situation["joining"]
    if situation["known"] is not Known.NEW or policy.standing_of(**situation) is not Standing.MEMBER:
        return
    mail = situation["verified_mail"] or ""
    of_domain = mail.lower().endswith(tuple(f"@{domain}" for domain in joining.mail_domains) or "\0")
    assert (
        joining.takes_everybody
        or situation["asked"] is JoinState.APPROVED
        or (not joining.require_approval and (of_domain or (joining.allow_public_join and "@" in mail)))
    )
    assert situation["has_room"] or situation["asked"] is JoinState.APPROVED


@given(SITUATIONS)
def test_without_a_verified_address_nobody_joins_or_begins_to_wait(situation):
    joining = situation["joining"]
    new = situation | {"known": Known.NEW, "asked": None, "verified_mail": None}
    standing = policy.standing_of(**new)
    assert standing is Standing.OUTSIDER or (joining.takes_everybody and standing is Standing.MEMBER)


@given(SITUATIONS)
def test_what_was_decided_stands_whatever_the_rules_are(situation):
    standing = policy.standing_of(**situation)
    assert (standing is Standing.REMOVED) == (situation["known"] is Known.REMOVED)
    if situation["known"] is Known.MEMBER:
        assert standing is Standing.MEMBER
    if situation["known"] is Known.NEW:
        assert (standing is Standing.DECLINED) == (situation["asked"] is JoinState.DECLINED)


@given(SITUATIONS)
def test_a_cohort_that_is_over_takes_nobody_who_was_not_let_in_before(situation):
    over = situation | {"known": Known.NEW, "asked": None, "takes_members": False}
    if not situation["joining"].takes_everybody:
        assert policy.standing_of(**over) is Standing.OUTSIDER


@given(st.text(max_size=60), DOMAINS)
def test_only_the_whole_domain_counts(text, domain):
    admits = Joining(mail_domains=(domain,)).admits(text)
    assert admits == (policy.domain_of(text) == domain)
    assert not Joining(mail_domains=(domain,)).admits(f"lea@x{domain}")
    assert not Joining(mail_domains=(domain,)).admits(f"lea@x.{domain}")
    assert not Joining(mail_domains=(domain,)).admits(f"lea@{domain}.evil.example")
    assert not Joining(mail_domains=(domain,)).admits(f"lea@{domain}@evil.example")


GROUPS = st.sets(
    st.sampled_from(
        [
            *policy.COHORT_GROUPS.values(),
            "course:a:graders",
            "course:a:instructors",
            "course:b:graders",
            "chess",
        ]
    )
)


@given(GROUPS, GROUPS, st.dictionaries(st.sampled_from(["cohort:owners", "course:a:graders"]), st.booleans()))
def test_one_step_brings_hub_and_service_in_step(ours, at_hub, told):
    ours = {name for name in ours if policy.is_ours(name)}
    step = policy.step(ours=ours, at_hub=at_hub, told=told, courses={"a"})
    here = (ours - step.taken_at_hub) | step.given_at_hub
    there = (at_hub | step.add) - step.remove
    assert {name for name in there if policy.is_ours(name)} == here
    assert there - here == at_hub - set(filter(policy.is_ours, at_hub)), "others' groups are left alone"
    assert all(told.get(name) for name in step.taken_at_hub), "nothing follows from what never was confirmed"
    assert all(name.startswith("course:a:") for name in step.given_at_hub), "no role in the cohort by the hub"


# ---------------------------------------------------------------- what the hub is told


async def rules(classroom, **values):
    async with classroom.session() as session:
        await session.execute(update(Cohort).where(Cohort.id == classroom.context.cohort_id).values(**values))


async def signs_in(classroom, username, mail=None, *, verified=True, origin="google", **more):
    notice = {"username": username, "email": mail, "email_verified": verified, "origin": origin, **more}
    return await classroom.data("POST", "/hub/sign-ins", token="service-token", json=notice)


@pytest.mark.asyncio
async def test_the_hub_is_told_who_is_a_member_and_why_others_are_not(classroom):
    assert (await signs_in(classroom, "anybody"))["state"] == "member"
    ines = await signs_in(classroom, "ines", origin="file")
    assert ines == {
        "state": "member",
        "sentence": "",
        "groups": ["course:python-foundations:instructors"],
    }
    await rules(classroom, mail_domains=["school.example"], require_approval=False)
    assert (await signs_in(classroom, "eve", "eve@evil.example"))["state"] == "outsider"
    assert (await signs_in(classroom, "eve", "eve@school.example", verified=False))["state"] == "outsider"
    joined = await signs_in(classroom, "emil", "Emil@School.Example", display_name="Emil E.")
    assert joined["state"] == "member"
    assert (await signs_in(classroom, "anybody"))["state"] == "member", "who is in stays in"
    async with classroom.session() as session:
        emil = await session.scalar(select(User).where(User.hub_username == "emil"))
        assert (emil.display_name, emil.email) == ("Emil E.", "Emil@School.Example")
        made = await session.scalars(select(Event).where(Event.type == "user.created"))
        assert sorted(event.data["username"] for event in made) == ["anybody", "emil"]
    await classroom.error("GET", "/courses", token=classroom.token("eve"), status=403, code="not_a_member")


@pytest.mark.asyncio
async def test_who_waits_is_decided_on_and_reads_what_was_decided(classroom):
    await classroom.add_cohort_role("olga", CohortRole.ORG_OWNER)
    olga = classroom.token("olga", ADMIN_SCOPES)
    await rules(classroom, allow_public_join=True)
    for name in ("wanda", "wim", "will"):
        assert (await signs_in(classroom, name, f"{name}@any.example"))["state"] == "waiting"
    assert (await signs_in(classroom, "wanda", "wanda@any.example"))["state"] == "waiting"
    answer = await classroom.call("GET", "/admin/joins?state=waiting&limit=2", token=olga)
    assert answer.json()["meta"]["total"] == 3
    rows = {row["username"]: row["id"] for row in await classroom.data("GET", "/admin/joins", token=olga)}
    decide = {"token": olga, "status": 200}
    stranger = str(uuid.uuid4())
    decided = await classroom.data(
        "POST",
        "/admin/joins/decisions",
        **decide,
        json={"ids": [rows["wanda"], stranger, rows["wanda"]], "decision": "approve"},
    )
    assert decided == {"decided": 1, "left": [{"id": stranger, "why": "There is no such request."}]}
    again = await classroom.data(
        "POST", "/admin/joins/decisions", **decide, json={"ids": [rows["wanda"]], "decision": "approve"}
    )
    assert again["left"][0]["why"] == "wanda is approved already."
    await classroom.data(
        "POST",
        "/admin/joins/decisions",
        **decide,
        json={"ids": [rows["wim"]], "decision": "decline", "reason": "Another class"},
    )
    assert (await signs_in(classroom, "wanda"))["state"] == "member"
    declined = await signs_in(classroom, "wim", "wim@any.example")
    assert declined["state"] == "declined"
    assert "Another class." in declined["sentence"]
    # The plan has room for no more: whoever waits goes on waiting.
    await rules(classroom, plan="free")
    async with classroom.session() as session:
        count = len((await session.scalars(select(User))).all())
        session.add_all(
            User(hub_username=f"full{n}", display_name="x", cohort_id=classroom.context.cohort_id)
            for n in range(25 - count)
        )
    full = await classroom.data(
        "POST", "/admin/joins/decisions", **decide, json={"ids": [rows["will"]], "decision": "approve"}
    )
    assert full == {
        "decided": 0,
        "left": [{"id": rows["will"], "why": "The cohort has as many members as its plan allows."}],
    }


@pytest.mark.asyncio
async def test_nobody_takes_a_name_of_the_roster_by_signing_up_first(classroom):
    async with classroom.session() as session:
        await session.execute(
            update(User).where(User.hub_username == "ines").values(email="ines@school.example")
        )
    thief = await signs_in(classroom, "ines", "eve@evil.example", origin="local")
    assert (thief["state"], thief["groups"]) == ("outsider", [])
    unverified = await signs_in(classroom, "ines", "ines@school.example", verified=False, origin="local")
    assert unverified["state"] == "outsider"
    assert (await signs_in(classroom, "ines", "Ines@school.example", origin="local"))["state"] == "member"
    # Of staff an address has to be known; a learner's place is worth no more than a name.
    assert (await signs_in(classroom, "gabriel", "g@evil.example", origin="local"))["state"] == "outsider"
    assert (await signs_in(classroom, "lea", "lea@any.example", origin="local"))["state"] == "member"
    # Who has been here before is known by their account.
    await classroom.data("GET", "/courses", token=classroom.token("gabriel"))
    assert (await signs_in(classroom, "gabriel", "g@any.example", origin="local"))["state"] == "member"


@pytest.mark.asyncio
async def test_two_cohorts_of_two_organisations_see_nothing_of_each_others_members(classroom):
    async with classroom.session() as session:
        other = (await ensure_cohort(session, organization="rival", cohort="rival")).id
    async with classroom.session(other) as session:
        user = User(hub_username="lea", display_name="Another Lea", cohort_id=other)
        session.add(user)
        await session.flush()
        session.add_all(
            [
                CohortRoleGrant(
                    cohort_id=other,
                    user_id=user.id,
                    role="org_owner",
                    granted_by="test",
                    granted_at=classroom.clock(),
                ),
                JoinRequest(
                    cohort_id=other,
                    username="wanda",
                    display_name="Wanda",
                    email="wanda@rival.example",
                    origin="local",
                    asked_at=classroom.clock(),
                    state="waiting",
                ),
                HubGroup(cohort_id=other, user_id=user.id, name="cohort:owners", confirmed=True),
            ]
        )
    async with classroom.session() as session:
        for model in (CohortRoleGrant, JoinRequest, HubGroup):
            assert (await session.scalars(select(model))).all() == [], model
    # The owner there is nobody here, under the same name and with every scope.
    lea = classroom.token("lea", ADMIN_SCOPES)
    await classroom.error("GET", "/admin/members", token=lea, status=403, code="forbidden")
    await classroom.add_cohort_role("olga", CohortRole.ORG_OWNER)
    olga = classroom.token("olga", ADMIN_SCOPES)
    assert await classroom.data("GET", "/admin/joins", token=olga) == []
    members = await classroom.data("GET", "/admin/members", token=olga)
    assert "Another Lea" not in [row["display_name"] for row in members]
    assert [row["slug"] for row in await classroom.data("GET", "/admin/cohorts", token=olga)] == ["demo"]
    with pytest.raises(Exception, match="row-level security"):
        async with classroom.session() as session:
            session.add(HubGroup(cohort_id=other, user_id=user.id, name="cohort:admins", confirmed=True))


# ---------------------------------------------------------------- operators


@pytest.fixture
def typed(postgres, database, monkeypatch):
    """Type a command, and read its JSON; `code` is the exit code that it shall have."""
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", postgres.url(APP, database))

    def run(*words, code=0):
        result = CliRunner().invoke(app, [*words, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    return run


def test_operators_make_owners_say_who_may_join_and_decide(typed, postgres, database, tmp_path):
    typed("org", "new", "acme")
    for slug in ("spring", "autumn", "past"):
        typed("cohort", "new", slug, "--organization", "acme", "--plan", "free")
    typed("cohort", "close", "past")
    owner = ("org", "owner", "add", "acme", "Olga", "--mail")
    assert typed(*owner, "not an address", code=1)["error"]["code"] == "invalid_mail"
    assert typed(*owner, "olga@acme.example")["cohorts"] == {"autumn": True, "spring": True}
    assert typed("org", "owner", "add", "acme", "olga", "--cohort", "spring")["cohorts"] == {"spring": False}
    assert [row["cohort"] for row in typed("org", "owner", "list", "acme")] == ["autumn", "spring"]
    assert typed("cohort", "role", "add", "spring", "sam", "system_admin")["changed"]
    assert typed("cohort", "role", "list", "spring") == [
        {"username": "olga", "role": "org_owner"},
        {"username": "sam", "role": "system_admin"},
    ]
    assert typed("cohort", "role", "remove", "spring", "sam", "system_admin")["changed"]
    assert not typed("cohort", "role", "remove", "spring", "nobody", "admin")["changed"]
    error = typed("org", "owner", "add", "acme", "olga", "--cohort", "winter", code=1)["error"]
    assert error["code"] == "unknown_cohort"

    rules = typed("cohort", "joining", "spring", "--domain", "School.example", "--no-approval")
    assert rules == {
        "mail_domains": ["school.example"],
        "allow_public_join": False,
        "require_approval": False,
        "has_roster": False,
        "changed": True,
    }
    assert not typed("cohort", "joining", "spring")["changed"]
    assert typed("cohort", "joining", "spring", "--no-domains")["mail_domains"] == []
    assert typed("cohort", "joining", "spring", "--domain", "x", code=1)["error"]["code"] == "invalid_domain"

    shown = typed("cohort", "show", "spring")
    assert shown["limits"]["members"] == 25
    assert shown["usage"] == {"members": 2, "waiting": 0, "staff": 1}
    assert typed("cohort", "requests", "spring") == []
    assert typed("cohort", "approve", "spring", "wanda", code=1)["error"]["code"] == "unknown_request"

    many = tmp_path / "people.csv"
    many.write_text("username\n" + "".join(f"p{n}\n" for n in range(24)))
    refused = typed("cohort", "roster", "spring", str(many), code=1)["error"]
    assert "24 to 2 members, and the plan free allows 25" in refused["details"][0]["message"]
    words = CliRunner().invoke(app, ["cohort", "show", "spring"])
    assert "2 of 25, 1 of them staff; 0 waiting" in words.stdout
    assert "768 MiB" in words.stdout


@pytest.mark.asyncio
async def test_a_role_of_the_command_line_counts_with_the_next_request(classroom):
    token = classroom.token("lea", ADMIN_SCOPES)
    await classroom.error("GET", "/admin/cohort", token=token, status=403, code="forbidden")
    await classroom.add_cohort_role("lea", CohortRole.MODERATOR)
    page = await classroom.data("GET", "/admin/cohort", token=token)
    assert page["may"] == ["admin:cohort:read", "admin:members:read"]
    await classroom.add_person("lea", Role.LEARNER)
    await classroom.error("PATCH", "/admin/cohort", token=token, json={}, status=403, code="forbidden")
