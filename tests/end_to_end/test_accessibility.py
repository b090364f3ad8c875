"""Keyboard, contrast and both themes: what people see, checked by axe and by hands without a mouse."""

import re
import time

import pytest
from accessibility import violations
from lab_pages import LESSON, open_lab, open_lesson, wait_for_keyboard
from playwright.sync_api import expect

OURS = {
    "outline": '[data-testid="outline"]',
    "result panel": '[data-testid="result-panel"]',
}


def choose_theme(page, theme):
    """Save a theme as Lab's own settings do.

    Lab's palette and menus close whenever a restored notebook takes the focus, at a moment that nobody can see.
    """
    status = page.evaluate(
        """async (theme) => {
            const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
            const url = config.baseUrl + "lab/api/settings/@jupyterlab/apputils-extension:themes";
            const token = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)[1];
            const body = JSON.stringify({ raw: JSON.stringify({ theme }) });
            return (await fetch(url, { method: "PUT", body, headers: { "X-XSRFToken": token } })).status;
        }""",
        theme,
    )
    assert status == 204
    page.reload()
    open_lab(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_staff_pages_have_no_serious_finding(sign_in, screenshot, dark):
    page = sign_in("ines", path="/services/studyhall/", dark=dark)
    expect(page.get_by_test_id("staff-course-python-foundations")).to_be_visible()
    assert violations(page, "body") == []
    page.get_by_test_id("staff-course-python-foundations").get_by_role("link", name="Assignments").click()
    expect(page.get_by_test_id("assignments-table")).to_be_visible()
    assert violations(page, "body") == []
    screenshot(page, f"staff-assignments-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("tab", ["Assignments", "Gradebook", "Grading", "Attempts", "Audit log"])
def test_a_narrow_window_never_scrolls_the_page_sideways(sign_in, tab):
    """Wide tables scroll within their own frame, so that headings and tabs stay where they are."""
    page = sign_in("ines", path="/services/studyhall/courses/python-foundations/assignments")
    page.set_viewport_size({"width": 400, "height": 800})
    expect(page.get_by_test_id("assignments-table")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name=tab, exact=True).click()
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(page.get_by_role("link", name=tab, exact=True)).to_have_attribute("aria-current", "page")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_results_leave_a_notebook_room_in_a_narrow_or_zoomed_window(installation, sign_in):
    """The outline gives way: Lab would squeeze the notebook to a strip without its Submit button."""
    # A workspace of its own: Lab keeps its layout, and other tests look for the outline.
    page = sign_in("lucia")
    open_lab(page)
    page.goto(f"{installation.url}/user/lucia/lab/workspaces/narrow")
    page.set_viewport_size({"width": 640, "height": 800})
    open_lab(page)
    open_lesson(page)
    page.get_by_role("tab", name="Results").click()
    expect(page.get_by_test_id("result-panel")).to_be_visible()
    expect(page.get_by_test_id("outline")).to_be_hidden()
    expect(page.get_by_test_id("submit-button")).to_be_visible()


def test_a_quiz_is_answered_and_tried_again_with_the_keyboard(installation, sign_in):
    page = sign_in("lucia")
    open_lab(page)
    page.goto(f"{installation.url}/user/lucia/lab/workspaces/quiz")
    open_lab(page)
    open_lesson(page)
    quiz = page.get_by_test_id("quiz-card-names-quiz")
    quiz.scroll_into_view_if_needed()
    # What is asked is heard with the group and with the field, not only the words "Your answer".
    expect(quiz.get_by_label("Your answer")).to_have_accessible_description(re.compile(r"Which type does"))
    quiz.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    expect(quiz.get_by_text("1 of 2 answered")).to_be_visible()
    page.keyboard.press("Tab")
    expect(quiz.get_by_label("Your answer")).to_be_focused()
    page.keyboard.type("float")
    page.keyboard.press("Enter")
    expect(quiz.get_by_test_id("quiz-score")).to_be_visible()
    expect(quiz.get_by_role("heading", level=3)).to_be_focused()
    assert violations(page, '[data-testid="quiz-card-names-quiz"]') == []
    page.keyboard.press("Tab")
    expect(quiz.get_by_test_id("quiz-try-again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(quiz.get_by_role("radio").first).to_be_focused()


IN_DIALOG = "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
DIALOGS = {
    "policy": ("column-policy", "policy-dialog"),
    "extensions": ("column-extensions", "extensions-dialog"),
    "release": ("column-release", "release-dialog"),
    "take back": ("column-take_back", "take-back-dialog"),
}


@pytest.fixture
def due_date(sign_in):
    """Give the lesson a due date for a while: where nobody is ever late, nobody can have more time."""
    page = sign_in("ines", path="/services/studyhall/courses/python-foundations/gradebook")
    set_due(page, "2030-01-31T18:00")
    yield
    page.reload()
    set_due(page, "")


def set_due(page, moment):
    page.get_by_test_id(f"column-menu-{LESSON}").click()
    page.get_by_test_id("column-policy").click()
    page.get_by_test_id("policy-due").fill(moment)
    page.get_by_test_id("policy-save").click()
    expect(page.get_by_test_id("gradebook-done")).to_contain_text("saved")
    expect(page.get_by_test_id("policy-dialog")).to_be_hidden()


@pytest.mark.usefixtures("due_date")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_dialogs_have_no_serious_finding_and_hold_the_focus(sign_in, screenshot, dark):
    page = sign_in("ines", path="/services/studyhall/courses/python-foundations/gradebook", dark=dark)
    menu = page.get_by_test_id(f"column-menu-{LESSON}")
    for name, (entry, dialog) in DIALOGS.items():
        if name == "take back":
            release(page, menu)
        menu.focus()
        page.keyboard.press("Enter")
        page.get_by_test_id(entry).focus()
        page.keyboard.press("Enter")
        shown = page.get_by_test_id(dialog)
        expect(shown).to_be_visible()
        expect(shown.locator("button.primary")).to_be_visible()
        expect(shown.locator(":focus")).to_have_count(1)
        screenshot(page, f"staff-{dialog}-{'dark' if dark else 'light'}")
        assert violations(page, f'[data-testid="{dialog}"]') == [], name
        # Round and round with Tab: whatever is behind the dialog is out of reach.
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate(IN_DIALOG)
        page.keyboard.press("Escape")
        expect(shown).to_be_hidden()
        expect(menu).to_be_focused()
    menu.click()
    page.get_by_test_id("column-take_back").click()
    page.get_by_test_id("take-back-confirm").click()
    expect(page.get_by_test_id(f"released-{LESSON}")).to_be_hidden()


def release(page, menu):
    menu.click()
    page.get_by_test_id("column-release").click()
    page.get_by_test_id("release-confirm").click()
    expect(page.get_by_test_id(f"released-{LESSON}")).to_be_visible()
    # The page may hear of it before the dialog does.
    expect(page.get_by_test_id("release-dialog")).to_be_hidden()


SHIFTS = """
window.shifts = [];
const movedBy = one => [one.node?.className, one.node?.textContent?.slice(0, 40)].join(": ");
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) window.shifts.push(...entry.sources.map(movedBy));
  }
}).observe({ type: "layout-shift", buffered: true });
"""
DRAWN = "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


@pytest.mark.parametrize(
    ("path", "last"),
    [("", "needs"), ("courses/python-foundations", "assignments-table")],
    ids=["home", "assignments"],
)
def test_nothing_moves_while_a_page_loads(sign_in, path, last):
    page = sign_in("ines", path="/services/studyhall/")
    expect(page.get_by_test_id("staff-home")).to_be_visible()
    held = []

    def hold(route):
        held.append(route)

    page.route("**/api/v1/**", hold)
    page.add_init_script(SHIFTS)
    page.goto(page.url.split("/services/studyhall/")[0] + f"/services/studyhall/{path}")
    ends = time.monotonic() + 120
    while not page.get_by_test_id(last).count():
        assert time.monotonic() < ends, "the page never came"
        # Each answer comes when the page has drawn all that it can without it.
        if held:
            held.pop(0).continue_()
        page.evaluate(DRAWN)
    expect(page.get_by_test_id(last)).to_be_visible()
    page.evaluate(DRAWN)
    assert page.evaluate("window.shifts") == []


@pytest.mark.usefixtures("due_date")
def test_a_dialog_s_form_stays_where_it_is_while_its_list_loads(sign_in):
    page = sign_in("ines", path="/services/studyhall/courses/python-foundations/gradebook")
    menu = page.get_by_test_id(f"column-menu-{LESSON}")
    expect(menu).to_be_visible()  # what is held is then asked for by this page, not by one that is on its way
    held = []

    def hold(route):
        held.append(route)

    page.route("**/extensions?*", hold)
    menu.click()
    page.get_by_test_id("column-extensions").click()
    learner = page.get_by_test_id("extension-learner")
    expect(learner).to_be_focused()
    # However long it takes: its grey lines push nothing away either.
    expect(page.get_by_test_id("extensions-dialog").get_by_role("status")).to_be_visible()
    places = [learner.bounding_box()]
    ends = time.monotonic() + 120
    while not held:
        assert time.monotonic() < ends, "the page never asked for its list"
        page.evaluate(DRAWN)
    for route in held:
        route.continue_()
    expect(page.get_by_text("Nobody has more time than the others.")).to_be_visible()
    places.append(learner.bounding_box())
    assert places[0] == places[1]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_lab_panels_have_no_serious_finding_in_either_theme(sign_in, screenshot, theme):
    page = sign_in("lucia")
    open_lab(page)
    choose_theme(page, theme)
    expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)
    open_lesson(page)
    page.get_by_test_id("submit-button").click()
    expect(page.get_by_test_id("result-headline")).to_contain_text(re.compile(r"\d+ of 20 points"))
    for name, selector in OURS.items():
        assert violations(page, selector) == [], name
    screenshot(page, f"lab-{theme.split()[-1].lower()}")


def test_a_learner_without_a_mouse_opens_a_lesson_and_submits_it(sign_in):
    page = sign_in("liam")
    open_lab(page)
    row = page.get_by_test_id(f"lesson-row-{LESSON}")
    expect(row).to_be_visible()
    # From the outline's primary action on, with Tab and arrows alone.
    # Lab gives the focus to its launcher once that is there, and marks the tab of what has had it last.
    expect(page.locator(".jp-Launcher")).to_be_visible()
    expect(page.locator("#jp-main-dock-panel .lm-TabBar-tab.jp-mod-current")).to_have_count(1)
    page.get_by_test_id("continue-button").press("Tab")
    for _ in range(10):
        if page.evaluate("document.activeElement?.dataset.testid") == f"lesson-row-{LESSON}":
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("submit-button")).to_be_visible()
    wait_for_keyboard(page)
    page.get_by_test_id("submit-button").press("Enter")
    expect(page.get_by_test_id("result-headline")).to_contain_text(re.compile(r"\d+ of 20 points"))
