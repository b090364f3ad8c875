"""What staff have typed stays in its form: signed out meanwhile, overtaken by somebody else, or refused."""

import pytest
from accessibility import violations
from installations import submit, token_of
from kitchen_course import BREAD, COURSE, ESSAY, LOAVES, handed_in
from playwright.sync_api import expect

STAFF = "/services/studyhall"
BOOK = f"{STAFF}/courses/{COURSE}/gradebook"


@pytest.fixture(scope="module")
def late_work(installation):
    """A learner has handed in the bread, whose due date is long past."""
    answers = {"loaves": LOAVES, "why_sourdough": ESSAY}
    submit(installation, token_of(installation, "lea"), COURSE, BREAD, handed_in(BREAD, answers))


def open_rules(page):
    page.get_by_test_id(f"column-menu-{BREAD}").click()
    page.get_by_test_id("column-policy").click()
    expect(page.get_by_test_id("policy-grace")).to_be_visible()


def open_extensions(page):
    page.get_by_test_id(f"column-menu-{BREAD}").click()
    page.get_by_test_id("column-extensions").click()


def sign_in_beside(installation, page, username):
    """Follow the page's own way to sign in, in the new tab that it opens."""
    with page.context.expect_page() as opened:
        page.get_by_test_id("sign-in-again").click()
    tab = opened.value
    tab.bring_to_front()
    if "logout" in tab.url:
        tab.goto(f"{installation.url}{STAFF}/")
    tab.fill("#username_input", username)
    tab.fill("#password_input", installation.passwords[username])
    tab.click("#login_submit")
    expect(tab.get_by_role("heading", level=1)).to_be_visible()
    tab.close()


def sign_out_beside(installation, page):
    tab = page.context.new_page()
    tab.goto(f"{installation.url}/hub/logout")
    tab.close()


def test_rules_are_saved_after_signing_in_again(installation, late_work, sign_in, screenshot):
    page = sign_in("ines", path=BOOK)
    open_rules(page)
    page.get_by_test_id("policy-grace").fill("17")
    sign_out_beside(installation, page)
    page.get_by_test_id("policy-save").click()
    expect(page.get_by_role("alert")).to_contain_text("sign in again in a new tab")
    expect(page.get_by_test_id("policy-save")).to_be_focused()
    screenshot(page, "staff-signed-out")
    # Somebody else at the same machine: nothing is saved in their name.
    sign_in_beside(installation, page, "gabriel")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_contain_text("signed in as gabriel")
    sign_in_beside(installation, page, "ines")
    expect(page.get_by_test_id("policy-grace")).to_have_value("17")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("gradebook-done")).to_contain_text("saved")
    open_rules(page)
    expect(page.get_by_test_id("policy-grace")).to_have_value("17")


def test_escape_asks_before_it_throws_away_what_was_typed(late_work, sign_in, screenshot):
    page = sign_in("ines", path=BOOK)
    open_rules(page)
    before = page.get_by_test_id("policy-grace").input_value()
    page.get_by_test_id("policy-grace").fill("41")
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_contain_text("Press Escape again")
    expect(page.get_by_test_id("policy-grace")).to_have_value("41")
    screenshot(page, "staff-escape-asks")
    page.get_by_test_id("policy-grace").press("End")
    page.keyboard.type("0")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_contain_text("Press Escape again")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("policy-dialog")).to_be_hidden()
    open_rules(page)
    expect(page.get_by_test_id("policy-grace")).to_have_value(before)
    # Nothing typed, or typed and taken back: nothing to ask about.
    page.get_by_test_id("policy-grace").fill("41")
    page.get_by_test_id("policy-grace").fill(before)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("policy-dialog")).to_be_hidden()


def test_two_who_change_the_rules_see_each_others(late_work, sign_in, screenshot):
    one, other = sign_in("ines", path=BOOK), sign_in("ines", path=BOOK)
    for page, grace in ((one, "20"), (other, "30")):
        open_rules(page)
        page.get_by_test_id("policy-grace").fill(grace)
    other.get_by_test_id("policy-anonymous").check()
    one.get_by_test_id("policy-save").click()
    expect(one.get_by_test_id("gradebook-done")).to_contain_text("saved")
    other.get_by_test_id("policy-save").click()
    expect(other.get_by_test_id("policy-overtaken")).to_be_visible()
    expect(other.get_by_test_id("theirs-Grace, minutes")).to_have_text("20")
    expect(other.get_by_test_id("mine-Grace, minutes")).to_have_text("30")
    expect(other.get_by_test_id("theirs-Due")).to_have_count(0)
    screenshot(other, "staff-policy-overtaken")
    assert violations(other) == []
    other.get_by_test_id("policy-keep-mine").click()
    expect(other.get_by_test_id("policy-grace")).to_have_value("30")
    other.get_by_test_id("policy-save").click()
    expect(other.get_by_test_id("gradebook-done")).to_contain_text("saved")


