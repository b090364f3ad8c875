"""What every test of the repository shares."""

import gc
import sys

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import expect
from xdist.scheduler import LoadFileScheduling

# jsonschema would build the grammar of international addresses, which takes longer than all else that is imported here.
sys.modules.setdefault("rfc3987_syntax", None)

# A change must not pass or fail by the luck of a draw, nor by how busy the machine is while an example runs: without a
# word Hypothesis lets each have a fifth of a second. `pytest --hypothesis-profile=default` draws anew each time.
settings.register_profile(
    "repeatable",
    derandomize=True,
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# A bound on waiting for what a page shows, and no statement about speed: browsers share the machine with all the rest.
expect.set_options(timeout=150_000)

# May stand only here. The first brings the fixtures of tests/extension; the hub's tests run apart from it. The second
# brings what tests/service and tests/nbgrader share, so that a process starts it once for both.
pytest_plugins = ["pytest_jupyter.jupyter_server", "classroom_parts"]


@pytest.fixture
def jp_asyncio_loop():
    """Keep pytest-jupyter from making an event loop for every test; tests/extension has it back."""


@pytest.fixture
def jp_server_cleanup():
    """Keep pytest-jupyter from making a Jupyter server after every test; tests/extension has it back."""


LONG = ("tests/containers/", "tests/supervisor/")
"""Folders that come first: with many short files at the end no process waits long for the other one's last."""


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for garbage once at the end: what is imported and found here stays, and was gone through again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    """Leave the order as it is but for what takes long."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


class ByEngine(LoadFileScheduling):
    """Shares files out among processes; those that need a Docker engine stay together: its images take minutes."""

    def _split_scope(self, nodeid):
        containers = "tests/containers/"
        return containers if nodeid.startswith(containers) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Share tests out among processes, for ``--dist loadfile``."""
    return ByEngine(config, log) if config.getvalue("dist") == "loadfile" else None
