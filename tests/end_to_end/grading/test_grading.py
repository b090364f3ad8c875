"""Grading by hand in the browser: without a mouse, two people at once, released to a learner's Lab."""

import re

import pytest
from accessibility import violations
from installations import API, call, submit, token_of
from kitchen_course import BREAD, CAKE, COURSE, CUPS, ESSAY, LOAVES, SLICES, handed_in
from lab_pages import open_lab
from playwright.sync_api import expect
from staff_pages import AT_ONCE, SlowLine, go_on, heading, is_claim, make_rubric

STAFF = "/services/studyhall"
ESSAY_TEST = f"{BREAD}/why_sourdough"
ANSWERS = {
    "lea": {"loaves": LOAVES, "why_sourdough": ESSAY, "cups": CUPS},
    "liam": {"loaves": LOAVES, "why_sourdough": "Because it is tasty.", "cups": "def cups(g):\n    return g"},
    "lucia": {
        "loaves": "def loaves(guests):\n    return guests",
        "why_sourdough": "The yeast needs time.",
        "cups": CUPS,
    },
}


@pytest.fixture(scope="module")
def class_work(installation):
    """Three learners have handed in the bread, two the cake."""
    for name, answers in ANSWERS.items():
        token = token_of(installation, name)
        submit(installation, token, COURSE, BREAD, handed_in(BREAD, answers))
        if name != "lucia":
            submit(installation, token, COURSE, CAKE, handed_in(CAKE, {"slices": SLICES}))


def test_a_question_is_graded_without_a_mouse(installation, class_work, sign_in, screenshot):
    page = sign_in("gabriel", path=f"{STAFF}/courses/{COURSE}/queue")
    expect(page.get_by_test_id("queue-waiting")).to_have_text("6 answers wait to be graded.")
    screenshot(page, "staff-queue")
    assert violations(page) == []
    page.get_by_test_id(f"question-{ESSAY_TEST}").get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("answers-waiting")).to_have_text("3 wait")
    first = page.get_by_test_id("answer-of").inner_text()

    make_rubric(page, ("Names the wild yeast", "3"), ("Says that it takes time", "2"))

    # Keys put items on, the score follows, and a reload loses nothing.
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.get_by_test_id("grade-score")).to_have_value("5")
    page.keyboard.press("2")
    expect(page.get_by_test_id("grade-score")).to_have_value("3")
    page.keyboard.press("c")
    page.keyboard.insert_text("Well seen.")
    expect(page.get_by_test_id("grade-unsaved")).to_be_visible()
    screenshot(page, "staff-question")
    assert violations(page) == []
    page.reload()
    expect(page.get_by_test_id("answer-of")).to_have_text(first)
    expect(page.get_by_test_id("grade-score")).to_have_value("3")
    expect(page.get_by_test_id("grade-comment")).to_have_value("Well seen.")
    go_on(page)
    expect(page.get_by_test_id("grade-saved")).to_contain_text(first)
    expect(page.get_by_test_id("answers-graded")).to_have_text("1 of 3 graded")
    expect(page.get_by_test_id("answers-waiting")).to_have_text("2 wait")

    # J and K move; S goes to the points, and stays there for the next one.
    expect(page.get_by_test_id("answer-of")).not_to_have_text(first)
    second = page.get_by_test_id("answer-of").inner_text()
    page.keyboard.press("j")
    expect(page.get_by_test_id("answer-of")).not_to_have_text(second)
    page.keyboard.press("k")
    expect(page.get_by_test_id("answer-of")).to_have_text(second)
    page.keyboard.press("s")
    page.keyboard.insert_text("9")
    go_on(page)
    expect(page.get_by_role("alert")).to_contain_text("at most 5 points")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("4,5")
    go_on(page)
    # The page asks by itself how many wait, so that it may know that before it hears of its save.
    expect(page.get_by_test_id("grade-saved")).to_contain_text(second)
    expect(page.get_by_test_id("answers-waiting")).to_have_text("1 waits")
    expect(page.get_by_test_id("grade-score")).to_be_focused()

    # The last save is taken back: the answer waits again.
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(page.get_by_test_id("answers-waiting")).to_have_text("2 wait")
    expect(page.get_by_test_id("answer-of")).to_have_text(second)
    expect(page.get_by_test_id("grade-score")).to_have_value("")
    for then in ("1 waits", "Nothing waits here"):
        grade_by_key(page, "2")
        expect(page.get_by_text(then)).to_be_visible()