def test_two_who_set_a_penalty_see_each_others(late_work, sign_in):
    one = sign_in("ines", path=BOOK)
    open_rules(one)
    one.get_by_test_id("policy-late").select_option("percent_per_day")
    one.get_by_test_id("policy-save").click()
    expect(one.get_by_test_id("gradebook-done")).to_contain_text("saved")
    one.get_by_test_id(f"cell-lea-{BREAD}").get_by_role("link").click()
    expect(one.get_by_test_id("penalties")).to_be_visible()
    other = one.context.new_page()
    other.goto(one.url)
    for page, points in ((one, "1"), (other, "0.5")):
        page.get_by_test_id(f"penalty-change-{BREAD}").click()
        page.get_by_test_id(f"penalty-{BREAD}").fill(points)
    one.get_by_test_id(f"penalty-{BREAD}").press("Enter")
    expect(one.get_by_test_id("penalties")).to_contain_text("set by hand")
    other.get_by_test_id(f"penalty-{BREAD}").press("Enter")
    expect(other.get_by_test_id(f"penalty-changed-{BREAD}")).to_contain_text("not saved yet")
    expect(other.get_by_test_id("penalties")).to_contain_text("\u22121")
    expect(other.get_by_test_id(f"penalty-{BREAD}")).to_have_value("0.5")
    other.get_by_test_id(f"penalty-{BREAD}").press("Enter")
    expect(other.get_by_test_id("penalties")).to_contain_text("\u22120.5")


def test_more_time_is_never_less(late_work, sign_in, screenshot):
    page = sign_in("ines", path=BOOK)
    open_extensions(page)
    page.get_by_test_id("extension-learner").fill("lea")
    page.get_by_test_id("extension-due").fill("2001-01-31T18:00")
    page.get_by_test_id("extension-reason").fill("Was ill")
    page.get_by_test_id("extension-save").click()
    expect(page.get_by_test_id("extension-wrong")).to_contain_text("Choose a later moment")
    expect(page.get_by_test_id("extension-due")).to_be_focused()
    expect(page.get_by_test_id("extension-reason")).to_have_value("Was ill")
    screenshot(page, "staff-extension-refused")
    page.get_by_test_id("extension-due").fill("2030-01-31T18:00")
    expect(page.get_by_test_id("extension-wrong")).to_have_count(0)
    page.get_by_test_id("extension-save").click()
    expect(page.get_by_test_id("extension-lea")).to_contain_text("Was ill")
    page.get_by_role("button", name="Take back the extension of Lea").click()
    expect(page.get_by_test_id("extension-lea")).to_have_count(0)
    page.get_by_test_id("extension-undo").click()
    expect(page.get_by_test_id("extension-lea")).to_contain_text("Was ill")
    assert violations(page) == []


def test_two_who_change_who_may_join_keep_each_others(sign_in):
    one = sign_in("ines", path=f"{STAFF}/cohort")
    other = one.context.new_page()
    other.goto(one.url)
    for page in (one, other):
        expect(page.get_by_test_id("joining-form")).to_be_visible()
    one.get_by_test_id("joining-form").get_by_label("Mail domains").fill("school.example")
    other.get_by_test_id("joining-form").get_by_label("They wait for approval").uncheck()
    for page in (one, other):
        page.get_by_test_id("joining-form").get_by_role("button", name="Save").click()
        # Not the button: that cannot be pressed while it saves, and a page that loads anew then takes the request back.
        expect(page.get_by_test_id("announcer")).to_have_text("Saved.")
    other.reload()
    form = other.get_by_test_id("joining-form")
    expect(form.get_by_label("Mail domains")).to_have_value("school.example")
    expect(form.get_by_label("They wait for approval")).not_to_be_checked()


def test_a_file_that_is_no_roster_changes_nothing(sign_in, screenshot):
    page = sign_in("ines", path=f"{STAFF}/cohort/roster")
    page.get_by_test_id("roster-text").fill("username\nmia")
    for content in ("M\u00fcller".encode("cp1252"), b"PK\x00\x01"):
        page.get_by_test_id("roster-file").set_input_files(
            {"name": "roster.csv", "mimeType": "text/csv", "buffer": content}
        )
        expect(page.get_by_test_id("roster-refused")).to_contain_text("CSV UTF-8")
        expect(page.get_by_test_id("roster-text")).to_have_value("username\nmia")
    screenshot(page, "staff-roster-refused")
