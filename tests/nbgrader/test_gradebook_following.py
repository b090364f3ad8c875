"""The platform's grades in nbgrader's own gradebook, and what people type there on the platform."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from classrooms import STAFF_SCOPES
from kitchen_course import BREAD, COURSE, CUPS, ESSAY, LOAVES
from nbgrader_sides import assert_they_agree, by_staff, grade_of, rows, submit, until
from nbgrader_terminals import working
from studyhall.audit.models import AuditEntry
from studyhall.courses.service import offering_of
from studyhall.gradebook.models import Grade, ManualGrade, PenaltyOverride
from studyhall.gradebook.policy import Mark
from studyhall.identity.service import user_named
from studyhall.nbgrader_gradebooks import roles, service, tasks
from studyhall.nbgrader_gradebooks.errors import ProjectorFailed


@pytest.mark.asyncio
async def test_one_number_everywhere_within_five_seconds(kitchen, side):
    async with working(kitchen):
        await until(lambda: _is_quiet(kitchen))  # the worker has begun: its process with nbgrader is there
        await submit(kitchen, "lea", {"loaves": LOAVES, "why_sourdough": ESSAY, "cups": CUPS})

        async def is_graded():
            return bool(await rows(kitchen, Grade)) and (await grade_of(kitchen)).score == 5

        await until(is_graded)

        async def is_there():
            found = await side.of("lea")
            return found is not None and found["score"] == 5 and found["needs_manual_grade"]

        waits = {"a submission": await until(is_there)}
        grade = await grade_of(kitchen)
        await by_staff(
            kitchen, grade.attempt_id, f"{BREAD}/why_sourdough", Mark(4, 0.5, "Wild yeast, well said.")
        )

        async def has_staffs():
            found = (await side.of("lea"))["notebooks"][BREAD]
            return found["comments"]["why_sourdough"] == "Wild yeast, well said."

        waits["a mark of staff"] = await until(has_staffs)
        assert (await side.of("lea"))["score"] == 9.5
        assert side.grade("lea", "cups", manual_score=3.0, needs_manual_grade=False) == 1
        assert side.comment("lea", "cups", "Name the number.") == 1
        # Autograders may be wrong, too; and a comment may stand where there are no points.
        assert side.grade("lea", "test_loaves", manual_score=1.0) == 1
        assert side.comment("lea", "loaves", "Short and clear.") == 1

        async def has_nbgraders():
            return (await grade_of(kitchen)).score == 11.5

        waits["marks typed in nbgrader"] = await until(has_nbgraders)
        await until(lambda: _is_quiet(kitchen))
    # Five seconds on a machine of one's own; where others work, too, everything takes as many times longer.
    crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert max(waits.values()) < 5 * crowd, waits
    marks = {row.test_id: row for row in await rows(kitchen, ManualGrade)}
    assert marks[f"{BREAD}/cups"].comment == "Name the number."
    assert marks[f"{BREAD}/loaves"].comment == "Short and clear."
    assert marks[f"{BREAD}/cups"].origin == "nbgrader"
    assert marks[f"{BREAD}/why_sourdough"].origin == "staff"
    assert not (await grade_of(kitchen)).needs_grading
    await assert_they_agree(kitchen, side, "lea")


async def _is_quiet(room):
    found = await room.context.queue.app.connector.execute_query_all_async(
        "SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
    )
    return not found and not await tasks.look(room.context)


@pytest.mark.asyncio
async def test_what_somebody_typed_is_never_overwritten_and_comes_to_rest(kitchen, side):
    await submit(kitchen, "lea", {"loaves": LOAVES, "why_sourdough": ESSAY, "cups": CUPS})
    await side.follow()
    # Both sides at once: what was typed in nbgrader stays, the platform takes it over.
    grade = await grade_of(kitchen)
    side.grade("lea", "why_sourdough", manual_score=2.0)
    await by_staff(kitchen, grade.attempt_id, f"{BREAD}/why_sourdough", Mark(5, None, "Perfect."))
    await side.follow()
    (row,) = await rows(kitchen, ManualGrade)
    assert (row.manual_score, row.comment) == (2.0, "Perfect.")
    # A regrade of nbgrader's own takes automatic scores and penalties away; the platform's come back.
    side.grade("lea", "test_loaves", auto_score=0.0)
    await side.follow()
    assert (await side.of("lea"))["score"] == 7
    entries = len(await rows(kitchen, AuditEntry))
    versions = [row.version for row in await rows(kitchen, ManualGrade)]
    for _ in range(3):
        side.grade("lea", "why_sourdough", manual_score=2.0)
        await side.follow()
    assert len(await rows(kitchen, AuditEntry)) == entries
    assert [row.version for row in await rows(kitchen, ManualGrade)] == versions
    assert not await tasks.look(kitchen.context)


@pytest.mark.asyncio
async def test_a_newer_attempt_keeps_what_was_given_for_equal_answers_and_drops_the_rest(kitchen, side):
    await submit(kitchen, "lea", {"loaves": LOAVES, "why_sourdough": ESSAY, "cups": CUPS})
    await side.follow()
    side.grade("lea", "why_sourdough", manual_score=4.0)
    side.grade("lea", "cups", manual_score=3.0)
    await side.follow()
    await submit(kitchen, "lea", {"loaves": LOAVES, "why_sourdough": ESSAY, "cups": CUPS + "  # better"})
    # Typed while the newer one is on its way: about the older one, and so about the equal answer of the newer one.
    side.comment("lea", "why_sourdough", "Well said.")
    await side.follow()
    grades = (await side.of("lea"))["notebooks"][BREAD]
    assert grades["grades"]["why_sourdough"]["manual_score"] == 4.0
    assert grades["comments"]["why_sourdough"] == "Well said."
    assert grades["grades"]["cups"]["manual_score"] is None
    assert grades["grades"]["cups"]["needs_manual_grade"]
    await assert_they_agree(kitchen, side, "lea")


@pytest.mark.asyncio
async def test_lateness_extensions_and_penalties(kitchen, side):
    due = datetime(2026, 10, 1, 18, tzinfo=UTC)
    ines = kitchen.token("ines", STAFF_SCOPES)
    kitchen.clock.now = due + timedelta(hours=30)
    path = f"/staff/courses/{COURSE}/assignments/{BREAD}"
    decided = await kitchen.data("GET", f"{path}/policy", token=ines)
    await kitchen.data(
        "PATCH",
        f"{path}/policy",
        token=ines,
        json={
            "late_policy": "percent_per_day",
            "late_percent_per_day": 10,
            **({"expected_version": decided["version"]} if "version" in decided else {}),
        },
    )
    await submit(kitchen, "lea", {"loaves": LOAVES})
    await side.follow()
    found = await side.of("lea")
    assert found["seconds_late"] == 30 * 3600
    assert found["notebooks"][BREAD]["penalty"] == pytest.approx(1.0)  # a fifth of five points
    side.penalty("lea", 0.25)
    await side.follow()
    (override,) = await rows(kitchen, PenaltyOverride)
    assert (override.penalty, override.origin) == (0.25, "nbgrader")
    assert (await grade_of(kitchen)).score == 4.75
    # nbgrader's autograde takes a penalty away each time; nobody has decided that.
    side.penalty("lea", None)
    await side.follow()
    assert (await side.of("lea"))["notebooks"][BREAD]["penalty"] == 0.25
    await kitchen.data(
        "PUT",
        f"{path}/extensions/lea",
        token=ines,
        json={"due_at": (due + timedelta(days=3)).isoformat(), "reason": "ill"},
    )
    await side.follow()
    assert (await side.of("lea"))["seconds_late"] == 0
    await assert_they_agree(kitchen, side, "lea")


@pytest.mark.asyncio
async def test_the_grader_at_the_terminal_is_in_the_audit_log(kitchen, side):
    await submit(kitchen, "lea", {"loaves": LOAVES, "cups": CUPS})
    await side.follow()
    async with kitchen.session() as session:
        _, address = await roles.open_terminal(
            session,
            await offering_of(session, COURSE),
            user_id=(await user_named(session, "gabriel")).id,
            until=kitchen.clock() + timedelta(hours=8),
            database=kitchen.context.database.url,
            now=kitchen.clock(),
        )
    side.grade("lea", "cups", address=address, manual_score=3.0)
    await side.follow()
    (entry,) = await rows(kitchen, AuditEntry)
    assert (entry.actor, entry.origin, entry.action) == ("gabriel", "nbgrader", "grade.changed")


@pytest.mark.asyncio
async def test_what_broke_off_is_done_later(kitchen, side, monkeypatch):
    await submit(kitchen, "lea", {"loaves": LOAVES, "cups": CUPS})
    await side.follow()
    grade = await grade_of(kitchen)
    await by_staff(kitchen, grade.attempt_id, f"{BREAD}/cups", Mark(3))
    await _write_and_die(kitchen, side, monkeypatch)
    assert (await side.of("lea"))["notebooks"][BREAD]["grades"]["cups"]["manual_score"] == 3
    # The platform goes on: what stands there is its own older value, not something that somebody typed.
    await by_staff(kitchen, grade.attempt_id, f"{BREAD}/cups", Mark(1))
    await side.follow()
    assert (await side.of("lea"))["notebooks"][BREAD]["grades"]["cups"]["manual_score"] == 1
    assert {row.origin for row in await rows(kitchen, ManualGrade)} == {"staff"}
    await assert_they_agree(kitchen, side, "lea")


async def _write_and_die(room, side, monkeypatch):
    """The worker dies after nbgrader has the values and before that is remembered."""
    context, grade = room.context, await grade_of(room)

    async def broken_finish(*_, **__):
        raise RuntimeError("the worker died here")

    async with room.session() as session:
        offering = await offering_of(session, COURSE)
        await service.want(session, offering.id, grade.lesson_id, {grade.user_id})
    with monkeypatch.context() as broken:
        broken.setattr(service, "finish", broken_finish)
        with pytest.raises(RuntimeError):
            await tasks.synchronize_now(context, side.projector, context.cohort_id, offering.id)


@pytest.mark.asyncio
async def test_what_is_typed_after_a_break_is_about_the_attempt_that_is_shown(kitchen, side, monkeypatch):
    await submit(kitchen, "lea", {"loaves": LOAVES, "cups": CUPS})
    await side.follow()
    await submit(kitchen, "lea", {"loaves": LOAVES, "cups": CUPS + "  # better"})
    await kitchen.run_jobs(times=1)
    await _write_and_die(kitchen, side, monkeypatch)
    newer = (await grade_of(kitchen)).attempt_id
    assert side.shown("lea") == newer
    side.grade("lea", "cups", manual_score=3.0)
    await side.follow()
    marks = {row.attempt_id: row.manual_score for row in await rows(kitchen, ManualGrade)}
    assert marks == {newer: 3.0}
    await assert_they_agree(kitchen, side, "lea")


@pytest.mark.asyncio
async def test_a_missing_nbgrader_is_said_in_words(classroom_with):
    async with classroom_with(nbgrader_python="/bin/false") as room:
        projector = tasks.projector_for(room.context)
        with pytest.raises(ProjectorFailed, match="Install nbgrader"):
            await projector.ask("make", url="", course="", schema="", app_role="")
        await projector.close()
