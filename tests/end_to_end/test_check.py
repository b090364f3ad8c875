"""Check in the notebook: it says how far it is, runs once, and can be stopped when the learner's code never ends."""

from lab_pages import LESSON, open_lab, open_lesson, write_answer
from playwright.sync_api import expect

ENDLESS = "while True:\n    pass\n\ndef oven_time(seconds):\n    return seconds"
WRONG = "def oven_time(seconds):\n    return seconds"


def test_a_check_that_never_ends_is_stopped(sign_in, screenshot):
    page = sign_in("lucia")
    open_lab(page)
    open_lesson(page)
    write_answer(page, "oven_time", ENDLESS)
    page.get_by_test_id("check-button").click()
    expect(page.get_by_test_id("check-running")).to_contain_text("Running your cells")
    expect(page.get_by_test_id("check-button")).to_be_disabled()
    expect(page.get_by_test_id(f"test-row-{LESSON}/test_oven")).to_be_visible()
    screenshot(page, "check-running")
    page.get_by_test_id("check-stop").press("Enter")
    expect(page.get_by_test_id("check-result")).to_contain_text("was stopped")
    expect(page.get_by_test_id("result-panel")).to_be_focused()
    expect(page.get_by_test_id("check-button")).to_be_enabled()
    # The kernel was interrupted, not lost: mended, the same check comes to its end.
    write_answer(page, "oven_time", WRONG)
    page.get_by_test_id("check-button").click()
    expect(page.get_by_test_id("result-headline")).to_contain_text("0 of 4 visible tests pass")
