"""The product's line: a learner solves a lesson in JupyterLab, submits it, and sees the hidden tests' verdict."""

import re
from datetime import UTC, datetime

from lab_pages import LESSON, SOLUTIONS, WRONG, go_to_cell, open_lab, open_lesson, submit, write_answer
from playwright.sync_api import expect


def test_a_learners_first_evening_and_what_staff_see_of_it(sign_in, screenshot):
    page = sign_in("lea")
    open_lab(page)
    expect(page.get_by_test_id(f"lesson-row-{LESSON}")).to_be_visible()
    screenshot(page, "outline")

    # A first try: one task wrong, the others untouched.
    began = datetime.now(UTC).date()
    open_lesson(page)
    write_answer(page, "price_with_tip", SOLUTIONS["price_with_tip"])
    write_answer(page, "oven_time", WRONG)
    submit(page)
    headline = page.get_by_test_id("result-headline")
    expect(headline).to_contain_text(re.compile(r"5 of 20 points"))
    row = page.get_by_test_id(f"test-row-{LESSON}/test_oven")
    expect(row).to_be_visible()
    screenshot(page, "first-attempt")

    # From the failing row to the cell, mend it and the others, submit again.
    go_to_cell(page, row)
    for name, code in SOLUTIONS.items():
        write_answer(page, name, code)
    page.get_by_test_id("check-button").click()
    expect(page.get_by_test_id("check-result")).to_be_visible()
    expect(page.get_by_test_id("check-button")).to_have_text("Check")
    submit(page)
    expect(headline).to_contain_text("20 of 20 points")
    expect(headline).to_contain_text(re.compile("passed", re.IGNORECASE))
    expect(page.get_by_test_id("status-xp")).to_contain_text("150 XP")
    expect(headline).to_contain_text("+125 XP")
    # Who tries before midnight and solves it after that has learned on two days.
    days = 1 + (datetime.now(UTC).date() - began).days
    expect(page.get_by_test_id("status-streak")).to_contain_text(re.compile(f"[1{days}]"))
    expect(page.get_by_test_id(f"lesson-row-{LESSON}")).to_have_attribute("data-state", "passed")
    screenshot(page, "solved-lesson")

    # The quiz in the notebook.
    quiz = page.get_by_test_id("quiz-card-names-quiz")
    quiz.scroll_into_view_if_needed()
    expect(quiz.get_by_test_id("quiz-answer-button")).to_be_disabled()
    answer_names_quiz(page)
    quiz.get_by_test_id("quiz-answer-button").click()
    expect(page.get_by_test_id("quiz-result-two-names")).to_be_visible()
    screenshot(page, "quiz")
    expect(page.get_by_test_id("status-xp")).to_contain_text("200 XP")

    # A review of the attempt.
    page.get_by_test_id("open-review-button").click()
    page.get_by_test_id("ask-review-button").click()
    expect(page.get_by_test_id("review-speaker")).to_contain_text("Automatic checks")
    screenshot(page, "review")

    look_at_both_attempts(sign_in("ines", path="/services/studyhall/"), screenshot)


def look_at_both_attempts(staff, screenshot):
    """The staff's page shows both attempts, and the newer one's report beside the executed notebook."""
    staff.get_by_test_id("staff-course-python-foundations").get_by_role("link", name="Assignments").click()
    expect(staff.get_by_test_id(f"assignment-row-{LESSON}")).to_be_visible()
    screenshot(staff, "staff-assignments")
    staff.get_by_test_id(f"assignment-row-{LESSON}").get_by_role("link").first.click()
    staff.get_by_test_id("filter-learner").fill("lea")
    rows = staff.locator('[data-testid^="attempt-row-"]')
    expect(rows).to_have_count(2)
    screenshot(staff, "staff-attempts")
    rows.first.get_by_role("link").first.click()
    expect(staff.get_by_test_id("attempt-score")).to_contain_text("20")
    expect(staff.get_by_test_id("notebook-frame")).to_be_visible()
    frame = staff.frame_locator('[data-testid="notebook-frame"]')
    expect(frame.locator("body")).to_contain_text("price_with_tip")
    screenshot(staff, "staff-attempt")


def answer_names_quiz(page):
    page.get_by_test_id("quiz-option-two-names-five").click()
    page.get_by_test_id("quiz-text-type-of-division").fill("float")
