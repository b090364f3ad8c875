"""A week of three people with one assignment: who types and clicks what, what is said and shown, and the grades."""

import csv
import json
import re

import nbformat
from graders_desk import server_of, sign_terminal_in, until
from installations import API, call, token_of
from kitchen_course import COURSE, EGGS, PANCAKES, pancakes
from lab_pages import open_lab, open_lesson, submit, write_answer
from playwright.sync_api import expect

SERVICE = "/services/studyhall"
REST = (
    "The flour drinks the milk and the bubbles settle, so that the batter gets thick and the pancakes soft."
)
WRONG_EGGS = "def eggs(people):\n    return people // 2"
GRADES = """
import json, sys
from nbgrader.api import Gradebook
from studyhall_extension.nbgrader_exchange.credentials import Credentials
course, assignment = sys.argv[1:]
with Gradebook(Credentials().gradebook(course), course) as book:
    print(json.dumps({one.student.id: one.score for one in book.assignment_submissions(assignment)}))
"""
INTRODUCTION = """# A grader's week

Written by a test (`tests/end_to_end/grading/test_graders_week.py`, with `make screenshots`): every command below was
typed against a running Studyhall with nbgrader's own program, and said what stands under it. Folders, times, codes and
addresses are replaced by others that do not change. [nbgrader over Studyhall](nbgrader.md) says what each command does;
[nbgrader's gradebook](nbgrader-gradebook.md) how both sides keep one number."""


