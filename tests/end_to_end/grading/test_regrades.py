"""Mending a test: grade everybody again, look at who changes and by how much, then confirm or discard."""

import re

from installations import API, call, submit, token_of
from kitchen_course import CAKE, COURSE, SLICES, handed_in, write_course
from playwright.sync_api import expect
from studyhall.publish import publish_over_http

ANSWERS = {
    "lea": SLICES,
    "liam": "def slices(guests, each):\n    return 13 if guests else 0",
    "lucia": "def slices(guests, each):\n    return guests + each",
}


def scores(installation):
    """Return each learner's newest score of the lesson, as they read it themselves."""
    found = {}
    for name in ANSWERS:
        path = f"{API}/submissions?course={COURSE}&lesson={CAKE}"
        found[name] = call(installation, "GET", path, token=token_of(installation, name))["data"][0]["score"]
    return found


def regrade(page):
    """Ask for a regrade and wait until it can be decided."""
    page.get_by_test_id("regrade-start").click()
    # While it runs its progress is shown; it may be over before anybody could look.
    expect(page.get_by_role("heading", name=re.compile("^Ready: nothing has changed"))).to_be_visible()


def test_a_mended_test_changes_scores_only_when_it_is_confirmed(installation, kitchen, sign_in, screenshot):
    for name, code in ANSWERS.items():
        submit(installation, token_of(installation, name), COURSE, CAKE, handed_in(CAKE, {"slices": code}))
    before = {"lea": 6, "liam": 10, "lucia": 0}
    assert scores(installation) == before
    publish_over_http(
        write_course(kitchen, slices=12),
        url=f"{installation.url}/services/studyhall",
        token=token_of(installation, "ines"),
    )

    page = sign_in("ines", path=f"/services/studyhall/courses/{COURSE}/assignments")
    page.get_by_test_id(f"regrades-{CAKE}").click()
    expect(page.get_by_text("No regrades yet")).to_be_visible()
    regrade(page)
    expect(page.get_by_text("2 attempts change: 1 higher, 1 lower")).to_be_visible()
    rows = page.get_by_test_id("regrade-changes").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="lea")).to_contain_text("60%")
    expect(rows.filter(has_text="lea")).to_contain_text("100%")
    expect(rows.filter(has_text="lea")).to_contain_text("+40")
    expect(rows.filter(has_text="liam")).to_contain_text("\N{MINUS SIGN}40")
    screenshot(page, "staff-regrade-ready")
    assert scores(installation) == before

    # Escape leaves it open; discarding leaves every score.
    page.get_by_test_id("regrade-discard").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_test_id("regrade-discard").click()
    page.get_by_test_id("regrade-decide").click()
    expect(page.get_by_role("heading", name="Discarded by ines")).to_be_visible()
    assert scores(installation) == before

    regrade(page)
    page.get_by_test_id("regrade-confirm").click()
    expect(page.get_by_role("dialog")).to_contain_text("2 attempts change")
    screenshot(page, "staff-regrade-confirm")
    page.get_by_test_id("regrade-decide").click()
    expect(page.get_by_role("heading", name="Confirmed by ines")).to_be_visible()
    screenshot(page, "staff-regrade-confirmed")
    assert scores(installation) == {"lea": 10, "liam": 6, "lucia": 0}
