"""Installing nbgrader switches its server extensions on for everybody; a learner's server leaves them off."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
import studyhall_hub
from studyhall_hub.configuration import SERVER_CONFIG

pytestmark = pytest.mark.asyncio

ENABLED = """
import json, sys
from jupyter_server.serverapp import ServerApp
app = ServerApp()
app.initialize(argv=["--ServerApp.port=0", "--ServerApp.open_browser=False", "--allow-root", "--log-level=ERROR"],
    new_httpserver=False)
print(json.dumps(sorted(name for name, one in app.extension_manager.extensions.items() if one.enabled)))
"""


async def enabled_extensions(python, home, **variables):
    process = await asyncio.create_subprocess_exec(
        str(python),
        "-W",
        "ignore",
        "-c",
        ENABLED,
        cwd=home,
        env={"PATH": f"{Path(python).parent}:/usr/bin:/bin", "HOME": str(home), **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 180)
    assert process.returncode == 0, errors.decode()
    return json.loads(output.decode().splitlines()[-1])


async def test_a_learners_server_has_none_of_nbgraders_extensions(nbgrader_python, tmp_path):
    anywhere = await enabled_extensions(nbgrader_python, tmp_path)
    assert len([name for name in anywhere if name.startswith("nbgrader")]) == 4, "as nbgrader installs itself"
    learners = await enabled_extensions(nbgrader_python, tmp_path, JUPYTER_CONFIG_PATH=str(SERVER_CONFIG))
    assert [name for name in learners if name.startswith("nbgrader")] == []
    assert "jupyterlab" in learners


async def test_its_front_end_is_off_too():
    page = json.loads((SERVER_CONFIG / "labconfig" / "page_config.json").read_text())
    assert page["disabledExtensions"]["@jupyter/nbgrader"] is True
    assert Path(studyhall_hub.__file__).parent in SERVER_CONFIG.parents
    assert "nbgrader" not in sys.modules
