"""What ships: the wheel, in a clean environment, on a machine without Node."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command, env=None):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.sub(r"\x1b\[\d*m", "", done.stdout + done.stderr)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, made from the sources with the front end that the set-up has built."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("studyhall-*.whl")
    return built


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_five_packages_and_both_front_ends(wheel):
    names = names_in(wheel)
    for package in (
        "studyhall",
        "studyhall_judge",
        "studyhall_notebooks",
        "studyhall_extension",
        "studyhall_hub",
    ):
        assert f"{package}/__init__.py" in names
    assert "studyhall/web_pages/static/staff.js" in names
    assert "studyhall/migrations/sql/procrastinate_3_10_0.sql" in names
    data = "studyhall-0.1.0.data/data"
    assert f"{data}/share/jupyter/labextensions/studyhall/package.json" in names
    assert f"{data}/etc/jupyter/jupyter_server_config.d/studyhall_extension.json" in names


def test_no_course_no_test_and_no_source_map_is_in_the_wheel(wheel):
    for name in names_in(wheel):
        assert "course-content" not in name
        assert not name.endswith((".ipynb", ".map", ".ts", ".tsx")), name
        assert not name.startswith(("tests/", "docs/", "node_modules/"))
        assert "quizzes/" not in name or name.startswith(
            ("studyhall/quizzes/", "studyhall_extension/quizzes/")
        )


def test_the_front_end_is_small(wheel):
    with zipfile.ZipFile(wheel) as archive:
        scripts = [
            item
            for item in archive.infolist()
            if "labextensions" in item.filename and item.filename.endswith(".js")
        ]
        assert scripts
        assert sum(item.compress_size for item in scripts) <= 400_000


@pytest.mark.timeout(600)
def test_both_halves_work_after_a_plain_install_without_node(wheel, tmp_path):
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=True)
    programs = clean / "bin"
    environment = {
        "PATH": str(programs),
        "HOME": str(tmp_path),
        **{
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
        },
    }
    # What is never imported need not be compiled.
    install = ("-m", "pip", "install", "--quiet", "--no-compile", f"{wheel}[extension]")
    run(str(programs / "python"), *install, env=environment)
    labextensions = run(str(programs / "jupyter"), "labextension", "list", env=environment)
    assert "studyhall v0.1.0 enabled OK" in labextensions
    servers = run(str(programs / "jupyter"), "server", "extension", "list", env=environment)
    assert re.search(r"studyhall_extension\s+enabled", servers), servers
    assert re.search(r"studyhall_extension\s+OK", servers), servers
    assert "nbgrader" not in servers
    said = run(str(programs / "studyhall"), "--help", env=environment)
    assert "publish" in said
