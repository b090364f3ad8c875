"""A grader opens what a learner handed in: nothing of it runs on the grader's server, and all of it in the sandbox."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import psutil
import pytest
from accessibility import violations
from installations import call, token_of
from kitchen_course import BREAD, COURSE, LOAVES, handed_in
from lab_pages import wait_for_keyboard
from nbformat.v4 import new_code_cell, new_output
from playwright.sync_api import expect

HUB = "/services/studyhall"
SCRIPT = "<img src=x onerror='window.pwned = 1'><script>window.pwned = 1</script><b>seen before</b>"
HOSTILE = (
    "from pathlib import Path\n"
    "open('/tmp/pwned', 'w').write('x')\n"
    "open('pwned.txt', 'w').write('x')\n"
    "(Path.home() / 'pwned.txt').write_text('x')"
)
PRINTS_SCRIPT = f"from IPython.display import HTML\nHTML({SCRIPT!r})"
READS = "print(open('flour.csv').read())"
LOOPS = "total = 1 / 0"


def submitted():
    """Return a submission with answers, a script in an output, and cells that no grader wants to run."""
    [text] = handed_in(BREAD, {"loaves": LOAVES}).values()
    notebook = nbformat.reads(text, as_version=4)
    output = new_output("display_data", data={"text/html": SCRIPT, "text/plain": "plain"})
    extra = [new_code_cell(HOSTILE), new_code_cell(PRINTS_SCRIPT, outputs=[output]), new_code_cell(READS)]
    notebook.cells = [*notebook.cells, *extra, new_code_cell(LOOPS)]
    return notebook


@pytest.fixture(scope="module")
def home(installation):
    """A grader's home folder after `studyhall login` and `nbgrader collect`."""
    folder = installation.data / "learners" / "gabriel"
    work = folder / "kitchen" / "submitted" / "lea" / BREAD
    work.mkdir(parents=True)
    (folder / "kitchen" / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.course_id = {COURSE!r}\n"
    )
    nbformat.write(submitted(), work / f"{BREAD}.ipynb")
    (work / "flour.csv").write_text("spelt,1000")
    tokens = folder / ".config" / "studyhall" / "tokens.json"
    tokens.parent.mkdir(parents=True)
    row = {
        "service": f"{installation.url}{HUB}",
        "course": COURSE,
        "token": token_of(installation, "gabriel"),
        "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }
    tokens.touch(mode=0o600)
    tokens.write_text(json.dumps({"tokens": [row]}))
    return folder


def processes_of(installation, name):
    """Return the processes of somebody's server, by their environment; other installations have people of that name."""
    found = []
    for one in psutil.Process(installation.process.pid).children(recursive=True):
        process = Path("/proc") / str(one.pid)
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if f"JUPYTERHUB_USER={name}".encode() in environment:
            found.append((process, command))
    return found


def kernels(installation, name):
    """Return what runs code on somebody's server, as the server says it and as the machine does."""
    token = token_of(installation, name)
    running = call(installation, "GET", f"/user/{name}/api/kernels", token=token)
    return running + [command for _, command in processes_of(installation, name) if b"ipykernel" in command]


def traces(installation, home):
    """Return what the learner's code has left on the grader's server, also in its own /tmp."""
    servers = [process / "root" for process, _ in processes_of(installation, "gabriel")]
    assert servers
    inside = [str(root) for root in servers if (root / "tmp" / "pwned").exists()]
    return inside + [str(path) for path in home.rglob("pwned*")]


def code_cell(page, text):
    return page.locator(".jp-CodeCell").filter(has_text=text)


@pytest.fixture
def opened(installation, home, sign_in):
    """Open the submission as formgrader's links do, by its path."""

    def enter(path=f"kitchen/submitted/lea/{BREAD}/{BREAD}.ipynb", name="gabriel"):
        page = sign_in(name, path=f"/hub/user-redirect/lab/tree/{path}")
        expect(page.get_by_test_id("learners-banner")).to_be_visible()
        wait_for_keyboard(page)
        # Between the page and its first cell nobody may have the focus for a moment; the palette closes when it moves.
        expect(page.locator(".jp-Notebook .jp-Cell:focus, .jp-Notebook .jp-Cell :focus")).to_have_count(1)
        return page

    return enter


def decline(page, question):
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()


def test_a_learners_notebook_runs_in_the_sandbox_only(installation, home, opened, screenshot):
    page = opened()
    banner = page.get_by_test_id("learners-banner")
    expect(banner).to_contain_text(re.compile("s work. Its code does not run on your server."))
    expect(banner).to_contain_text(f"lea, {BREAD}")
    expect(banner).to_be_in_viewport(ratio=1)
    expect(page.get_by_test_id("sandbox-run")).to_be_in_viewport(ratio=1)

    # Running by key, menu or toolbar starts nothing: the sandbox is offered.
    hostile = code_cell(page, "/tmp/pwned")
    hostile.scroll_into_view_if_needed()
    hostile.locator(".cm-content").click()
    offer = page.get_by_role("dialog").filter(has_text="Run this notebook in the sandbox?")
    page.keyboard.press("Shift+Enter")
    decline(page, offer)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    decline(page, offer)
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill("New Console for Notebook")
    page.locator(".lm-CommandPalette-item").filter(has_text="New Console for Notebook").click()
    decline(page, offer)
    hostile.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("in Console$")).click()
    decline(page, offer)
    page.locator('[data-jp-item-name="restart-and-run"]').click()
    expect(offer).to_be_visible()
    assert kernels(installation, "gabriel") == []

    # Accepted, the whole notebook runs elsewhere, with the file beside it.
    page.keyboard.press("Enter")
    state = page.get_by_test_id("sandbox-state")
    expect(state).to_contain_text("2 have failed.")
    expect(page.get_by_test_id("sandbox-failures")).to_contain_text("ZeroDivisionError: division by zero")
    expect(code_cell(page, "flour.csv").locator(".jp-OutputArea-output")).to_contain_text("spelt,1000")
    shown = code_cell(page, "IPython.display")
    shown.scroll_into_view_if_needed()
    expect(shown.locator(".jp-OutputArea-output b")).to_have_text("seen before")
    assert page.evaluate("window.pwned") is None
    assert kernels(installation, "gabriel") == []
    assert traces(installation, home) == []
    assert violations(page, '[data-testid="learners-banner"]') == []
    page.get_by_role("button", name=re.compile(r"^Cell \d+$")).last.click()
    expect(code_cell(page, "1 / 0").locator(".jp-OutputArea-output")).to_contain_text("ZeroDivisionError")
    screenshot(page, "learners-notebook")

    # What ran is in the view alone.
    saved = (home / "kitchen" / "submitted" / "lea" / BREAD / f"{BREAD}.ipynb").read_text()
    assert "spelt,1000" not in saved


