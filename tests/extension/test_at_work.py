"""When the learner's server says that something happens in it, so that the hub lets it go on."""

from __future__ import annotations

import pytest
from studyhall_extension.at_work import AtWork


class Kernels:
    """As many kernels as states, of Jupyter's own manager's shape."""

    def __init__(self, *states: str) -> None:
        self._states = states

    def list_kernel_ids(self) -> list[str]:
        return [str(number) for number in range(len(self._states))]

    def get_kernel(self, kernel: str) -> object:
        return type("Kernel", (), {"execution_state": self._states[int(kernel)]})


@pytest.mark.parametrize(
    ("states", "waits", "noted"),
    [
        ((), False, False),
        (("idle", "starting"), False, False),
        (("idle", "busy"), False, True),
        ((), True, True),
    ],
)
async def test_a_busy_kernel_and_a_waiting_submission_are_noted(states, waits, noted):
    times: dict[str, object] = {}
    web_app = type("WebApp", (), {"settings": {"last_activity_times": times}})
    serverapp = type("ServerApp", (), {"kernel_manager": Kernels(*states), "web_app": web_app})
    AtWork(serverapp, lambda: waits).look()
    assert bool(times) is noted


async def test_in_a_real_server_nothing_is_noted_while_nothing_happens(extension, jp_serverapp):
    extension.at_work.look()
    assert "studyhall" not in jp_serverapp.web_app.settings["last_activity_times"]
