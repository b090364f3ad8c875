"""Speaks with nbgrader's own ``Gradebook``, in a process of its own: opening one blocks for seconds.

``python projector.py`` reads one JSON object a line and answers with one. It imports nbgrader and nothing of ours, so
that any interpreter with an nbgrader of its own can run it. Every request carries the address of a gradebook, which
holds a password and therefore never comes as an argument.
"""

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nbgrader import __version__ as nbgrader_version
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    MissingEntry,
    Notebook,
    SolutionCell,
    SourceCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
)
from sqlalchemy import text

Json = dict[str, Any]

SHOWN = """
CREATE TABLE IF NOT EXISTS studyhall_shown (
    submission_id varchar(32) PRIMARY KEY, attempt_id varchar(36) NOT NULL);
"""
"""Remembers, in the transaction that writes an attempt's grades, whose they are: what is typed next is about those."""

WATCH = """
CREATE TABLE IF NOT EXISTS studyhall_changes (
    notebook_id varchar(32) PRIMARY KEY, at timestamptz NOT NULL, role text NOT NULL);
CREATE OR REPLACE FUNCTION studyhall_note_change() RETURNS trigger LANGUAGE plpgsql AS $note$
DECLARE
    changed varchar(32);
BEGIN
    IF current_setting('studyhall.projecting', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME = 'submitted_notebook' THEN
        changed := NEW.id;
    ELSE
        changed := NEW.notebook_id;
    END IF;
    INSERT INTO studyhall_changes VALUES (changed, clock_timestamp(), session_user)
        ON CONFLICT (notebook_id) DO UPDATE SET at = clock_timestamp(), role = session_user;
    RETURN NULL;
END
$note$;
CREATE OR REPLACE TRIGGER studyhall_note_change AFTER INSERT OR UPDATE ON grade
    FOR EACH ROW EXECUTE FUNCTION studyhall_note_change();
CREATE OR REPLACE TRIGGER studyhall_note_change AFTER INSERT OR UPDATE ON comment
    FOR EACH ROW EXECUTE FUNCTION studyhall_note_change();
CREATE OR REPLACE TRIGGER studyhall_note_change AFTER UPDATE ON submitted_notebook
    FOR EACH ROW EXECUTE FUNCTION studyhall_note_change();
GRANT SELECT ON studyhall_changes TO {app};
GRANT USAGE ON SCHEMA {schema} TO {app};
"""
"""Notes which submitted notebooks somebody else than the platform has changed; the platform looks there every second.

Only nbgrader makes its own tables, so this is run after it has."""


@contextlib.contextmanager
def opened(request: Json) -> Iterator[Any]:
    """Open the request's gradebook."""
    with Gradebook(request["url"], request["course"]) as gradebook:
        if gradebook.engine.dialect.name == "sqlite":
            # A file that is being made, and made anew if the machine goes: nbgrader commits each cell by itself.
            gradebook.db.connection().exec_driver_sql("PRAGMA synchronous = OFF")
        yield gradebook


def make(request: Json) -> Json:
    """Have nbgrader make its tables, and watch them."""
    with opened(request) as gradebook:
        statement = WATCH.format(app=_quoted(request["app_role"]), schema=_quoted(request["schema"]))
        gradebook.db.connection().exec_driver_sql(statement)
        gradebook.db.commit()
    return {"version": nbgrader_version}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def changes(request: Json) -> Json:
    """Return what somebody has changed: students and assignments, and what to hand to :func:`forget` afterwards."""
    with opened(request) as gradebook:
        rows = gradebook.db.execute(
            text(
                "SELECT c.notebook_id, c.at, c.role, s.student_id, a.name FROM studyhall_changes c "
                "LEFT JOIN submitted_notebook n ON n.id = c.notebook_id "
                "LEFT JOIN submitted_assignment s ON s.id = n.assignment_id "
                "LEFT JOIN assignment a ON a.id = s.assignment_id ORDER BY c.at LIMIT 500"
            )
        ).all()
    return {
        "changes": [
            {
                "notebook_id": notebook,
                "at": at.isoformat(),
                "role": role,
                "student": student,
                "assignment": assignment,
            }
            for notebook, at, role, student, assignment in rows
        ]
    }