def grade_by_key(page, key):
    """Put a rubric item on the answer that is shown and go on to the next."""
    whose = page.get_by_test_id("answer-of").inner_text()
    page.keyboard.press(key)
    go_on(page)
    expect(page.get_by_test_id("grade-saved")).to_contain_text(whose)


def test_names_are_hidden_on_request(class_work, sign_in):
    page = sign_in("gabriel", path=f"{STAFF}/courses/{COURSE}/queue/{BREAD}?test_id={BREAD}%2Fcups")
    expect(page.get_by_test_id("answers-waiting")).to_have_text("3 wait")
    expect(page.get_by_test_id("answer-Lea")).to_be_visible()
    page.get_by_test_id("question-anonymous").check()
    expect(page.get_by_test_id("answer-Lea")).to_be_hidden()
    expect(page.get_by_test_id("answer-of")).to_have_text(re.compile(r"Answer \d"))
    page.reload()
    expect(page.get_by_test_id("answer-of")).to_have_text(re.compile(r"Answer \d"))


def test_an_answer_belongs_to_one_grader_at_a_time(class_work, sign_in, screenshot):
    path = f"{STAFF}/courses/{COURSE}/queue/{BREAD}?test_id={BREAD}%2Fcups"
    gabriel = sign_in("gabriel", path=path)
    expect(gabriel.get_by_test_id("grade-form")).to_be_visible()
    gabriel.clock.install()
    with gabriel.expect_response(is_claim("POST", 201)):  # the form is there before the claim
        gabriel.reload()
    whose = gabriel.get_by_test_id("answer-of").inner_text()
    ines = sign_in("ines", path=path)
    expect(ines.get_by_test_id(f"answer-{whose}")).to_contain_text("Gabriel")
    ines.get_by_test_id(f"answer-{whose}").click()
    expect(ines.get_by_test_id("claim-refused")).to_contain_text("grading this answer")
    screenshot(ines, "staff-question-claimed")
    assert violations(ines) == []
    ines.get_by_role("button", name="Take the next one").click()
    expect(ines.get_by_test_id("answer-of")).not_to_have_text(whose)
    expect(ines.get_by_test_id("grade-form")).to_be_visible()

    # An open page says again and again that it is there; a page that is left, however it is left, lets go.
    with gabriel.expect_response(is_claim("POST", 201)):
        gabriel.clock.fast_forward(31_000)
    gabriel.goto("about:blank")
    with ines.expect_response(is_claim("POST", 201)):
        ines.get_by_test_id(f"answer-{whose}").click()
    with ines.expect_response(is_claim("DELETE", 204)):
        ines.keyboard.press("u")


def test_two_who_grade_one_cell_are_told_of_each_other(class_work, sign_in, screenshot):
    path = f"{STAFF}/courses/{COURSE}/gradebook"
    pages = [sign_in(name, path=path) for name in ("ines", "gabriel")]
    for page in pages:
        page.get_by_test_id(f"cell-liam-{BREAD}").get_by_role("link").click()
        page.get_by_test_id("grade-cell-test_loaves").get_by_role("button").first.click()
        expect(page.get_by_test_id("grade-form")).to_be_visible()
    ines, gabriel = pages
    gabriel.get_by_test_id("grade-comment").fill("Mine is not saved yet.")
    ines.get_by_test_id("grade-score").fill("1")
    ines.get_by_test_id("grade-save-stay").click()
    expect(ines.get_by_test_id("grade-saved")).to_be_visible()
    gabriel.get_by_test_id("grade-save-stay").click()
    expect(gabriel.get_by_test_id("theirs-Points")).to_have_text("1")
    expect(gabriel.get_by_test_id("mine-Points")).to_have_text("none")
    expect(gabriel.get_by_test_id("mine-Comment")).to_have_text("Mine is not saved yet.")
    screenshot(gabriel, "staff-grading-overtaken")
    assert violations(gabriel) == []
    gabriel.get_by_test_id("grade-keep-mine").click()
    gabriel.get_by_test_id("grade-save-stay").click()
    expect(gabriel.get_by_test_id("grade-saved")).to_be_visible()
    # Without a score of its own the test's points hold again.
    head = gabriel.get_by_test_id("grade-cell-test_loaves").get_by_role("button").first
    expect(head).to_contain_text("2 of 2")


