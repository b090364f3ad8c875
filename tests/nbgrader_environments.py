"""Environments with the real nbgrader, one for each version, made once and kept where git does not look.

nbgrader never runs in the tests' own interpreter: its server extensions would be switched on for all that starts there.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from urllib.parse import unquote, urlsplit

from uv import find_uv_bin

VERSIONS = ("0.9.5", "0.9.6")
ENVIRONMENTS = Path(__file__).with_name("nbgrader") / ".environments"
REPOSITORY = Path(__file__).parents[1]
OURS = [str(REPOSITORY / place) for place in ("notebooks", "extension", "grader")]
"""Our own packages, for the environment's PYTHONPATH."""

BESIDE = (
    "psycopg[binary]>=3.3",
    "numpy",
    "pandas",
    "matplotlib",
    "typer>=0.16",
    "rich",
    "pydantic>=2.11",
    "pyyaml",
    "jupyterhub>=6.1,<7",
    "nh3>=0.3",
    "jsonschema<4.25",
)
"""What a grader's environment has beside nbgrader: PostgreSQL's driver, the course's libraries, what ours need, and
what a hub's server needs. Later versions of jsonschema build grammars for 1.5 s in each of the many processes."""


def environment_of(version):
    """Return the interpreter of an environment with this nbgrader, which is made when it is not there.

    One that was made for fewer packages gets the others, too. What another version's environment has is taken from
    there: they differ in nbgrader and little else.
    """
    wanted = [f"nbgrader=={version}", *BESIDE]
    ENVIRONMENTS.mkdir(exist_ok=True)
    folder = ENVIRONMENTS / version
    python = folder / "bin" / "python"
    with (ENVIRONMENTS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "made"
        if not made.exists():
            others = [ENVIRONMENTS / other for other in VERSIONS if (ENVIRONMENTS / other / "made").exists()]
            if others:
                _link(others[0], folder)
            else:
                venv.create(folder, symlinks=True, clear=True)
        if not made.exists() or made.read_text() != "\n".join(wanted):
            _install(python, wanted)
            made.write_text("\n".join(wanted))
    return python


def _install(python, wanted):
    """Install packages with uv, which takes a sixth of pip's time; with pip where uv does not get at them."""
    places, surroundings = _places_of_pip()
    words = ["pip", "install", "--quiet", "--python", str(python), "--index-strategy", "unsafe-best-match"]
    done = subprocess.run(
        [find_uv_bin(), *words, *places, *wanted],
        env={**os.environ, **surroundings},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(f"uv: {done.stderr}\n")
        # What is never imported need not be compiled.
        words = ["--python", str(python), "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
        subprocess.run([sys.executable, "-m", "pip", *words, *wanted], check=True)


def _places_of_pip():
    """Return uv's options and variables for where pip finds packages here; uv does not read pip's settings."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    settings = {}
    # What the environment says goes before what files say.
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = value.strip("'\"").replace("\\n", " ").split()
    options = []
    for name in ("index-url", "extra-index-url", "find-links"):
        for place in settings.get(name, []):
            parts = urlsplit(place)
            if parts.scheme not in ("", "file") or Path(unquote(parts.path)).is_dir():
                options += [f"--{name}", place]
    certificates = settings.get("cert", [])
    return options, {"SSL_CERT_FILE": certificates[0]} if certificates else {}


def _link(source, folder):
    """Make an environment of the same files as another one; pip replaces files and never writes into them."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        source, folder, symlinks=True, copy_function=os.link, ignore=shutil.ignore_patterns("made")
    )
    for file in [folder / "pyvenv.cfg", *(folder / "bin").iterdir()]:
        text = b"" if file.is_symlink() or not file.is_file() else file.read_bytes()
        if os.fsencode(source) in text:
            mode = file.stat().st_mode
            file.unlink()
            file.write_bytes(text.replace(os.fsencode(source), os.fsencode(folder)))
            file.chmod(mode)