def forget(request: Json) -> Json:
    """Take the changes away that were dealt with; one that happened again in the meantime stays."""
    with opened(request) as gradebook:
        for change in request["changes"]:
            gradebook.db.execute(
                text("DELETE FROM studyhall_changes WHERE notebook_id = :notebook AND at = :at"),
                {"notebook": change["notebook_id"], "at": datetime.fromisoformat(change["at"])},
            )
        gradebook.db.commit()
    return {}


def synchronize(request: Json) -> Json:
    """Write students, assignments and submissions, and return what people have typed in the meantime."""
    with opened(request) as gradebook:
        if request.get("submissions"):
            gradebook.db.connection().exec_driver_sql(SHOWN)
            gradebook.db.commit()
        _write_students(gradebook, request.get("students", []))
        for assignment in request.get("assignments", []):
            _write_assignment(gradebook, assignment)
        return {"submissions": [_exchange(gradebook, one) for one in request.get("submissions", [])]}


def _write_students(gradebook: Any, students: list[Json]) -> None:
    """Add who is missing. Names that staff have corrected in nbgrader stay as they are; nobody is removed."""
    known = {row.id for row in gradebook.db.query(Student.id)}
    for student in students:
        if student["id"] not in known:
            gradebook.add_student(**{("student_id" if key == "id" else key): v for key, v in student.items()})


# Assignments


def _write_assignment(gradebook: Any, spec: Json) -> None:
    """Write an assignment as ``nbgrader generate_assignment`` would; cells that it has no more are removed."""
    gradebook.update_or_create_assignment(spec["name"], duedate=spec["duedate"])
    for notebook in spec["notebooks"]:
        gradebook.update_or_create_notebook(
            notebook["name"], spec["name"], kernelspec=json.dumps(notebook["kernelspec"])
        )
        _write_cells(gradebook, notebook, spec["name"])
    _remove_notebooks(gradebook, spec)


def _write_cells(gradebook: Any, notebook: Json, assignment: str) -> None:
    place = (notebook["name"], assignment)
    wanted: dict[type, set[str]] = {GradeCell: set(), SolutionCell: set(), TaskCell: set(), SourceCell: set()}
    for cell in notebook["cells"]:
        name = cell["grade_id"]
        if cell["grade"]:
            wanted[GradeCell].add(name)
            gradebook.update_or_create_grade_cell(
                name, *place, max_score=cell["points"], cell_type=cell["cell_type"]
            )
        if cell["solution"]:
            wanted[SolutionCell].add(name)
            gradebook.update_or_create_solution_cell(name, *place)
        if cell["task"]:
            wanted[TaskCell].add(name)
            gradebook.update_or_create_task_cell(
                name, *place, max_score=cell["points"], cell_type=cell["cell_type"]
            )
        wanted[SourceCell].add(name)
        gradebook.update_or_create_source_cell(
            name,
            *place,
            cell_type=cell["cell_type"],
            locked=cell["locked"],
            source=cell["source"],
            checksum=cell["checksum"],
        )
    row = gradebook.find_notebook(*place)
    for kind in (GradeCell, SolutionCell, TaskCell):
        for old in gradebook.db.query(kind).filter(kind.notebook_id == row.id).all():
            if old.name not in wanted[kind]:
                _remove_cell(gradebook, old)
    for source in gradebook.db.query(SourceCell).filter(SourceCell.notebook_id == row.id).all():
        if source.name not in wanted[SourceCell]:
            gradebook.db.delete(source)
    gradebook.db.commit()


def _remove_cell(gradebook: Any, cell: Any) -> None:
    for kind in (Grade, Comment):
        gradebook.db.query(kind).filter(kind.cell_id == cell.id).delete()
    gradebook.db.delete(cell)


def _remove_notebooks(gradebook: Any, spec: Json) -> None:
    kept = {notebook["name"] for notebook in spec["notebooks"]}
    for name in [notebook.name for notebook in gradebook.find_assignment(spec["name"]).notebooks]:
        if name not in kept:
            gradebook.remove_notebook(name, spec["name"])


# Submissions


