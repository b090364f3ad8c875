"""A grader's own commands on the course's gradebook: they read what the platform has, and what they do fits in."""

import csv
from datetime import timedelta

import pytest
from kitchen_course import BREAD, COURSE, CUPS, ESSAY, LOAVES, handed_in
from nbgrader_sides import assert_they_agree, by_staff, grade_of, rows, submit
from nbgrader_terminals import OURS, Terminal, grader_token, working
from studyhall.courses.service import offering_of
from studyhall.gradebook.models import ManualGrade
from studyhall.gradebook.policy import Mark
from studyhall.identity.service import user_named
from studyhall.nbgrader_gradebooks import roles


async def terminal_of(kitchen, python, path, folder):
    """Return gabriel's terminal in an empty course folder, with the gradebook that `studyhall login` gives."""
    async with kitchen.session() as session:
        _, address = await roles.open_terminal(
            session,
            await offering_of(session, COURSE),
            user_id=(await user_named(session, "gabriel")).id,
            until=kitchen.clock() + timedelta(hours=8),
            database=kitchen.context.database.url,
            now=kitchen.clock(),
        )
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(
        f"c = get_config()\n{OURS}"
        f"c.CourseDirectory.course_id = {COURSE!r}\nc.CourseDirectory.db_url = {address!r}\n",
        encoding="utf-8",
    )
    return Terminal(kitchen, python, folder, path, token=grader_token(kitchen))


@pytest.mark.timeout(600)
@pytest.mark.asyncio
async def test_export_and_autograde_on_the_courses_gradebook(
    kitchen, side, nbgrader_python, nbgrader_path, tmp_path
):
    answers = {"loaves": LOAVES, "why_sourdough": ESSAY, "cups": CUPS}
    await submit(kitchen, "lea", answers)
    await side.follow()
    grade = await grade_of(kitchen)
    await by_staff(kitchen, grade.attempt_id, f"{BREAD}/why_sourdough", Mark(4, 0.5, "Well said."))
    await side.follow()
    terminal = await terminal_of(kitchen, nbgrader_python, nbgrader_path, tmp_path / "desk")

    async def exported():
        code, said = await terminal.run("export", "--to", "grades.csv")
        assert code == 0, said
        with (terminal.course / "grades.csv").open(newline="") as file:
            (row,) = [row for row in csv.DictReader(file) if float(row["raw_score"] or 0)]
        return row

    row = await exported()
    grade = await grade_of(kitchen)
    assert (row["assignment"], row["student_id"]) == (BREAD, "lea")
    assert float(row["raw_score"]) == grade.raw_score == 9.5
    assert float(row["max_score"]) == grade.max_score == 15
    # nbgrader's own autograde of the same submission: it finds the cells of the platform's release in the gradebook.
    place = terminal.course / "submitted" / "lea" / BREAD
    place.mkdir(parents=True)
    (place / f"{BREAD}.ipynb").write_text(handed_in(BREAD, answers)[BREAD], encoding="utf-8")
    async with working(kitchen):
        code, said = await terminal.run("autograde", BREAD)
    assert code == 0, said
    await side.follow()
    assert (await exported())["raw_score"] == row["raw_score"]
    await assert_they_agree(kitchen, side, "lea")
    (mark,) = await rows(kitchen, ManualGrade)
    assert (mark.manual_score, mark.extra_credit, mark.comment, mark.origin) == (
        4,
        0.5,
        "Well said.",
        "staff",
    )
    # The release's own check of the gradebook: `generate_feedback` finds every cell, too.
    code, said = await terminal.run("generate_feedback", BREAD)
    assert code == 0, said
    (page,) = terminal.course.rglob("feedback/lea/*/*.html")
    text = page.read_text(encoding="utf-8")
    assert "Well said." in text
    assert 'check.call("loaves", 41)' not in text
    assert "loaves&quot;, 41" not in text