class Week:
    """Ines grades with nbgrader's commands, Lea works in JupyterLab, and Liam in a terminal of his own."""

    def __init__(self, installation, desk, sign_in, visitor, screenshot, page):
        self.installation, self.sign_in, self.visitor = installation, sign_in, visitor
        self.screenshot, self.page = screenshot, page
        self.ines, self.liam = desk("ines", staff=True), desk("liam", staff=False)
        self.browser = sign_in("ines", path=f"{SERVICE}/courses/{COURSE}/gradebook")

    def monday(self):
        say, ines = self.page.say, self.ines
        say(INTRODUCTION)
        say("## Monday: signing in, making an assignment, releasing it")
        say(
            "Ines sits at a terminal with `nbgrader` in it. `studyhall login` shows a code, and Ines approves it in "
            "the browser."
        )
        sign_terminal_in(ines, COURSE, self.approve)
        self.page.picture(
            "week-login", "The page that asks whether the terminal with this code may be signed in"
        )
        say("The course's folder holds nothing but `source/` yet.")
        source = ines.folder / "source" / PANCAKES
        source.mkdir(parents=True)
        nbformat.write(pancakes(), source / f"{PANCAKES}.ipynb")
        ines.studyhall("nbgrader", "configure", "--course", COURSE, "--yes")
        ines.nbgrader("generate_assignment", PANCAKES)
        said = ines.nbgrader("validate", f"source/{PANCAKES}/{PANCAKES}.ipynb")
        assert "passes all the tests" in said
        said = ines.nbgrader("release_assignment", PANCAKES)
        assert f"Released as: {COURSE} {PANCAKES}" in said
        assert f"{COURSE} {PANCAKES}" in ines.nbgrader("list")

    def approve(self, code):
        page = self.sign_in("ines", path=f"{SERVICE}/access")
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Look it up").click()
        expect(page.get_by_role("main")).to_contain_text(COURSE)
        self.screenshot(page, "week-login")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("status")).to_contain_text("signed in")

    def wednesday(self):
        say = self.page.say
        say("## Wednesday: two learners hand in")
        say(
            "Lea finds the lesson in JupyterLab, solves it and presses *Submit*. The tests' verdict is there at once."
        )
        self.lab = self.lea_submits()
        self.page.picture("week-submitted", "Lea's lesson in JupyterLab with the tests' verdict")
        say("Liam is in a terminal of his notebook server, as he was with nbgrader before.")
        liam = self.liam
        liam.studyhall("nbgrader", "configure", "--yes")
        assert f"{COURSE} {PANCAKES}" in liam.nbgrader("list", "--course", COURSE)
        liam.nbgrader("fetch_assignment", PANCAKES, "--course", COURSE)
        answer(liam.folder / PANCAKES / f"{PANCAKES}.ipynb", eggs=WRONG_EGGS, why_rest="It is lazy.")
        assert "Submitted as" in liam.nbgrader("submit", PANCAKES, "--course", COURSE)
        until(lambda: self.attempt_of("liam")["status"] == "needs_manual")
        assert (self.attempt_of("liam")["score"], self.attempt_of("liam")["max_score"]) == (1, 8)

    def lea_submits(self):
        page = self.sign_in("lea")
        open_lab(page)
        open_lesson(page, PANCAKES)
        write_answer(page, "eggs", EGGS)
        words = page.locator(".jp-MarkdownCell").last
        words.dblclick()
        words.locator(".cm-content").click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(REST)
        expect(words.locator(".cm-content")).to_contain_text("pancakes soft")
        submit(page)
        expect(page.get_by_test_id("result-headline")).to_contain_text("the rest is graded by hand")
        expect(page.get_by_test_id("result-headline")).to_contain_text("3 of 8 points")
        self.screenshot(page, "week-submitted")
        return page

    def thursday(self):
        say, ines = self.page.say, self.ines
        say("## Thursday: collecting, grading, marking by hand")
        said = ines.nbgrader("list", "--inbound")
        assert f"{COURSE} lea {PANCAKES}" in said
        assert f"{COURSE} liam {PANCAKES}" in said
        ines.nbgrader("collect", PANCAKES)
        say(
            "Autograding runs both notebooks in the judge's sandbox: nothing of a learner runs in this terminal."
        )
        said = ines.nbgrader("autograde", PANCAKES)
        assert "had been changed" not in said, "nobody has changed a test"
        say("Lea's answer is read in formgrader, in a server that the hub has started for staff.")
        with server_of(self.installation, self.visitor("ines"), "ines"):
            self.mark_lea_in_formgrader()
            self.page.picture(
                "week-formgrader", "Lea's submission in formgrader, with the points and a comment"
            )
            say("Liam's answer is read on the staff pages.")
            self.mark_liam_on_the_staff_page()
            # Each side has what was typed on the other.
            wanted = {"lea": 7, "liam": 3.5}
            until(lambda: self.in_nbgrader() == wanted)
            until(lambda: self.on_staff_page() == wanted)
            self.formgraders = self.in_formgrader()
            assert self.formgraders == wanted

    def mark_lea_in_formgrader(self):
        self.forms = page = self.sign_in(
            "ines", path=f"/user/ines/formgrader/gradebook/{PANCAKES}/{PANCAKES}"
        )
        # Formulas come from the internet, which is not to be waited for.
        page.route(lambda url: not url.startswith(self.installation.url), lambda route: route.abort())
        expect(page.get_by_role("link", name=re.compile("Submission #"))).to_have_count(2)
        rows = page.request.get(f"{self.formgrader}/api/submitted_notebooks/{PANCAKES}/{PANCAKES}").json()
        (lea,) = [row["id"] for row in rows if row["student"] == "lea"]
        page.goto(f"{self.formgrader}/submissions/{lea}/")
        expect(page.locator("#test_eggs_odd")).to_have_attribute("placeholder", "2")
        # Points and comments come one apart from the other; a box that has not got its own saves nothing.
        page.wait_for_function("formgrader.grades?.loaded && formgrader.comments?.loaded")
        for box, text, kind in (
            ("#why_rest", "4", "grade"),
            ("#why_rest-comment", "Well observed.", "comment"),
        ):
            page.locator(box).fill(text)
            with page.expect_response(lambda answer, kind=kind: f"/api/{kind}/" in answer.url) as saved:
                page.keyboard.press("Tab")
            assert saved.value.ok
        page.locator("#why_rest").scroll_into_view_if_needed()
        self.screenshot(page, "week-formgrader")

    def mark_liam_on_the_staff_page(self):
        page = self.browser
        page.reload()
        page.get_by_test_id(f"cell-liam-{PANCAKES}").get_by_role("link").click()
        page.get_by_test_id("grade-cell-why_rest").get_by_role("button").first.click()
        page.get_by_test_id("grade-score").fill("2")
        page.get_by_test_id("grade-extra").fill("0.5")
        page.get_by_test_id("grade-comment").fill("True, but what happens in it?")
        frame = page.frame_locator('[data-testid="notebook-frame"]')
        expect(frame.locator("body")).to_contain_text("It is lazy.")
        # Further down a traceback says where this machine keeps its Python.
        page.set_viewport_size({"width": 1280, "height": 608})
        self.screenshot(page, "week-grading")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.get_by_test_id("grade-save-stay").click()
        expect(page.get_by_test_id("grade-saved")).to_be_visible()
        self.page.picture(
            "week-grading", "Liam's submission on the staff pages, with the points and a comment"
        )

    def friday(self):
        say, ines = self.page.say, self.ines
        say("## Friday: feedback, export, signing out")
        said = ines.nbgrader("generate_feedback", PANCAKES)
        assert "WARNING" not in said
        said = ines.nbgrader("release_feedback", PANCAKES)
        assert "Releasing feedback for student 'lea'" in said
        ines.nbgrader("export")
        exported = self.in_export()
        read = self.in_nbgrader()
        say("Liam fetches the feedback: it quotes no hidden test.")
        self.liam.nbgrader("fetch_feedback", PANCAKES, "--course", COURSE)
        (feedback,) = (self.liam.folder / PANCAKES / "feedback").rglob("*.html")
        assert "True, but what happens in it?" in feedback.read_text()
        assert "eggs(5)" not in feedback.read_text()
        say("On the staff pages Ines releases the grades, and Lea is told in JupyterLab.")
        shown = self.release_grades()
        self.page.picture("week-gradebook", "The staff gradebook with both grades, released")
        told = self.in_panels()
        self.page.picture(
            "week-panel", "Lea's result panel in JupyterLab with the released grade and the comment"
        )
        self.compare(
            {
                "`nbgrader export` (`grades.csv`)": exported,
                "nbgrader's gradebook": read,
                "formgrader": self.formgraders,
                "the staff gradebook in the browser": shown,
                "the learner's result panel": told,
            }
        )
        say("Signing out ends the token and the login to the gradebook at once.")
        assert f"Signed out of {COURSE}." in ines.studyhall("logout")
        assert "studyhall login" in ines.nbgrader("list", "--inbound", code=1)

    def release_grades(self):
        page = self.browser
        page.goto(f"{self.installation.url}{SERVICE}/courses/{COURSE}/gradebook")
        page.get_by_test_id(f"column-menu-{PANCAKES}").click()
        page.get_by_test_id("column-release").click()
        page.get_by_test_id("release-confirm").click()
        expect(page.get_by_test_id("gradebook-done")).to_contain_text("learners are told")
        expect(page.get_by_test_id(f"released-{PANCAKES}")).to_be_visible()
        page.get_by_role("button", name="OK").click()
        shown = self.on_staff_page()
        self.screenshot(page, "week-gradebook")
        return shown

    def compare(self, grades):
        """Write the grades down, as they were read at each place, and see that they are the same."""
        rows = [f"| {place} | {found['lea']:g} | {found['liam']:g} |" for place, found in grades.items()]
        self.page.say("## The same grades everywhere\n\nOf 8 points each, as they were read at each place:")
        self.page.say("\n".join(("| where | lea | liam |", "| --- | ---: | ---: |", *rows)))
        assert set(map(json.dumps, grades.values())) == {json.dumps({"lea": 7.0, "liam": 3.5})}

    # Where a grade can be read

    @property
    def formgrader(self):
        return f"{self.installation.url}/user/ines/formgrader"

    def attempt_of(self, name):
        path = f"{API}/submissions?course={COURSE}&lesson={PANCAKES}"
        return call(self.installation, "GET", path, token=token_of(self.installation, name))["data"][0]

    def in_export(self):
        with (self.ines.folder / "grades.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["assignment"] == PANCAKES]
        return {
            name: float(row["score"]) for name in ("lea", "liam") for row in rows if row["student_id"] == name
        }

    def in_nbgrader(self):
        found = self.ines.python(GRADES, COURSE, PANCAKES)
        return {name: float(found[name]) for name in ("lea", "liam")}

    def in_formgrader(self):
        rows = self.forms.request.get(f"{self.formgrader}/api/submissions/{PANCAKES}").json()
        return {
            name: float(row["score"]) for name in ("lea", "liam") for row in rows if row["student"] == name
        }

    def on_staff_page(self):
        page, found = self.browser, {}
        page.goto(f"{self.installation.url}{SERVICE}/courses/{COURSE}/gradebook")
        for name in ("lea", "liam"):
            cell = page.get_by_test_id(f"cell-{name}-{PANCAKES}")
            expect(cell).to_contain_text("of 8")
            found[name] = float(re.search(r"([\d.]+) of 8", cell.inner_text())[1])
        return found

    def in_panels(self):
        """Return what Lea's panel shows, and what Liam's would: his is made of this answer."""
        lab = self.lab
        lab.get_by_test_id("status-notifications").click()
        lab.get_by_test_id("notification-grades.released").get_by_test_id("notification-open").click()
        expect(lab.get_by_test_id("final-grade")).to_be_visible()
        expect(lab.get_by_test_id(f"final-cell-{PANCAKES}/why_rest")).to_contain_text("Well observed.")
        lab.locator(".lm-TabBar-tab").filter(has_text=f"{PANCAKES}.ipynb").click()
        expect(lab.get_by_test_id("notifications-page")).to_be_hidden()
        self.screenshot(lab, "week-panel")
        expect(lab.get_by_test_id("result-headline")).to_contain_text("Grade: ")
        headline = lab.get_by_test_id("result-headline").inner_text()
        return {
            "lea": float(re.search(r"Grade: ([\d.]+) of 8 points", headline)[1]),
            "liam": float(self.attempt_of("liam")["final"]["score"]),
        }


def answer(file, **answers):
    """Write a learner's answers into their notebook, by grade id."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    nbformat.write(notebook, file)