def test_what_is_typed_while_a_save_is_under_way_is_saved_next(class_work, sign_in, screenshot):
    page = sign_in("gabriel", path=f"{STAFF}/courses/{COURSE}/gradebook")
    page.get_by_test_id(f"cell-lucia-{BREAD}").get_by_role("link").click()
    loaves = page.get_by_test_id("grade-cell-test_loaves").get_by_role("button").first
    comment, score = page.get_by_test_id("grade-comment"), page.get_by_test_id("grade-score")
    saving, unsaved = page.get_by_test_id("grade-saving"), page.get_by_test_id("grade-unsaved")
    loaves.click()
    line = SlowLine(page)
    comment.press_sequentially("First. ")
    score.fill("1,")
    page.get_by_test_id("grade-save-stay").click()
    expect(saving).to_be_visible()
    score.press("End")
    score.press_sequentially("5")
    comment.press("Control+End")
    comment.press_sequentially("Second.")
    screenshot(page, "staff-grading-saving")
    line.let_one_through()
    expect(comment).to_have_value("First. Second.")
    expect(score).to_have_value("1,5")
    line.let_one_through()
    expect(saving).to_be_hidden()
    expect(unsaved).to_be_hidden()
    expect(comment).to_have_value("First. Second.")
    page.reload()
    expect(comment).to_have_value("First. Second.")
    expect(score).to_have_value("1.5")

    # Who goes away while a save is under way loses nothing either.
    comment.press("Control+End")
    comment.press_sequentially(" Third.")
    page.get_by_test_id("grade-save-stay").click()
    expect(saving).to_be_visible()
    comment.press("Control+End")
    comment.press_sequentially(" Fourth.")
    page.get_by_test_id("grade-cell-cups").get_by_role("button").first.click()
    expect(comment).to_have_value("")
    line.let_one_through()
    line.let_one_through()
    expect(page.get_by_test_id("grade-saved")).to_be_visible()
    loaves.click()
    expect(comment).to_have_value("First. Second. Third. Fourth.")
    expect(unsaved).to_be_hidden()

    # The tests' points hold again, for whoever comes next.
    score.fill("")
    comment.fill("")
    page.get_by_test_id("grade-save-stay").click()
    line.let_one_through()
    expect(saving).to_be_hidden()


def test_the_queue_goes_over_pages(class_work, sign_in, screenshot):
    page = sign_in("gabriel", path=f"{STAFF}/courses/{COURSE}/queue")
    expect(page.get_by_test_id(f"question-{ESSAY_TEST}")).to_contain_text("3 of 3 graded")

    def two_on_a_page(route):
        route.continue_(url=route.request.url.replace("limit=50", "limit=2"))

    page.route(f"**/grading-queue/{BREAD}?*", two_on_a_page)
    page.get_by_test_id(f"question-{ESSAY_TEST}").get_by_role("link").click()
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages).to_contain_text("2 of 3")
    expect(page.get_by_test_id("answers-graded")).to_have_text("3 of 3 graded")
    seen = [page.get_by_test_id("answer-of").inner_text()]
    for _ in range(2):
        page.keyboard.press("j")
        expect(page.get_by_test_id("answer-of")).not_to_have_text(seen[-1])
        seen.append(page.get_by_test_id("answer-of").inner_text())
    assert len(set(seen)) == 3
    expect(pages).to_contain_text("3 of 3")
    screenshot(page, "staff-question-pages")
    assert violations(page) == []
    page.reload()
    expect(page.get_by_test_id("answer-of")).to_have_text(seen[-1])
    page.keyboard.press("k")
    expect(page.get_by_test_id("answer-of")).to_have_text(seen[-2])
    pages.get_by_role("link", name="Next page").click()
    expect(page.get_by_test_id("answer-of")).to_have_text(seen[-1])


