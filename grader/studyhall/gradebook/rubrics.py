"""Rubrics: reasons for points that graders share. Scores that were given with an item stay when the item changes."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.audit import service as audit
from studyhall.audit.service import Action, Actor
from studyhall.db.session import cohort_of
from studyhall.errors import NotFound
from studyhall.gradebook.errors import ChangedMeanwhile, UnknownCell
from studyhall.gradebook.models import ManualGrade, RubricItem, RubricMark
from studyhall.gradebook.policies import Assignment
from studyhall.gradebook.schemas import RubricItemChange, RubricItemIn, RubricItemOut


async def items(
    session: AsyncSession, assignment: Assignment, *, test_id: str | None, page: int, limit: int
) -> tuple[list[RubricItemOut], int]:
    """Return a page of an assignment's rubric, by question and position, and how many items there are."""
    where = [
        RubricItem.offering_id == assignment.offering.id,
        RubricItem.lesson_id == assignment.lesson.lesson_id,
        RubricItem.deleted_at.is_(None),
    ]
    if test_id is not None:
        where.append(RubricItem.test_id == test_id)
    total = await session.scalar(select(func.count()).select_from(RubricItem).where(*where)) or 0
    rows = list(
        await session.scalars(
            select(RubricItem)
            .where(*where)
            .order_by(RubricItem.test_id, RubricItem.position, RubricItem.created_at, RubricItem.id)
            .offset((page - 1) * limit)
            .limit(limit)
        )
    )
    return await _described(session, rows), total


async def _described(session: AsyncSession, rows: list[RubricItem]) -> list[RubricItemOut]:
    counted = await session.execute(
        select(RubricMark.rubric_item_id, func.count())
        .where(RubricMark.rubric_item_id.in_([row.id for row in rows]))
        .group_by(RubricMark.rubric_item_id)
    )
    used = {item_id: count for item_id, count in counted}  # noqa: C416 - a row is no pair to `dict`'s types
    return [
        RubricItemOut(
            id=row.id,
            test_id=row.test_id,
            position=row.position,
            title=row.title,
            points=row.points,
            used=used.get(row.id, 0),
            version=row.version,
        )
        for row in rows
    ]


async def add(
    session: AsyncSession, assignment: Assignment, given: RubricItemIn, *, actor: Actor, now: datetime
) -> RubricItemOut:
    """Add an item to the rubric of a question.

    Raises:
        UnknownCell: the assignment has no such question.
    """
    if given.test_id not in {test["id"] for test in assignment.lesson.tests}:
        raise UnknownCell("This assignment has no question of that name. Choose one from the grading queue.")
    last = await session.scalar(
        select(func.max(RubricItem.position)).where(
            RubricItem.offering_id == assignment.offering.id,
            RubricItem.lesson_id == assignment.lesson.lesson_id,
            RubricItem.test_id == given.test_id,
        )
    )
    row = RubricItem(
        id=uuid.uuid4(),
        cohort_id=cohort_of(session),
        offering_id=assignment.offering.id,
        lesson_id=assignment.lesson.lesson_id,
        test_id=given.test_id,
        position=given.position if given.position is not None else (-1 if last is None else last) + 1,
        title=given.title,
        points=given.points,
        version=1,
    )
    session.add(row)
    await session.flush()
    _audit(session, assignment, row, actor=actor, now=now, before=None, after=_as_json(row))
    (described,) = await _described(session, [row])
    return described


async def change(
    session: AsyncSession,
    assignment: Assignment,
    item_id: uuid.UUID,
    given: RubricItemChange,
    *,
    actor: Actor,
    now: datetime,
) -> RubricItemOut:
    """Change an item. Scores that were given with it stay: a person has set each of them.

    Raises:
        NotFound: there is no such item.
        ChangedMeanwhile: it has another version.
    """
    row = await _item(session, assignment, item_id)
    if given.expected_version is not None and given.expected_version != row.version:
        raise ChangedMeanwhile
    before = _as_json(row)
    for name in ("title", "points", "position"):
        value = getattr(given, name)
        if value is not None:
            setattr(row, name, value)
    after = _as_json(row)
    if after != before:
        row.version += 1
        _audit(session, assignment, row, actor=actor, now=now, before=before, after=after)
        await session.flush()
    (described,) = await _described(session, [row])
    return described


async def remove(
    session: AsyncSession, assignment: Assignment, item_id: uuid.UUID, *, actor: Actor, now: datetime
) -> None:
    """Take an item out of the rubric; answers that it applies to keep it.

    Raises:
        NotFound: there is no such item.
    """
    row = await _item(session, assignment, item_id)
    row.deleted_at = now
    row.version += 1
    _audit(session, assignment, row, actor=actor, now=now, before=_as_json(row), after=None)


async def _item(session: AsyncSession, assignment: Assignment, item_id: uuid.UUID) -> RubricItem:
    row = await session.scalar(
        select(RubricItem)
        .where(
            RubricItem.id == item_id,
            RubricItem.offering_id == assignment.offering.id,
            RubricItem.lesson_id == assignment.lesson.lesson_id,
            RubricItem.deleted_at.is_(None),
        )
        .with_for_update()
    )
    if row is None:
        raise NotFound
    return row


def _as_json(row: RubricItem) -> dict[str, Any]:
    return {"title": row.title, "points": row.points, "position": row.position}


def _audit(
    session: AsyncSession,
    assignment: Assignment,
    row: RubricItem,
    *,
    actor: Actor,
    now: datetime,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    audit.record(
        session,
        actor,
        Action.RUBRIC_CHANGED,
        about=f"{assignment.slug}: {row.test_id}, {row.title}",
        course=assignment.course,
        at=now,
        before=before,
        after=after,
    )


async def marks_by_grade(
    session: AsyncSession, manual_grade_ids: Iterable[uuid.UUID]
) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Return the rubric items that apply, by manual grade."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    rows = await session.execute(
        select(RubricMark.manual_grade_id, RubricMark.rubric_item_id)
        .join(RubricItem, RubricItem.id == RubricMark.rubric_item_id)
        .join(ManualGrade, ManualGrade.id == RubricMark.manual_grade_id)
        .where(RubricMark.manual_grade_id.in_(set(manual_grade_ids)))
        .order_by(RubricItem.position, RubricItem.id)
    )
    for grade_id, item_id in rows:
        found.setdefault(grade_id, []).append(item_id)
    return found
