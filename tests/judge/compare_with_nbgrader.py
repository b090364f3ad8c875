"""Put the judge's cases through the real nbgrader and write what came of them into the documentation.

``python tests/judge/compare_with_nbgrader.py`` makes an environment with nbgrader, grades every case with nbgrader
and with the judge, and writes ``docs/integrity-comparison.md``. ``--only PART`` prints the cases whose name holds PART,
``--new`` puts those into the document that it lacks.
Cases of class C (the machine and its neighbours) do not go through nbgrader: it would run them with the rights of
whoever calls it. All others go through it behind a wall, one after the other, in one process.
"""

import argparse
import json
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT / "tests")]

from conftest import (  # noqa: E402 - found through the path above
    CASES,
    build_notebook,
    limits_of,
    load_assignment,
    start_judge,
    stop_judge,
    submission,
)
from nbgrader_process import VERSION, Nbgrader, make_environment, nice, same_packages  # noqa: E402 - as above
from studyhall_notebooks.parsing import write_notebook  # noqa: E402 - as above

TARGET = ROOT / "docs" / "integrity-comparison.md"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
CLASSES = {
    "A": "Unearned marks",
    "B": "Disclosure",
    "C": "The machine and its neighbours",
    "D": "Honest accidents",
    "E": "Quirks of nbgrader's scoring",
}


@dataclass
class Row:
    """One case: the honest points, and what each side made of it."""

    kind: str
    name: str
    about: str
    honest: str
    nbgrader: str
    studyhall: str
    right: dict[str, bool]


def cases():
    for path in sorted(CASES.glob("*/*/case.yaml")):
        yield path.parent.parent.name, path.parent.name, yaml.safe_load(path.read_text(encoding="utf-8"))


def write_sources(course):
    """Write the assignments of the cases as the author's notebooks that nbgrader makes its own releases from."""
    (course / "nbgrader_config.py").write_text("c = get_config()\n", encoding="utf-8")
    names = sorted(path.parent.name for path in CASES.glob("*/assignment.yaml"))
    for name in names:
        content = yaml.safe_load((CASES / name / "assignment.yaml").read_text(encoding="utf-8"))
        place = course / "source" / name
        place.mkdir(parents=True)
        for stem, cells in content["notebooks"].items():
            text = write_notebook(build_notebook(cells, KERNEL))
            (place / f"{stem}.ipynb").write_text(text, encoding="utf-8")
        for path, text in content.get("files", {}).items():
            (place / path).write_text(text, encoding="utf-8")
    return names


def points(cells, expected):
    """Return the points of the cells that the case speaks of, and how many wait for a person without need."""
    found = {name: cell for notebook in cells.values() for name, cell in notebook.items()}
    wanted, tests = expected.get("points", {}), expected.get("tests", {})
    kept = [found.get(name) for name in wanted]
    open_ = sum(
        1
        for name, cell in zip(wanted, kept, strict=True)
        if (cell is None or cell["needs_manual"]) and tests.get(name) != "needs_manual"
    )
    return sum(cell["score"] or 0.0 for cell in kept if cell is not None), open_


def verdict_of(got, honest, open_):
    said = f"{got:g}"
    if got > honest:
        said += f" (**{got - honest:g} unearned**)"
    elif got < honest:
        said += f" (**{honest - got:g} lost**)"
    if open_:
        said += f", {open_} left to a person"
    return said


def in_nbgrader(nbgrader, assignment, name, case, honest):
    """Return nbgrader's verdict in words and whether it is the honest one; None when its process ended."""
    answer = nbgrader.ask("autograde", assignment, name)
    if answer is None:
        return None
    if not answer["graded"]:
        return f"**no score**: {_reason(answer)}", False
    got, open_ = points(answer["cells"], case["expect"])
    left = open_ if case.get("scoring") != "nbgrader" else 0
    said, right = verdict_of(got, honest, left), got == honest and not left
    if case["class"] == "B":
        pages = (nbgrader.ask("feedback", assignment, name) or {}).get("pages", [])
        shown = any(canary in page for page in pages for canary in load_assignment(assignment).canaries)
        said += "; **its feedback page shows the hidden tests**" if shown else ""
        right = right and not shown
    return said, right


def _reason(answer):
    """Return the sentence that says most: nbgrader's log has tracebacks before it and advice behind."""
    lines = [line.strip() for line in answer["log"].splitlines()]
    told = [line for line in lines if "Error: " in line or "rror:" in line.split(" ")[0]]
    said = told[-1] if told else (answer["error"] or "it gave up")
    return " ".join(said.split()).replace("|", "/").replace("`", "'")[:110]


def in_studyhall(judge, assignment, case, honest):
    subject = load_assignment(assignment)
    graded = judge.grade(
        subject.release,
        submission(subject, case),
        scoring=case.get("scoring", "default"),
        limits=limits_of(case),
    )
    cells: dict[str, dict[str, dict[str, object]]] = {}
    for test in graded.report.tests:
        waits = str(test.status) == "needs_manual"
        cells.setdefault(test.notebook, {})[test.grade_id] = {"score": test.points, "needs_manual": waits}
    got, _ = points(cells, case["expect"])
    said = verdict_of(got, honest, 0)
    if graded.report.flags:
        said += ", flagged"
    if graded.report.repairs:
        said += ", mended"
    seen = graded.learners_view()
    shown = any(canary in seen for canary in subject.canaries)
    return said + ("; **shows a hidden test**" if shown else ""), got == honest and not shown


