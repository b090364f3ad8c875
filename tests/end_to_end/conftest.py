"""The whole product as `studyhall run` starts it, and a browser in front of it."""

import os
import shutil
from pathlib import Path

import pytest
from installations import Installation
from playwright.sync_api import sync_playwright

CHROMIUM = [
    "--no-sandbox",  # the tests run as root in CI
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ARTIFACTS = Path(__file__).parent / "artifacts"
LOGS = ARTIFACTS / "logs" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
"""Each process has its own installation, and all of them end at about the same time."""
LONGEST = 150_000
"""Milliseconds to wait for whatever a person would wait for: a bound, and no statement about speed."""


@pytest.fixture(scope="session")
def installation(tmp_path_factory):
    with Installation(tmp_path_factory.mktemp("studyhall")) as running:
        yield running
        shutil.rmtree(LOGS, ignore_errors=True)
        shutil.copytree(running.data / "logs", LOGS)


@pytest.fixture(scope="module")
def chromium():
    """A browser; for one module only, since its event loop keeps the thread as long as it is there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=CHROMIUM
        )
        yield browser
        browser.close()


@pytest.fixture
def screenshot():
    """Keep a picture of what a person sees; `make screenshots` puts them into the docs."""
    folder = Path(os.environ.get("STUDYHALL_SCREENSHOTS") or ARTIFACTS / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)

    def take(page, name):
        page.screenshot(path=folder / f"{name}.png", animations="disabled")

    return take


@pytest.fixture
def sign_in(installation, chromium, request):
    """Open a browser of one's own, signed in at the hub as somebody."""
    contexts = []

    def enter(username, *, path="", dark=False):
        context = chromium.new_context(
            viewport={"width": 1280, "height": 800}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(LONGEST)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{installation.url}/hub/login?next={path}")
        page.fill("#username_input", username)
        page.fill("#password_input", installation.passwords[username])
        page.click("#login_submit")
        return page

    yield enter
    failed = getattr(request.node, "failed_call", False)
    for number, context in enumerate(contexts):
        if failed:
            ARTIFACTS.mkdir(exist_ok=True)
            for page in context.pages:
                page.screenshot(path=ARTIFACTS / f"failed-{request.node.name}-{number}.png")
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Let fixtures know whether their test failed, so that they keep a picture."""
    report = yield
    if report.when == "call":
        item.failed_call = report.failed
    return report
