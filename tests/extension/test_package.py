"""How Jupyter finds the two halves of the extension, and how little it may know."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import studyhall_extension
from studyhall_extension.app import StudyhallExtension
from studyhall_extension.errors import ExtensionError

EXTENSION = Path(studyhall_extension.__file__).parents[1]


def test_the_server_half_is_switched_on_by_its_settings_file():
    settings = json.loads((EXTENSION / "jupyter-config/server-config/studyhall_extension.json").read_text())
    [point] = studyhall_extension._jupyter_server_extension_points()
    assert settings == {"ServerApp": {"jpserver_extensions": {point["module"]: True}}}
    assert point["app"] is StudyhallExtension


def test_the_lab_half_has_the_name_of_its_package():
    [paths] = studyhall_extension._jupyter_labextension_paths()
    assert paths["dest"] == json.loads((EXTENSION / "package.json").read_text())["name"]


def test_it_stays_small():
    """An idle server has 8 MiB for this: none of these belongs in it (pydantic alone would take 20)."""
    code = (
        "import sys, jupyter_server.serverapp; before = set(sys.modules); import studyhall_extension.app; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"pydantic", "pandas", "numpy", "httpx", "aiohttp", "studyhall", "sqlalchemy"} & set(loaded)


def every_error(base=ExtensionError):
    yield base
    for error in base.__subclasses__():
        yield from every_error(error)


@pytest.mark.parametrize("error", list(every_error()), ids=lambda error: error.__name__)
def test_every_error_has_a_sentence_for_people(error):
    sentence = error.__doc__
    assert sentence.endswith(".")
    assert "Error" not in sentence
    assert len(sentence) > 40
