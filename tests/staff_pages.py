"""The staff's pages as a grader uses them: by keys, at once, and over a slow line."""

from playwright.sync_api import expect

AT_ONCE = """
([wanted, key]) => new MutationObserver((_, watch) => {
  if (document.querySelector("h1")?.textContent.includes(wanted)) {
    watch.disconnect();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  }
}).observe(document, { childList: true, subtree: true, characterData: true })
"""
"""Presses a key in the very moment in which a heading is drawn, which no person and no driver does reliably."""


def heading(page, name):
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def go_on(page):
    """Save and go on, as a grader without a mouse does."""
    page.keyboard.press("Control+Enter")


def make_rubric(page, *items):
    """Write a question's rubric by typing, not by clicking."""
    page.get_by_test_id("rubric-edit").focus()
    page.keyboard.press("Enter")
    for title, points in items:
        page.get_by_test_id("rubric-title").fill(title)
        page.get_by_test_id("rubric-points").fill(points)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=f"Remove {title} from the rubric")).to_be_visible()
    page.get_by_test_id("rubric-edit").focus()
    page.keyboard.press("Enter")


def is_claim(method, status):
    def answers(told):
        return "/grading-claims" in told.url and (told.request.method, told.status) == (method, status)

    return answers


class SlowLine:
    """What a page saves waits until it is let through: a slow line, without a clock."""

    def __init__(self, page):
        self.page = page
        self.held = []
        page.route("**/grading", self._hold)

    def _hold(self, route):
        if route.request.method == "PUT":
            self.held.append(route)
        else:
            route.continue_()

    def let_one_through(self):
        while not self.held:
            self.page.evaluate("new Promise(drawn => requestAnimationFrame(drawn))")
        with self.page.expect_request_finished(lambda request: request.method == "PUT"):
            self.held.pop(0).continue_()