def test_the_gradebook_is_walked_with_arrows_and_narrowed(class_work, sign_in, screenshot):
    page = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/gradebook")
    expect(page.get_by_test_id("gradebook-table")).to_be_visible()
    expect(page.get_by_test_id(f"cell-lucia-{CAKE}")).to_contain_text("nothing handed in")
    page.get_by_test_id(f"cell-lea-{BREAD}").get_by_role("link").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id(f"cell-lea-{CAKE}").get_by_role("link")).to_be_focused()
    page.keyboard.press("Control+End")
    expect(page.get_by_test_id(f"cell-lucia-{CAKE}")).to_be_focused()
    page.keyboard.press("Home")
    expect(page.get_by_test_id(f"cell-lucia-{BREAD}").get_by_role("link")).to_be_focused()
    page.keyboard.press("g")
    heading(page, "Lucia: Weekly bread")
    page.keyboard.press("u")
    expect(page.get_by_test_id("gradebook-table")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.insert_text("lia")
    expect(page.get_by_test_id("gradebook-row-lea")).to_be_hidden()
    expect(page.get_by_test_id("gradebook-row-liam")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_test_id("gradebook-state").select_option("missing")
    expect(page.get_by_test_id("gradebook-row-liam")).to_be_hidden()
    expect(page.get_by_test_id("gradebook-row-lucia")).to_be_visible()
    page.get_by_test_id("gradebook-state").select_option("")
    page.get_by_test_id(f"column-{CAKE}").get_by_role("link", name="Cake day").click()
    expect(page.get_by_test_id(f"column-{CAKE}")).to_have_attribute("aria-sort", "descending")
    page.get_by_test_id("gradebook-search").fill("nobody")
    expect(page.get_by_text("No learner fits these filters")).to_be_visible()
    screenshot(page, "staff-gradebook-empty")


def test_a_key_pressed_as_soon_as_a_page_shows_leads_where_it_says(class_work, sign_in):
    page = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/gradebook")
    link = page.get_by_test_id(f"cell-lucia-{BREAD}").get_by_role("link")
    expect(link).to_be_visible()
    page.evaluate(AT_ONCE, ["Lucia: Weekly bread", "u"])
    link.click()
    # The page of her grade says in its address which cell is open; it must not do so after we have left it.
    expect(page.get_by_test_id("gradebook-table")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page).to_have_url(re.compile(r"/gradebook$"))
    expect(page.get_by_test_id("gradebook-table")).to_be_visible()


def test_grades_are_exported(class_work, sign_in):
    page = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/gradebook")
    for ending, begin in (("csv", b"assignment,duedate,timestamp,student_id"), ("xlsx", b"PK")):
        page.get_by_test_id("export-menu").click()
        with page.expect_download() as waiting:
            page.get_by_test_id(f"export-{ending}").click()
        assert waiting.value.suggested_filename == f"{COURSE}-grades.{ending}"
        assert waiting.value.path().read_bytes().startswith(begin)


def test_rules_and_extensions(class_work, sign_in, screenshot):
    page = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/gradebook")
    expect(page.get_by_test_id(f"cell-lea-{BREAD}")).to_contain_text("late")
    page.get_by_test_id(f"column-menu-{BREAD}").click()
    screenshot(page, "staff-gradebook-menu")
    page.get_by_test_id("column-policy").click()
    page.get_by_test_id("policy-late").select_option("percent_per_day")
    page.get_by_test_id("policy-percent").fill("1")
    page.get_by_test_id("policy-most").fill("20")
    screenshot(page, "staff-policy")
    assert violations(page) == []
    page.get_by_test_id("policy-save").click()
    expect(page.get_by_test_id("gradebook-done")).to_contain_text("saved")
    expect(page.get_by_test_id(f"cell-lea-{BREAD}")).to_contain_text("points taken")

    page.get_by_test_id(f"column-menu-{BREAD}").click()
    page.get_by_test_id("column-extensions").click()
    page.get_by_test_id("extension-learner").fill("lea")
    page.get_by_test_id("extension-due").fill("2030-01-31T18:00")
    page.get_by_test_id("extension-reason").fill("Was ill")
    page.get_by_test_id("extension-save").click()
    expect(page.get_by_test_id("extension-lea")).to_contain_text("Was ill")
    screenshot(page, "staff-extensions")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_test_id(f"cell-lea-{BREAD}")).to_contain_text("has an extension")
    expect(page.get_by_test_id(f"cell-lea-{BREAD}")).not_to_contain_text("late")
    expect(page.get_by_test_id(f"cell-liam-{BREAD}")).to_contain_text("late")
    page.get_by_role("button", name="OK").click()
    screenshot(page, "staff-gradebook")


def test_released_grades_reach_the_learner_in_lab(installation, class_work, sign_in, screenshot):
    staff = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/gradebook")
    staff.get_by_test_id(f"cell-lea-{BREAD}").get_by_role("link").click()
    heading(staff, "Lea: Weekly bread")
    staff.get_by_test_id("grade-cell-cups").get_by_role("button").first.click()
    staff.get_by_test_id("grade-score").fill("4")
    staff.get_by_test_id("grade-extra").fill("1")
    staff.get_by_test_id("grade-comment").fill("A neat function.\nNext time a docstring.")
    frame = staff.frame_locator('[data-testid="notebook-frame"]')
    expect(frame.locator("body")).to_contain_text("Weekly bread")
    screenshot(staff, "staff-grading")
    assert violations(staff) == []
    staff.get_by_test_id("grade-save-stay").click()
    expect(staff.get_by_test_id("grade-saved")).to_be_visible()

    # As a link of a learning platform leads to it: with the lesson opened.
    lab = sign_in("lea", path=f"/hub/user-redirect/lab%3Fstudyhall-lesson%3D{COURSE}%252F{BREAD}")
    open_lab(lab)
    expect(lab.get_by_test_id("submit-button")).to_be_visible()
    expect(lab.get_by_role("tab", name=f"{BREAD}.ipynb")).to_be_visible()
    expect(lab).not_to_have_url(re.compile("studyhall-lesson"))
    expect(lab.get_by_test_id("status-notifications")).to_be_visible()

    staff.keyboard.press("Escape")
    staff.keyboard.press("u")
    staff.get_by_test_id(f"column-menu-{BREAD}").click()
    staff.get_by_test_id("column-release").click()
    screenshot(staff, "staff-release")
    staff.get_by_test_id("release-confirm").click()
    expect(staff.get_by_test_id("gradebook-done")).to_contain_text("3 learners are told")
    expect(staff.get_by_test_id(f"released-{BREAD}")).to_be_visible()
    screenshot(staff, "staff-released")

    expect(lab.get_by_test_id("status-notifications")).to_have_text(re.compile(r"\d"))
    lab.get_by_test_id("status-notifications").click()
    expect(lab.get_by_test_id("notifications-page")).to_contain_text("Your grade for Weekly bread is there")
    screenshot(lab, "lab-notifications")
    assert violations(lab, '[data-testid="notifications-page"]') == []
    lab.get_by_test_id("notification-grades.released").get_by_test_id("notification-open").click()
    expect(lab.get_by_test_id("final-grade")).to_be_visible()
    expect(lab.get_by_test_id(f"final-cell-{BREAD}/cups")).to_contain_text("A neat function.")
    screenshot(lab, "lab-grade")
    assert violations(lab, '[data-testid="result-panel"]') == []

    staff.get_by_test_id("gradebook-undo").click()
    expect(staff.get_by_test_id(f"released-{BREAD}")).to_be_hidden()
    path = f"{API}/submissions?course={COURSE}&lesson={BREAD}"
    (attempt,) = call(installation, "GET", path, token=token_of(installation, "lea"))["data"]
    assert attempt["final"] is None


def test_an_open_lab_follows_a_released_grade(class_work, sign_in, screenshot):
    staff = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/gradebook")
    staff.get_by_test_id(f"column-menu-{BREAD}").click()
    staff.get_by_test_id("column-release").click()
    staff.get_by_test_id("release-confirm").click()
    expect(staff.get_by_test_id(f"released-{BREAD}")).to_be_visible()
    lab = sign_in("liam")
    open_lab(lab)
    lab.get_by_test_id("status-notifications").click()
    lab.get_by_test_id("notification-grades.released").get_by_test_id("notification-open").click()
    expect(lab.get_by_test_id("final-grade")).to_be_visible()

    # What changes after the release changes before the learner's eyes, and is said once however often.
    # Ines does it, who may hold this answer's claim from before.
    grader = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/gradebook")
    grader.get_by_test_id(f"cell-liam-{BREAD}").get_by_role("link").click()
    grader.get_by_test_id("grade-cell-cups").get_by_role("button").first.click()
    for comment in ("On second thoughts.", "On third thoughts."):
        grader.get_by_test_id("grade-comment").fill(comment)
        grader.get_by_test_id("grade-save-stay").click()
        expect(grader.get_by_test_id("grade-save-stay")).to_be_disabled()
        expect(lab.get_by_test_id(f"final-cell-{BREAD}/cups")).to_contain_text(comment)
    expect(lab.get_by_test_id("status-notifications")).to_have_text("1")
    lab.get_by_test_id("status-notifications").click()
    changed = lab.get_by_test_id("notification-grade.changed")
    expect(changed).to_have_count(1)
    expect(changed).to_contain_text("Your grade for Weekly bread has changed")
    screenshot(lab, "lab-grade-changed")

    # Taken back, it leaves the open window at once, and the unread word of it as well.
    staff.get_by_test_id("gradebook-undo").click()
    expect(lab.get_by_test_id("final-grade")).to_be_hidden()
    expect(lab.get_by_test_id("result-headline")).not_to_contain_text("Grade:")
    expect(changed).to_have_count(0)
    expect(lab.get_by_test_id("notification-grades.released")).to_have_count(1)
    screenshot(lab, "lab-grade-taken-back")


def test_the_audit_log_says_who_changed_what(class_work, sign_in, screenshot):
    page = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/audit")
    expect(page.get_by_test_id("audit-grades.taken_back").first).to_be_visible()
    screenshot(page, "staff-audit")
    assert violations(page) == []
    page.get_by_test_id("audit-action").select_option("extension.granted")
    expect(page.get_by_test_id("audit-extension.granted")).to_contain_text("lea")
    expect(page.get_by_test_id("audit-grade.changed")).to_have_count(0)
    page.get_by_test_id("audit-actor").fill("gabriel")
    expect(page.get_by_text("Nothing fits these filters")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_gradebook_has_no_serious_finding(class_work, sign_in, screenshot, dark):
    page = sign_in("ines", path=f"{STAFF}/courses/{COURSE}/gradebook", dark=dark)
    expect(page.get_by_test_id("gradebook-table")).to_be_visible()
    assert violations(page) == []
    screenshot(page, f"staff-gradebook-{'dark' if dark else 'light'}")
    page.get_by_test_id(f"cell-liam-{BREAD}").get_by_role("link").click()
    heading(page, "Liam: Weekly bread")
    expect(page.get_by_test_id("grade-form")).to_be_visible()
    assert violations(page) == []
    screenshot(page, f"staff-grading-{'dark' if dark else 'light'}")


def test_a_grader_sees_no_more_than_graders_may(class_work, sign_in):
    page = sign_in("gabriel", path=STAFF + "/")
    # What needs somebody stands above the courses: once it is there, nothing moves any more.
    expect(page.get_by_test_id("need-answers")).to_be_visible()
    page.get_by_test_id(f"staff-course-{COURSE}").get_by_role("link", name="Gradebook").click()
    expect(page.get_by_test_id("gradebook-table")).to_be_visible()
    page.get_by_test_id(f"column-menu-{BREAD}").click()
    expect(page.get_by_test_id("column-attempts")).to_be_visible()
    expect(page.get_by_test_id("column-release")).to_be_hidden()
    expect(page.get_by_test_id("tab-audit")).to_be_hidden()