def _exchange(gradebook: Any, spec: Json) -> Json:
    """Write one learner's grade where nobody has typed anything else; return what was typed.

    Rows are locked from reading to writing, so that nothing typed in between is lost. ``shown`` is the attempt whose
    grades were there before: a worker may have died after it wrote the last time, and remember an older one.
    """
    if spec["attempt"] is None:
        submission = _find(gradebook, spec)
    else:
        extension = spec["extension_seconds"]
        submission = gradebook.update_or_create_submission(
            spec["assignment"],
            spec["student"],
            timestamp=datetime.fromisoformat(spec["timestamp"]),
            extension=None if extension is None else timedelta(seconds=extension),
        )
    if submission is None:
        return {"edits": {}, "penalties": {}, "shown": None}
    shown = gradebook.db.execute(
        text("SELECT attempt_id FROM studyhall_shown WHERE submission_id = :id"), {"id": submission.id}
    ).scalar()
    edits: dict[str, Json] = {}
    penalties: dict[str, float] = {}
    for notebook in _notebooks_of(gradebook, submission):
        _exchange_notebook(gradebook, notebook, spec, edits, penalties)
    if spec["attempt"] is not None and not edits and not penalties:
        # What was typed is about the attempt before, until whoever asked has written it down and asks again.
        gradebook.db.execute(
            text(
                "INSERT INTO studyhall_shown VALUES (:id, :attempt) "
                "ON CONFLICT (submission_id) DO UPDATE SET attempt_id = :attempt"
            ),
            {"id": submission.id, "attempt": spec["attempt"]},
        )
    gradebook.db.commit()
    return {"edits": edits, "penalties": penalties, "shown": shown}


def _find(gradebook: Any, spec: Json) -> Any:
    try:
        return gradebook.find_submission(spec["assignment"], spec["student"])
    except MissingEntry:
        return None


def _notebooks_of(gradebook: Any, submission: Any) -> list[Any]:
    """Return a submission's notebooks with a row for every cell; the assignment may have grown since."""
    present = {notebook.notebook_id for notebook in submission.notebooks}
    for notebook in (
        gradebook.db.query(Notebook).filter(Notebook.assignment_id == submission.assignment_id).all()
    ):
        if notebook.id not in present:
            gradebook.db.add(SubmittedNotebook(notebook=notebook, assignment=submission))
    gradebook.db.flush()
    return list(
        gradebook.db.query(SubmittedNotebook)
        .filter(SubmittedNotebook.assignment_id == submission.id)
        .with_for_update()
        .populate_existing()
        .all()
    )


def _rows(gradebook: Any, kind: Any, notebook: Any, cells: dict[str, str]) -> dict[str, Any]:
    """Return a notebook's grades or comments by the names of their cells, locked; missing ones are made."""
    rows = {
        row.cell_id: row
        for row in gradebook.db.query(kind)
        .filter(kind.notebook_id == notebook.id)
        .with_for_update()
        .populate_existing()
    }
    for cell_id in cells:
        if cell_id not in rows:
            rows[cell_id] = kind(cell_id=cell_id, notebook=notebook)
            gradebook.db.add(rows[cell_id])
    return {cells[cell_id]: row for cell_id, row in rows.items() if cell_id in cells}


def _exchange_notebook(
    gradebook: Any, notebook: Any, spec: Json, edits: dict[str, Json], penalties: dict[str, float]
) -> None:
    name = notebook.notebook.name
    cells = gradebook.db.query(BaseCell).filter(BaseCell.notebook_id == notebook.notebook_id).all()
    graded = {cell.id: cell.name for cell in cells if isinstance(cell, (GradeCell, TaskCell))}
    commented = {cell.id: cell.name for cell in cells if isinstance(cell, (SolutionCell, TaskCell))}
    for cell, row in _rows(gradebook, Grade, notebook, graded).items():
        test = f"{name}/{cell}"
        _exchange_field(row, "manual_score", test, spec, edits)
        _exchange_field(row, "extra_credit", test, spec, edits)
        if spec["attempt"] is not None:
            automatic = spec["automatic"].get(test)
            score = 0.0 if automatic is None else automatic["score"]
            waits = automatic is not None and score is None and row.manual_score is None
            if row.auto_score != score:
                row.auto_score = score
            if row.needs_manual_grade != waits:
                row.needs_manual_grade = waits
    for cell, row in _rows(gradebook, Comment, notebook, commented).items():
        _exchange_field(row, "manual_comment", f"{name}/{cell}", spec, edits)
    _exchange_penalty(notebook, name, spec, penalties)


