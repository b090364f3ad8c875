"""JupyterLab as a learner uses it: by clicking and typing."""

from playwright.sync_api import expect

LESSON = "values-and-names"
NOTEBOOK = f"{LESSON}/{LESSON}"
SOLUTIONS = {
    "price_with_tip": (
        "def price_with_tip(price, percent):\n    return round(price * (1 + percent / 100), 2)"
    ),
    "oven_time": 'def oven_time(seconds):\n    return f"{seconds // 60} min {seconds % 60} s"',
    "receipt_line": 'def receipt_line(item, count, price):\n    return f"{count} x {item}: {count * price:.2f}"',
    "initials": (
        'def initials(first, last):\n    return f"{first.strip()[0].upper()}.{last.strip()[0].upper()}."'
    ),
}
WRONG = "def oven_time(seconds):\n    return seconds"


HAS_ITS_FOCUS = """() => document.querySelector(".jp-Notebook .jp-Cell") !== null
  && document.querySelector(".jp-NotebookPanel > .jp-Spinner") === null
  && !document.activeElement?.matches(".jp-Spinner, .jp-Notebook")"""
"""Lab gives the focus to what turns while a notebook loads, then to the notebook, and from there to a cell."""

WATCH = """() => {
  window.pointedOut = new Promise((done) => new MutationObserver((_, watch) => {
    if (document.querySelector(".sh-mod-pointedOut")) {
      watch.disconnect();
      done();
    }
  }).observe(document.body, { attributes: true, attributeFilter: ["class"], subtree: true }));
}"""
"""Sees the mark on a cell however short it is there."""


def open_lab(page):
    page.wait_for_url("**/lab**")
    expect(page.get_by_test_id("outline")).to_be_visible()


def open_lesson(page, lesson=LESSON):
    page.get_by_test_id(f"lesson-row-{lesson}").click()
    expect(page.get_by_test_id("submit-button")).to_be_visible()
    wait_for_keyboard(page)


def wait_for_keyboard(page):
    """Wait until nothing takes the focus away any more from whoever types."""
    page.wait_for_function(HAS_ITS_FOCUS)
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible()


def go_to_cell(page, row):
    """Go from a result to its cell; the cell is pointed out once it has the focus."""
    page.evaluate(WATCH)
    row.get_by_test_id("go-to-cell").click()
    page.evaluate("window.pointedOut")


def answer_cell(page, name):
    return page.locator(".jp-CodeCell").filter(has_text=f"def {name}(").first


def write_answer(page, name, code):
    """Replace an answer cell's text, as a learner would: go there, select all, type."""
    cell = answer_cell(page, name)
    cell.scroll_into_view_if_needed()
    cell.locator(".cm-content").click()
    expect(cell.locator(".cm-content")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)
    expect(cell.locator(".cm-content")).to_contain_text(code.splitlines()[-1].strip())


def submit(page):
    page.get_by_test_id("submit-button").click()
    expect(page.get_by_test_id("result-panel")).to_be_visible()
