"""The languages of the data file ``languages.toml``, and which of them this machine has the tools for.

Tools are looked for once, outside of the outer wall, because the wall shows only folders that are named in advance.
What was found goes inside as text (`to_text`, `from_text`).
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studyhall_judge.sandbox import root

DATA = Path(__file__).resolve().parent.parent / "languages.toml"
ASK_SECONDS = 20
_PATH = "/usr/local/bin:/usr/bin:/bin"
_DEEP_ENOUGH = 3
"""A folder is shown whole only when it has at least this many parts: never ``/root`` or ``/home``."""


@dataclass(frozen=True)
class Language:
    """One language, with the commands of the way that was found for it; ``reason`` says why there is none."""

    id: str
    name: str
    source: str
    function_source: str
    memory_mb: int
    reserve_mb: int
    time_factor: float
    memory_signs: list[str]
    environment: dict[str, str]
    compile: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)
    run: list[str] = field(default_factory=list)
    runs: str | None = None
    tools: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    reason: str = ""

    @property
    def available(self) -> bool:
        """Whether programs of this language can be judged here."""
        return not self.reason

    def memory_for(self, wanted_mb: int) -> int:
        """Return the memory limit, in MB, of a problem that asks for ``wanted_mb``."""
        return max(wanted_mb, self.memory_mb)

    def words(
        self, command: list[str], memory_mb: int, source: str, entry: str, files: list[str]
    ) -> list[str]:
        """Return a command with its blanks filled in.

        ``source`` is the learner's file, ``entry`` the one to start with, ``files`` are all.
        """
        heap = max(16, memory_mb - self.reserve_mb)
        values = self.tools | {"memory_mb": str(memory_mb), "heap_mb": str(heap)}
        values |= {"source": source, "entry": entry}
        filled: list[str] = []
        for word in command:
            if word == "{sources}":
                filled += files
            else:
                filled.append(re.sub(r"\{(\w+)\}", lambda found: values[found[1]], word))
        return filled


def find_languages(path: str | None = None, data: Path = DATA) -> dict[str, Language]:
    """Read the data file and look for every language's tools on ``path`` (default: this process's PATH)."""
    described = tomllib.loads(data.read_text(encoding="utf-8"))
    search = path if path is not None else os.environ.get("PATH") or _PATH
    # Compilers take their time to say which version they are: all are asked at once.
    with ThreadPoolExecutor(len(described) or 1) as asking:
        found = asking.map(lambda name: _find(name, described[name], search), described)
        return dict(zip(described, found, strict=True))


def to_text(languages: dict[str, Language]) -> str:
    """Write languages down as one line."""
    return json.dumps([asdict(language) for language in languages.values()])


def from_text(text: str) -> dict[str, Language]:
    """Read what `to_text` wrote."""
    return {about["id"]: Language(**about) for about in json.loads(text)}


def folders_of(languages: dict[str, Language]) -> list[str]:
    """Return the folders that the tools need beside the system's own."""
    found = [folder for language in languages.values() for folder in language.folders]
    return list(dict.fromkeys(found))


def _find(name: str, about: dict[str, Any], search: str) -> Language:
    language = Language(
        id=name,
        name=about["name"],
        source=about["source"],
        function_source=about.get("function_source", about["source"]),
        memory_mb=about["memory_mb"],
        reserve_mb=about.get("reserve_mb", 0),
        time_factor=about["time_factor"],
        memory_signs=about.get("memory_signs", []),
        environment=about.get("environment", {}),
    )
    reasons = []
    for way in about["ways"]:
        try:
            tools = {tool: _locate(wanted, search) for tool, wanted in way["tools"].items()}
        except _Missing as missing:
            reasons.append(str(missing))
            continue
        shown = [folder for pattern in about.get("folders", []) for folder in sorted(glob.glob(pattern))]  # noqa: PTH207 - absolute patterns
        return Language(
            **{
                **asdict(language),
                "compile": way.get("compile", []),
                "check": way.get("check", []),
                "run": way["run"],
                "runs": way.get("runs"),
                "tools": tools,
                "folders": [*shown, *(folder for tool in tools.values() if (folder := _folder(tool)))],
            }
        )
    return Language(**{**asdict(language), "reason": "; or ".join(reasons)})


class _Missing(Exception):
    """A tool is not there, in words."""


def _locate(wanted: dict[str, Any], search: str) -> str:
    """Return a tool's path. Raises `_Missing`."""
    names: list[str] = wanted["names"]
    if names == ["@python"]:
        return sys.executable
    site = sysconfig.get_path("purelib")
    places = [os.path.expanduser(place.replace("{site}", site)) for place in wanted.get("places", [])]  # noqa: PTH111 - text with blanks
    tried = []
    for folder in [*search.split(os.pathsep), *places]:
        for name in names:
            found = shutil.which(name, path=folder)
            if found is None:
                continue
            if "at_least" in wanted:
                version = _version(found)
                if _numbers(version) < _numbers(wanted["at_least"]):
                    tried.append(version)
                    continue
            if "folder_from" in wanted:
                home = _ask(found, wanted["folder_from"])
                real = Path(home, wanted["inside"]) if home else None
                if real is None or not real.exists():
                    continue
                return str(real)
            return os.path.realpath(found) if "at_least" in wanted or name == "tsc" else found
    if tried:
        raise _Missing(f"{names[0]} {wanted['at_least']} or newer is needed, found {', '.join(tried)}")
    raise _Missing(f"{' or '.join(names)} is not installed")


def _version(tool: str) -> str:
    found = re.search(r"\d+(\.\d+)*", _ask(tool, ["--version"]))
    return found[0] if found else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _ask(tool: str, words: list[str]) -> str:
    """Return what a tool says of itself, or nothing when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - a compiler of this machine, found on the operator's PATH
            [tool, *words], capture_output=True, text=True, check=True, timeout=ASK_SECONDS, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _folder(tool: str) -> str | None:
    """Return what must be shown so that a tool outside of the system's folders works: its installation."""
    real = Path(tool).resolve()
    if str(real).startswith(root.SYSTEM):
        return None
    above = real.parent.parent
    if real.parent.name == "bin" and len(above.parts) >= _DEEP_ENOUGH and above != Path.home():
        return str(above)
    return str(real)