def _exchange_field(row: Any, field: str, test: str, spec: Json, edits: dict[str, Json]) -> None:
    value = getattr(row, field) if getattr(row, field) != "" else None
    ours = spec["accepted"].get(test, {}).get(field, [None])
    target = spec["marks"].get(test, {}).get(field)
    if value == target:
        return
    if value not in ours:
        edits.setdefault(test, {})[field] = value
    elif spec["attempt"] is not None:
        setattr(row, field, target)


def _exchange_penalty(notebook: Any, name: str, spec: Json, penalties: dict[str, float]) -> None:
    """Do the same with a penalty. ``nbgrader autograde`` takes it away each time: nobody has typed its absence."""
    value = notebook.late_submission_penalty
    target = spec["penalties"].get(name)
    if value == target:
        return
    if value is not None and value not in spec["accepted_penalties"].get(name, [None]):
        penalties[name] = value
    elif spec["attempt"] is not None:
        notebook.late_submission_penalty = target


def scores(request: Json) -> Json:
    """Return what nbgrader says that submissions are worth; they are named by assignment and student."""
    with opened(request) as gradebook:
        found = [gradebook.find_submission(*place) for place in request["submissions"]]
        return {
            "scores": [
                {
                    "score": one.score,
                    "penalty": one.late_submission_penalty or 0.0,
                    "max_score": one.max_score,
                }
                for one in found
            ]
        }


def read(request: Json) -> Json:
    """Return every grade of a gradebook as nbgrader has it; for comparisons and for moving out."""
    with opened(request) as gradebook:
        found = [_as_json(one) for one in gradebook.db.query(SubmittedAssignment).all()]
        return {
            "submissions": found,
            "students": [row.id for row in gradebook.students],
            "assignments": [
                {"name": row.name, "duedate": row.duedate.isoformat() if row.duedate else None}
                for row in gradebook.db.query(Assignment).all()
            ],
        }


def _as_json(submission: Any) -> Json:
    return {
        "assignment": submission.assignment.name,
        "student": submission.student_id,
        "score": submission.score,
        "max_score": submission.max_score,
        "needs_manual_grade": submission.needs_manual_grade,
        "timestamp": submission.timestamp.isoformat() if submission.timestamp else None,
        "seconds_late": submission.total_seconds_late,
        "notebooks": {
            notebook.name: {
                "penalty": notebook.late_submission_penalty,
                "grades": {
                    grade.name: {
                        "auto_score": grade.auto_score,
                        "manual_score": grade.manual_score,
                        "extra_credit": grade.extra_credit,
                        "needs_manual_grade": grade.needs_manual_grade,
                        "max_score": grade.max_score,
                    }
                    for grade in notebook.grades
                },
                "comments": {row.name: row.manual_comment for row in notebook.comments},
            }
            for notebook in submission.notebooks
        },
    }


OPERATIONS: dict[str, Callable[[Json], Json]] = {
    "make": make,
    "changes": changes,
    "forget": forget,
    "synchronize": synchronize,
    "scores": scores,
    "read": read,
}


def answer(line: str) -> Json:
    """Do what a request says; what goes wrong is an answer, too."""
    try:
        request: Json = json.loads(line)
        return {"ok": True, **OPERATIONS[request["op"]](request)}
    except Exception as error:  # noqa: BLE001 - nbgrader raises what it likes, and the next request may well succeed
        where = "".join(traceback.format_exc(limit=-3))
        return {"ok": False, "error": f"{type(error).__name__}: {error}"[:2000], "where": where[:4000]}


def main() -> None:
    """Answer requests until the other side goes away."""
    # nbgrader calls `alembic` by its name, from the environment that it is itself installed in.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not look like an answer
    for line in sys.stdin:
        try:
            answers.write(json.dumps(answer(line)) + "\n")
            answers.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()