def compare(folder, is_chosen, environment):
    """Yield a row for each case whose name is chosen."""
    course = folder / "course"
    course.mkdir()
    assignments = write_sources(course)
    chosen = [one for one in cases() if is_chosen(f"{one[0]}/{one[1]}")]
    packages = same_packages("numpy", "pandas", "matplotlib", "ipython", "ipykernel")
    python = make_environment(environment or folder / "environment", *packages)
    for assignment, name, case in chosen:
        place = course / "submitted" / name / assignment
        place.mkdir(parents=True, exist_ok=True)
        subject = load_assignment(assignment)
        for stem, text in submission(subject, case).items():
            (place / f"{stem}.ipynb").write_text(text, encoding="utf-8")
    nbgrader = Nbgrader(python, course, enclosed=True)
    judge = start_judge(folder, "--slots", "1")
    try:
        for assignment in assignments:
            answer = nbgrader.ask("generate", assignment)
            if answer is None or answer["error"]:
                raise SystemExit(f"nbgrader could not generate {assignment}: {answer}")
        for assignment, name, case in chosen:
            honest = sum(case["expect"].get("points", {}).values())
            mine, right = in_studyhall(judge, assignment, case, honest)
            if case["class"] == "C":
                theirs = "not tried", False
            else:
                theirs = in_nbgrader(nbgrader, assignment, name, case, honest)
                if theirs is None:
                    nbgrader.close()
                    nbgrader = Nbgrader(python, course, enclosed=True)
                    theirs = "**ends nbgrader itself**", False
            row = Row(
                case["class"],
                f"{assignment}/{name}",
                case["about"],
                f"{honest:g}",
                theirs[0],
                mine,
                {"nbgrader": theirs[1], "studyhall": right},
            )
            sys.stderr.write(f"{json.dumps(vars(row), ensure_ascii=False)}\n")
            yield row
    finally:
        nbgrader.close()
        stop_judge(judge)


HEAD = f"""# The judge beside nbgrader

Every case of `tests/judge/cases` through nbgrader {VERSION} and through the judge. Made by `python
tests/judge/compare_with_nbgrader.py`, which makes an environment with the real nbgrader for it; nbgrader has its
default settings.

Points are those of the cells that the case is about. *Honest* is what the work has earned: nothing for an attack, the
full points of undamaged answers for an accident. *Flagged* means that staff are told to look, *mended* that the learner
is told what was put right. The cases were written for the judge, so its column shows that they pass, not that nothing
else is possible: [what a verdict is worth](judge.md#what-a-verdict-is-worth) says what is not tamper-proof.

| class | cases | nbgrader: the honest verdict | Studyhall: the honest verdict |
| --- | --- | --- | --- |
"""
FOOT = """
Class C does not go through nbgrader: it runs students' code with the rights of whoever calls it and has no limit but
the time for a cell. In class E nbgrader's own points are the honest ones where the case asks for `scoring: nbgrader`.
"""
HEADINGS = """
| class | case | honest verdict | nbgrader | Studyhall |
| --- | --- | --- | --- | --- |
"""


def document(rows):
    """Return the whole document."""
    parts = [HEAD]
    for kind, title in CLASSES.items():
        mine = [row for row in rows if row.kind == kind]
        theirs = "not tried" if kind == "C" else sum(row.right["nbgrader"] for row in mine)
        ours = sum(row.right["studyhall"] for row in mine)
        parts.append(f"| {kind} {title} | {len(mine)} | {theirs} | {ours} |\n")
    parts.append(FOOT)
    for kind, title in CLASSES.items():
        parts.append(f"\n## {kind}. {title}\n{HEADINGS}")
        for row in rows:
            if row.kind == kind:
                case = f"{row.about.replace('|', '/')} (`{row.name}`)"
                parts.append(f"| {kind} | {case} | {row.honest} | {row.nbgrader} | {row.studyhall} |\n")
    return "".join(parts)


ROW = re.compile(r"\| ([A-E]) \| (.*) \(`([^`]+)`\) \| (.*) \| (.*) \| (.*) \|")
WRONG = ("**", "left to a person", "; ")
"""What stands in no cell of the table that has the honest verdict."""


def rows_of(text):
    """Return the rows of a document, by the case's name."""
    rows = {}
    for kind, about, name, honest, nbgrader, studyhall in map(tuple, ROW.findall(text)):
        right = {
            "nbgrader": not any(word in nbgrader for word in WRONG),
            "studyhall": not any(word in studyhall for word in WRONG),
        }
        rows[name] = Row(kind, name, about, honest, nbgrader, studyhall, right)
    return rows


def main():
    parser = argparse.ArgumentParser(description="Compare the judge with nbgrader, case by case.")
    parser.add_argument("--only", default="", help="only cases whose name holds this; prints, writes nothing")
    parser.add_argument(
        "--environment", help="keep nbgrader's environment in this folder, or use the one there"
    )
    parser.add_argument("--new", action="store_true", help="only cases that the document lacks")
    options = parser.parse_args()
    nice()
    known = rows_of(TARGET.read_text(encoding="utf-8")) if options.new else {}

    def is_chosen(name):
        return options.only in name and name not in known

    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        rows = known | {row.name: row for row in compare(Path(folder), is_chosen, options.environment)}
    names = [f"{assignment}/{name}" for assignment, name, _ in cases()]
    text = document([rows[name] for name in names if name in rows])
    if options.only:
        sys.stdout.write(text)
    else:
        TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
