"""An owner runs a cohort in the browser: members and their roles, approvals, a roster, the cohort, the audit log."""

import csv
import io
import re

import pytest
from accessibility import violations
from installations import API, call, token_of
from playwright.sync_api import expect

COURSE = "python-foundations"
COHORT = "/services/studyhall/cohort"


@pytest.fixture
def owner(sign_in):
    """Open one of the cohort's pages as its owner."""

    def enter(page="", *, dark=False):
        return sign_in("ines", path=f"{COHORT}{page}", dark=dark)

    return enter


def as_owner(installation, method, path, body=None):
    """Do something beside the page, as another window of the owner's would."""
    return call(installation, method, f"{API}{path}", token=token_of(installation, "ines"), body=body)["data"]


def ask_to_join(installation, *usernames):
    """Have the hub say that these people have signed in for the first time, with a verified address."""
    for name in usernames:
        notice = {
            "username": name,
            "display_name": name.title(),
            "email": f"{name}@school.example",
            "email_verified": True,
            "origin": "google",
            "address": "198.51.100.7",
            "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        }
        token = installation.secret("service_token")
        answer = call(installation, "POST", f"{API}/hub/sign-ins", token=token, body=notice)["data"]
        assert answer["state"] == "waiting", answer


def test_members_are_found_with_the_keyboard(owner, screenshot):
    page = owner("/members")
    expect(page.get_by_test_id("top-cohort")).to_be_visible()
    rows = page.get_by_test_id("members-table").locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(page.get_by_test_id("member-ines")).to_contain_text("Owner")
    screenshot(page, "staff-members")
    page.get_by_role("link", name="Name").click()
    expect(rows.first).to_contain_text("Lucia")
    page.keyboard.press("/")
    page.keyboard.type("li")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile(r"search=li"))
    page.get_by_test_id("members-search").fill("")
    page.get_by_test_id("members-role").select_option("grader")
    expect(rows).to_have_count(1)
    page.get_by_test_id("members-role").select_option("")
    page.get_by_test_id("members-search").fill("nobody")
    expect(page.get_by_text("Nobody fits these filters")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(rows).to_have_count(5)
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.get_by_test_id("member-lea").get_by_role("link").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Lea")).to_be_visible()


def test_a_role_is_given_and_a_change_by_somebody_else_is_said(installation, owner, screenshot):
    page = owner("/members/lea")
    page.get_by_test_id("role-moderator").check()
    page.get_by_test_id("roles-save").click()
    expect(page.get_by_test_id("announcer")).to_have_text("Saved: Moderator.")
    expect(page.get_by_test_id("roles-save")).to_be_disabled()
    assert page.get_by_test_id("role-system_admin").is_disabled()

    # Somebody else is quicker: what was ticked here stays, and is looked at again before it counts.
    page.get_by_test_id("role-admin").check()
    roles = {"roles": ["org_owner"], "expected": ["moderator"]}
    as_owner(installation, "PUT", "/admin/members/lea/roles", roles)
    page.get_by_test_id("roles-save").click()
    expect(page.get_by_test_id("roles-outdated")).to_contain_text("Lea now has Owner")
    expect(page.get_by_test_id("role-admin")).to_be_checked()
    screenshot(page, "staff-member-conflict")
    page.get_by_role("button", name="Begin anew").click()
    expect(page.get_by_test_id("role-org_owner")).to_be_checked()
    page.get_by_test_id("role-org_owner").uncheck()
    page.get_by_test_id("roles-save").click()
    expect(page.get_by_test_id("announcer")).to_have_text("Saved: no role.")


def test_a_part_in_a_course_and_a_membership_are_taken_and_come_back(owner, screenshot):
    page = owner("/members/lea")
    part = page.get_by_test_id(f"part-{COURSE}")
    part.get_by_role("combobox").select_option("grader")
    expect(page.get_by_test_id("course-changed")).to_contain_text("is grader of")
    page.get_by_test_id("course-undo").click()
    expect(part.get_by_role("combobox")).to_have_value("learner")
    part.get_by_role("button").click()
    expect(part).to_be_hidden()
    page.get_by_test_id("add-to-course").click()
    expect(part.get_by_role("combobox")).to_have_value("learner")

    page.get_by_test_id("member-remove").click()
    page.get_by_test_id("remove-reason").fill("Left the school.")
    page.get_by_test_id("remove-confirm").click()
    expect(page.get_by_test_id("member-removed")).to_be_visible()
    screenshot(page, "staff-member-removed")
    page.get_by_test_id("member-restore").click()
    expect(page.get_by_test_id("roles-form")).to_be_visible()
    expect(page.get_by_test_id(f"part-{COURSE}")).to_be_visible()


def test_people_who_ask_are_approved_and_declined_with_the_keyboard(installation, owner, screenshot):
    page = owner()
    page.get_by_test_id("mail-domains").fill("@School.example")
    expect(page.get_by_test_id("joining-words")).to_contain_text("at school.example may ask to join")
    page.get_by_test_id("joining-save").click()
    expect(page.get_by_test_id("joining-save")).to_be_disabled()
    expect(page.get_by_test_id("mail-domains")).to_have_value("school.example")
    expect(page.get_by_test_id("cohort-demo")).to_contain_text("this one")
    screenshot(page, "staff-cohort")

    page.get_by_test_id("tab-approvals").click()
    expect(page.get_by_text("Nobody waits")).to_be_visible()
    screenshot(page, "staff-approvals-empty")
    # They come while one looks: the list and the count in the navigation follow by themselves.
    ask_to_join(installation, "mia", "noor", "olu", "pia")
    expect(page.get_by_test_id("top-cohort")).to_contain_text("4 people wait to join")
    rows = page.get_by_test_id("joins-table").locator("tbody tr")
    expect(rows).to_have_count(4)
    for key in ("j", "Space", "j", "Space"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("approve")).to_have_text("Approve 2")
    screenshot(page, "staff-approvals")
    page.keyboard.press("a")
    expect(rows).to_have_count(2)
    expect(page.get_by_test_id("announcer")).to_have_text("2 people approved.")
    expect(page.get_by_test_id("top-cohort")).to_contain_text("2 people wait to join")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    page.keyboard.press("d")
    page.get_by_test_id("decline-reason").fill("We don't know you.")
    page.get_by_test_id("decline-confirm").click()
    expect(rows).to_have_count(1)
    page.get_by_test_id("joins-state").select_option("declined")
    expect(page.get_by_test_id("join-olu")).to_contain_text("We don't know you.")
    page.get_by_test_id("tab-members").click()
    expect(page.get_by_test_id("member-mia")).to_contain_text("mia@school.example")


def test_a_roster_is_mended_looked_at_and_applied_once(owner, screenshot):
    page = owner("/roster")
    lines = [
        "username,display_name,email,course,role",
        f"quin,Quin,,{COURSE},lerner",
        f"rosa,Rosa,,{COURSE},",
    ]
    page.get_by_test_id("roster-file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    )
    expect(page.get_by_test_id("line-2")).to_contain_text("There is no role 'lerner'")
    screenshot(page, "staff-roster-mistake")
    text = page.get_by_test_id("roster-text")
    text.fill(text.input_value().replace("lerner", "learner"))
    expect(page.get_by_test_id("roster-apply")).to_be_hidden()
    page.get_by_test_id("roster-preview").click()
    expect(page.get_by_test_id("roster-summary")).to_contain_text("4 changes. Nothing is done yet.")
    screenshot(page, "staff-roster")
    page.get_by_test_id("roster-apply").click()
    expect(page.get_by_test_id("roster-summary")).to_contain_text("Done: 4 changes")
    page.get_by_test_id("roster-preview").click()
    expect(page.get_by_test_id("roster-summary")).to_contain_text("Everything is so already")


def test_the_log_says_who_did_it_from_where_and_goes_into_a_file(installation, owner, screenshot):
    as_owner(installation, "PATCH", "/admin/cohort", {"name": "Demo of the autumn"})
    page = owner("/audit")
    page.get_by_test_id("log-action").select_option("cohort.changed")
    entry = page.get_by_test_id("entry-cohort.changed").first
    expect(entry).to_contain_text("ines")
    expect(entry).to_contain_text("Demo of the autumn")
    expect(entry).to_contain_text("127.0.0.1")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_test_id("entry-course.published")).to_be_visible()
    screenshot(page, "staff-cohort-audit")
    page.get_by_test_id("log-actor").fill("operator")
    expect(page).to_have_url(re.compile("actor=operator"))
    with page.expect_download() as download:
        page.get_by_test_id("log-export").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert rows
    assert {row["actor"] for row in rows} == {"operator"}
    page.get_by_test_id("log-until").fill("2020-01-01")
    expect(page.get_by_text("Nothing fits these filters")).to_be_visible()


def test_others_are_told_whose_pages_these_are(sign_in):
    page = sign_in("gabriel", path=f"{COHORT}/members")
    expect(page.get_by_test_id("not-for-you")).to_be_visible()
    expect(page.get_by_test_id("top-cohort")).to_be_hidden()
    page = sign_in("lea", path=f"{COHORT}/members")
    expect(page.get_by_test_id("not-for-you")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_owners_pages_have_no_serious_finding(owner, screenshot, dark):
    page = owner("/members", dark=dark)
    shown = {
        "members": "members-table",
        "approvals": "approvals-page",
        "roster": "roster-page",
        "cohort": "joining-form",
        "cohort-audit": "log-table",
    }
    for tab, part in shown.items():
        page.get_by_test_id(f"tab-{tab}").click()
        expect(page.get_by_test_id(part)).to_be_visible()
        assert violations(page, "body") == [], tab
        screenshot(page, f"staff-owner-{tab}-{'dark' if dark else 'light'}")
    page.get_by_test_id("tab-members").click()
    page.get_by_test_id("member-lea").get_by_role("link").click()
    expect(page.get_by_test_id("roles-form")).to_be_visible()
    assert violations(page, "body") == []
    page.get_by_test_id("member-remove").click()
    expect(page.get_by_test_id("remove-dialog")).to_be_visible()
    assert violations(page, "dialog") == []
    screenshot(page, f"staff-owner-member-{'dark' if dark else 'light'}")


def a_platforms_course(**changes):
    """Return what the service says of a connected course of a learning platform."""
    return {
        "id": "3b0f9a6e-6c1f-4a3b-9f64-0c8f2f3f7a11",
        "platform": "moodle",
        "title": "Python, class 10b",
        "people": 26,
        "shows_roster": True,
        "state": "done",
        "asked_at": "2026-11-20T09:00:00Z",
        "asked_by": "ines",
        "read_at": "2026-11-20T09:00:02Z",
        "trouble": None,
        "outcome": {
            "people": 28,
            "added": 2,
            "changed": 1,
            "left": 1,
            "problems": [
                {
                    "name": "Mia Weber",
                    "why": "They were removed from the cohort here. Whoever runs it can restore them.",
                },
                {"name": "Sam", "why": "The learning platform gives no number for this person."},
            ],
            "more_problems": 0,
        },
        **changes,
    }


def test_an_instructor_sees_what_came_of_a_platforms_roster(sign_in, screenshot):
    """The page alone: a platform whose people come here would change what every other test counts."""
    page = sign_in("ines", path=f"/services/studyhall/courses/{COURSE}/platforms")
    expect(page.get_by_text("No learning platform belongs to this course")).to_be_visible()
    shown = [a_platforms_course()]
    held = []

    def hold(route):
        held.append(route)

    def answer(route):
        asks = route.request.method == "POST"
        if asks:
            shown[:] = [a_platforms_course(state="waiting")]
        meta = None if asks else {"page": 1, "limit": 100, "total": 1}
        route.fulfill(
            json={"success": True, "data": shown[0] if asks else shown, "meta": meta, "error": None}
        )

    page.clock.install()
    page.route(re.compile(rf"/staff/courses/{COURSE}/platforms"), answer)
    page.reload()
    expect(page.get_by_test_id("platform-outcome")).to_contain_text("28 people on the roster: 2 added")
    expect(page.get_by_test_id("platform-problems").locator("tbody tr")).to_have_count(2)
    assert violations(page) == []
    screenshot(page, "staff-platforms")
    page.get_by_test_id("synchronize").click()
    expect(page.get_by_test_id("synchronize")).to_be_disabled()
    expect(page.get_by_text("The roster is being read…")).to_be_visible()

    # It asks again every other second; an answer that takes longer than that is waited for.
    page.route(re.compile(rf"/staff/courses/{COURSE}/platforms"), hold)
    while not held:
        page.evaluate("new Promise(drawn => setTimeout(drawn, 100))")
    page.clock.fast_forward(10_000)
    shown[:] = [a_platforms_course(state="failed", trouble="The learning platform does not answer.")]
    answer(held[0])
    expect(page.get_by_test_id("platform-trouble")).to_contain_text("does not answer")
    assert violations(page) == []
