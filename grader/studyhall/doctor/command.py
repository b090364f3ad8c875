"""The report that `studyhall doctor` prints."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from studyhall.doctor.findings import Check, Finding, Level, fail

STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
DEFAULT_PORT = 8000


def doctor(
    *,
    data: Path | None = None,
    port: int = DEFAULT_PORT,
    as_json: bool = False,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Check this machine and the installation that runs on it, and print one line per finding.

    `data` is the try-it data folder, by default `STUDYHALL_DATA` or else `.studyhall`; `port` its public
    port. With `as_json` one JSON document is printed. Where settings name a database
    (`STUDYHALL_DATABASE_URL`), they say which installation is checked.

    Raises:
        SystemExit: with 1 when something failed, else 0.
    """
    settings = os.environ if environment is None else environment
    folder = data or Path(settings.get("STUDYHALL_DATA") or ".studyhall")
    found = examine(all_checks(folder, port, settings))
    report = as_document if as_json else as_lines
    raise SystemExit(1 if report(found) else 0)


def all_checks(data: Path, port: int, settings: Mapping[str, str]) -> list[Check]:
    """Return every check; where our own packages are incomplete, the one that says so."""
    try:
        from studyhall.doctor.installation import installation_checks  # noqa: PLC0415 - may be what is missing
        from studyhall.doctor.machine import machine_checks  # noqa: PLC0415 - as above
    except ImportError as problem:
        missing = problem.name or "a package"
        finding = fail("packages", f"{missing} is not installed.", "pip install 'studyhall[try-it]'")
        return [lambda: iter([finding])]
    return [*machine_checks(data, port, settings), *installation_checks(data, settings)]


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Run the checks; one that breaks is a finding itself and stops none of the others."""
    for check in checks:
        try:
            yield from check()
        except Exception as problem:  # noqa: BLE001 - a doctor that falls over on a sick machine helps nobody
            name = getattr(check, "__name__", "check").removeprefix("check_").replace("_", " ")
            yield fail(name, f"It could not be checked: {problem}", "Please report this.")


def as_document(findings: Iterable[Finding]) -> bool:
    """Print the findings as one JSON document; return whether any failed."""
    found = list(findings)
    failed = any(finding.level is Level.FAIL for finding in found)
    document = {"ok": not failed, "findings": [finding.as_json() for finding in found]}
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return failed


def as_lines(findings: Iterable[Finding]) -> bool:
    """Print each finding as soon as it is there; return whether any failed."""
    console = Console(soft_wrap=True, highlight=False)
    failed = False
    for finding in findings:
        failed = failed or finding.level is Level.FAIL
        mark = f"[{STYLES[finding.level]}]{finding.level:<4}[/]"
        console.print(f"{mark}  {finding.subject:<16} {escape(finding.message)}")
        if finding.way_out:
            console.print(f"{'':<22} → {escape(finding.way_out)}")
    console.print(
        "[red]Something has to change before Studyhall can be used here.[/]"
        if failed
        else "[green]Good to go.[/]"
    )
    return failed
