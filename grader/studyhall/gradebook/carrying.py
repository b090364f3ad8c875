"""What people gave goes along with an answer that is submitted again unchanged; everything else is queued."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.gradebook.models import ManualGrade, RubricMark
from studyhall.gradebook.policy import Mark
from studyhall.grading.models import Report
from studyhall.submissions import service as submissions


def mark_of(row: ManualGrade) -> Mark:
    """Return what a person gave, as the arithmetic takes it."""
    return Mark(manual_score=row.manual_score, extra_credit=row.extra_credit, comment=row.comment)


Cells = dict[str, str]
"""Sources by grade id."""


def sources_of(text: str) -> tuple[Cells, str]:
    """Return the answer cells' sources by grade id, the first of each, and all sources together.

    A notebook that can't be read has none; nothing is equal to it then. A task's own cell is the author's text, so it
    says nothing of the answer.
    """
    try:
        cells = json.loads(text)["cells"]
        whole = []
        found: Cells = {}
        for cell in cells:
            source = cell["source"]
            source = "".join(source) if isinstance(source, list) else str(source)
            whole.append(source)
            about = cell.get("metadata", {}).get("nbgrader", {})
            name = about.get("grade_id")
            if isinstance(name, str) and about.get("solution") is True:
                found.setdefault(name, source)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}, ""
    return found, "\0".join(whole)


def same_answers(
    former: Mapping[str, str], newer: Mapping[str, str], tests: Mapping[str, tuple[Mapping[str, Any], ...]]
) -> set[str]:
    """Return the ids of the tests and cells whose answer is the same in both of a learner's submissions.

    Args:
        former: notebook texts by stem.
        newer: notebook texts by stem.
        tests: by id, the test in the former and in the newer report; ids of cells without a test may be missing.
    """
    old = {stem: sources_of(text) for stem, text in former.items()}
    new = {stem: sources_of(text) for stem, text in newer.items()}
    equal = set()
    for test_id, (before, after) in tests.items():
        stem, _, grade_id = test_id.rpartition("/")
        (old_cells, old_whole), (new_cells, new_whole) = old.get(stem, ({}, "")), new.get(stem, ({}, ""))
        by_person = before.get("status") == after.get("status") == "needs_manual"
        # A person's word about a test that a machine judged stands as long as the machine says the same.
        if not by_person and before.get("points") != after.get("points"):
            continue
        answer = grade_id if by_person else str(before.get("answer_grade_id") or grade_id)
        if answer in old_cells and answer in new_cells:
            if old_cells[answer] == new_cells[answer]:
                equal.add(test_id)
        elif old_whole and old_whole == new_whole:
            equal.add(test_id)
    return equal


async def carry_over(session: AsyncSession, former_id: uuid.UUID, newer_id: uuid.UUID) -> None:
    """Copy what people gave for one attempt to the one that counts now, where the answer is the same.

    What was given for the newer attempt already is never replaced.
    """
    given = list(
        await session.scalars(
            select(ManualGrade).where(ManualGrade.attempt_id == former_id).order_by(ManualGrade.test_id)
        )
    )
    if not given:
        return
    texts = await submissions.snapshots_of(session, [former_id, newer_id])
    reports: dict[uuid.UUID, dict[str, Any]] = {former_id: {}, newer_id: {}}
    for attempt_id, tests in await session.execute(
        select(Report.attempt_id, Report.for_learner["tests"]).where(
            Report.attempt_id.in_([former_id, newer_id])
        )
    ):
        reports[attempt_id] = {test["id"]: test for test in tests or []}
    equal = same_answers(
        texts.get(former_id, {}),
        texts.get(newer_id, {}),
        {
            row.test_id: (reports[former_id].get(row.test_id, {}), reports[newer_id].get(row.test_id, {}))
            for row in given
        },
    )
    for row in given:
        if row.test_id not in equal or mark_of(row).is_empty:
            continue
        made = await session.scalar(
            insert(ManualGrade)
            .values(
                id=uuid.uuid4(),
                cohort_id=row.cohort_id,
                attempt_id=newer_id,
                test_id=row.test_id,
                manual_score=row.manual_score,
                extra_credit=row.extra_credit,
                comment=row.comment,
                origin=row.origin,
                graded_by=row.graded_by,
                graded_at=row.graded_at,
                carried_from=former_id,
            )
            .on_conflict_do_nothing(index_elements=["attempt_id", "test_id"])
            .returning(ManualGrade.id)
        )
        if made is None:
            continue
        marks = list(
            await session.scalars(
                select(RubricMark.rubric_item_id).where(RubricMark.manual_grade_id == row.id)
            )
        )
        if marks:
            await session.execute(
                insert(RubricMark),
                [
                    {"manual_grade_id": made, "rubric_item_id": item, "cohort_id": row.cohort_id}
                    for item in marks
                ],
            )