def test_a_kernel_is_started_by_whoever_knows_what_that_means(installation, home, opened, screenshot):
    themes = home / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    themes.parent.mkdir(parents=True, exist_ok=True)
    themes.write_text('{"theme": "JupyterLab Dark"}')
    page = opened()
    anyway = page.get_by_test_id("kernel-anyway")
    question = page.get_by_role("dialog").filter(has_text="code on your server?")
    anyway.press("Enter")
    expect(question).to_contain_text("It would run as you.")
    screenshot(page, "learners-notebook-question")
    page.keyboard.press("Enter")  # the answer at hand is the harmless one
    expect(question).to_be_hidden()
    assert kernels(installation, "gabriel") == []
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill("sandbox")
    # The list follows what is typed a little later, and Enter takes what is marked in it.
    expect(page.locator(".lm-CommandPalette-item.lm-mod-active")).to_contain_text("sandbox", ignore_case=True)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("sandbox-state")).to_contain_text("Ran ")
    assert violations(page, '[data-testid="learners-banner"]') == []
    screenshot(page, "learners-notebook-dark")

    # One that waits says why, and can be taken back.
    waits = {
        "id": None,
        "status": "queued",
        "message": "The judge does not answer right now.",
        "result": None,
    }
    asked = "**/learners-notebooks/runs/**"

    def answer(route):
        if route.request.method == "GET":
            route.fulfill(json={"success": True, "data": waits, "meta": {}, "error": None})
        else:
            route.continue_()

    page.route(asked, answer)
    page.get_by_test_id("sandbox-run").click()
    expect(page.get_by_test_id("sandbox-state")).to_contain_text("The judge does not answer right now.")
    with page.expect_response(lambda told: told.request.method == "DELETE") as taken_back:
        page.get_by_test_id("sandbox-cancel").click()
    assert taken_back.value.status == 204
    expect(page.get_by_test_id("sandbox-state")).to_contain_text("You have stopped this run.")
    page.unroute(asked)

    anyway.click()
    question.get_by_role("button", name="Open with a kernel").click()
    expect(page.get_by_test_id("kernel-shut-down")).to_be_visible()
    expect(page.get_by_test_id("learners-banner")).to_contain_text("A kernel on your server runs its code")
    page.get_by_test_id("kernel-shut-down").click()
    expect(anyway).to_be_visible()
    assert kernels(installation, "gabriel") == []
