"""What makes grades follow: new results in the transaction that writes them, new terms once more a moment later."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.context import Context
from studyhall.courses import service as courses
from studyhall.courses.models import CourseOffering
from studyhall.events.models import Event, EventType
from studyhall.gradebook import policies, standing
from studyhall.gradebook.models import Grade
from studyhall.regrading import service as regrading
from studyhall.regrading.models import RegradeStatus
from studyhall.submissions import service as submissions
from studyhall.submissions.counting import counting_attempts
from studyhall.submissions.models import Attempt


class Bookkeeper:
    """Keeps grades in step with what they come from."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def graded(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """Work out the grades of attempts that got their reports in this transaction."""
        for event in events:
            attempt = await submissions.attempt_by_id(session, uuid.UUID(event.data["attempt_id"]))
            if attempt is not None:
                offerings = await courses.offerings_by_id(session, {attempt.offering_id})
                offering = offerings[attempt.offering_id]
                await self._refresh(
                    session, offering, attempt.lesson_id, {attempt.user_id}, origin="submission"
                )

    async def regraded(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """Work out the grades of a lesson whose reports were replaced in this transaction."""
        for event in events:
            run = await regrading.run_by_id(session, uuid.UUID(event.data["regrade_id"]))
            if run is None or event.data["decision"] != RegradeStatus.CONFIRMED.value:
                continue
            learners = await session.scalars(
                select(Attempt.user_id).where(
                    Attempt.offering_id == run.offering_id, Attempt.lesson_id == run.lesson_id
                )
            )
            offering = (await courses.offerings_by_id(session, {run.offering_id}))[run.offering_id]
            await self._refresh(session, offering, run.lesson_id, set(learners))

    async def _refresh(
        self,
        session: AsyncSession,
        offering: CourseOffering,
        lesson_id: uuid.UUID,
        learners: set[uuid.UUID],
        *,
        origin: str = "service",
    ) -> None:
        await standing.refresh(
            session,
            offering,
            lesson_id,
            learners,
            outbox=self._context.outbox,
            now=self._context.clock(),
            origin=origin,
        )

    async def other_terms(self, session: AsyncSession, event: Event) -> None:
        """Work out grades by the dates and manual tests of a new release, or by an assignment's changed terms."""
        offering = await courses.offering_of(session, event.data["course"])
        if event.type == EventType.POLICY_CHANGED.value:
            lesson_ids = [uuid.UUID(event.data["lesson_id"])]
        else:
            rows = await session.scalars(
                select(Grade.lesson_id).where(Grade.offering_id == offering.id).distinct()
            )
            lesson_ids = sorted(rows)
        for lesson_id in lesson_ids:
            await policies.apply(
                session, offering, lesson_id, outbox=self._context.outbox, now=self._context.clock()
            )

    async def tell(self, session: AsyncSession, events: Sequence[Event]) -> None:
        """Tell the windows of learners whose grades are released, or were a moment ago."""
        for event in events:
            released, was_released = event.data["released"], event.data["was_released"]
            if event.user_id is None or not (released or was_released):
                continue
            final = None
            if released:
                counting = await counting_attempts(
                    session, {event.user_id}, {uuid.UUID(event.data["lesson_id"])}
                )
                final = counting.get(uuid.UUID(event.data["attempt_id"]))
            self._context.live.publish_after_commit(
                session,
                event.user_id,
                "grades.updated",
                {
                    "attempt_id": event.data["attempt_id"],
                    "course": event.data["course"],
                    "lesson": event.data["lesson"],
                    "final": final.model_dump(mode="json") if final else None,
                },
            )


def subscribe(context: Context) -> None:
    """Have grades follow results, regrades and terms, and tell learners' windows of grades that they may see."""
    keeper = Bookkeeper(context)
    context.outbox.witness(frozenset({EventType.SUBMISSION_GRADED}), keeper.graded)
    context.outbox.witness(frozenset({EventType.REGRADE_DECIDED}), keeper.regraded)
    context.outbox.witness(frozenset({EventType.GRADE_CHANGED}), keeper.tell)
    context.outbox.subscribe(
        "gradebook", frozenset({EventType.COURSE_PUBLISHED, EventType.POLICY_CHANGED}), keeper.other_terms
    )
