"""The outbox: an event is written with the action, and a job of the same transaction delivers it.

All deliveries of one learner's events that a transaction owes are one job, and one transaction more. When one of the
subscribers fails there, nothing of it has happened, and each delivery becomes a job of its own with its own retries, so
that none waits for another one's trouble.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import CursorResult, Insert, String, Uuid, column, func, literal, select
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.clock import Clock
from studyhall.db.session import Database, at_commit, cohort_of
from studyhall.db.together import Change, table_of, together
from studyhall.events.models import Event, EventDelivery, EventType
from studyhall.jobs.queue import JobQueue

QUEUE = "events"
TASK = "events.deliver"
"""One event for one subscriber."""
TASK_ALL = "events.deliver_all"
"""All that one transaction owes of one learner's events, to all subscribers."""

Owed = dict[uuid.UUID | None, list[tuple[str, str]]]
"""Ids of events, each with a subscriber, by the learner whom they are about."""

log = structlog.get_logger(__name__)

_COLUMNS = ("id", "cohort_id", "type", "occurred_at", "user_id", "data")

Listener = Callable[[AsyncSession, Event], Awaitable[None]]

Witness = Callable[[AsyncSession, Sequence[Event]], Awaitable[None]]
"""Called with events of one type in the very transaction that they were written in."""


@dataclass(frozen=True)
class Subscription:
    """A listener under a name that stays the same over releases, since deliveries are remembered under it."""

    name: str
    types: frozenset[EventType]
    listener: Listener


@dataclass(frozen=True)
class Happening:
    """Something that is to become an event: about somebody, or nobody."""

    type: EventType
    user_id: uuid.UUID | None
    data: dict[str, Any]


class Outbox:
    """Writes events and delivers them. Subscribers are known to :mod:`studyhall.app` only."""

    def __init__(self, queue: JobQueue, *, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._subscriptions: dict[str, Subscription] = {}
        self._witnesses: list[tuple[frozenset[EventType], Witness]] = []

    def subscribe(self, name: str, types: frozenset[EventType], listener: Listener) -> None:
        """Have a listener called for each event of these types, in a transaction of its own, exactly once."""
        if name in self._subscriptions:
            raise ValueError(f"Subscription {name} is made twice.")
        self._subscriptions[name] = Subscription(name, types, listener)

    def witness(self, types: frozenset[EventType], witness: Witness) -> None:
        """Have a function called within the transaction of the action itself, before anybody else can see either.

        For what must never be seen apart from the action, such as a grade and the attempt that it comes from. If it
        fails the action fails; whatever can wait a moment is subscribed instead.
        """
        self._witnesses.append((types, witness))

    async def emit(
        self, session: AsyncSession, event_type: EventType, *, user_id: uuid.UUID | None, data: dict[str, Any]
    ) -> Event:
        """Write an event into the session's transaction, with a delivery job for each subscriber."""
        (event,) = await self.emit_all(session, event_type, [(user_id, data)])
        return event

    async def emit_together(
        self, session: AsyncSession, happenings: Iterable[Happening], *, beside: Sequence[Change]
    ) -> CursorResult[Any]:
        """Write a few events and their delivery jobs in one statement with what they tell of.

        Args:
            session: its cohort becomes the events'.
            happenings: what happened.
            beside: at least one change; see :func:`~studyhall.db.together.together`.

        Returns:
            The result of the last of ``beside``.
        """
        events = [self._event(session, happening) for happening in happenings]
        # A statement for each row: the library keeps a statement with one row ready, and builds one with several anew.
        changes: list[Change] = [
            insert(table_of(Event)).values({name: getattr(event, name) for name in _COLUMNS})
            for event in events
        ]
        result = await together(session, *changes, *beside)
        self._owe(session, events)
        for types, witness in self._witnesses:
            for event in events:
                if event.type in types:
                    await witness(session, [event])
        return result

    async def emit_all(
        self,
        session: AsyncSession,
        event_type: EventType,
        happened: Iterable[tuple[uuid.UUID | None, dict[str, Any]]],
    ) -> list[Event]:
        """Write many events of one type at once, each about a learner or nobody; a few queries, however many."""
        events = [self._event(session, Happening(event_type, user_id, data)) for user_id, data in happened]
        session.add_all(events)
        for types, witness in self._witnesses:
            if events and event_type in types:
                await witness(session, events)
        self._owe(session, events)
        return events

    def _event(self, session: AsyncSession, happening: Happening) -> Event:
        return Event(
            id=uuid.uuid4(),
            cohort_id=cohort_of(session),
            type=happening.type.value,
            occurred_at=self._clock(),
            user_id=happening.user_id,
            data=happening.data,
        )

    def _owe(self, session: AsyncSession, events: Iterable[Event]) -> None:
        """Have the deliveries of events written at the commit: one job for all that one learner's events owe."""
        owed: Owed = session.info.setdefault("owed", {})
        if not owed:
            at_commit(session, lambda: self._jobs(session))
        for event in events:
            for subscription in self._subscriptions.values():
                if event.type in subscription.types:
                    owed.setdefault(event.user_id, []).append((str(event.id), subscription.name))

    def _jobs(self, session: AsyncSession) -> list[Insert]:
        owed: Owed = session.info.pop("owed", {})
        # One learner's events are dealt with in their order.
        jobs = [
            (f"events:{user_id}" if user_id else None, {"owed": pairs}) for user_id, pairs in owed.items()
        ]
        return self._queue.jobs(session, TASK_ALL, jobs, queue=QUEUE)

    def register(self, database: Database) -> None:
        """Make the delivery tasks known to the worker."""

        async def deliver(cohort_id: uuid.UUID, *, event_id: str, subscriber: str) -> None:
            async with database.session(cohort_id) as session:
                await self._deliver(session, [(event_id, subscriber)])

        async def deliver_all(cohort_id: uuid.UUID, *, owed: Sequence[tuple[str, str]]) -> None:
            try:
                async with database.session(cohort_id) as session:
                    await self._deliver(session, owed)
            except Exception:
                # One of them failed, and all were undone: from here on each goes its own way, with its own retries.
                log.warning("delivered_one_by_one", events=len(owed), exc_info=True)
                async with database.session(cohort_id) as session:
                    for event_id, subscriber in owed:
                        event = await session.get(Event, uuid.UUID(event_id))
                        about = event.user_id if event is not None else None
                        await self._queue.defer(
                            session,
                            TASK,
                            queue=QUEUE,
                            lock=f"{subscriber}:{about}" if about else None,
                            event_id=event_id,
                            subscriber=subscriber,
                        )
                    for change in self._queue.end(session):
                        await session.execute(change)

        self._queue.register(TASK, queue=QUEUE, database=database, function=deliver)
        self._queue.register(TASK_ALL, queue=QUEUE, database=database, function=deliver_all)

    async def _deliver(self, session: AsyncSession, owed: Sequence[tuple[str, str]]) -> None:
        """Call the subscribers that have not dealt with their events yet, and end the job, in one transaction."""
        wanted = (
            func.unnest(
                array([uuid.UUID(event_id) for event_id, _ in owed], type_=Uuid),
                array([subscriber for _, subscriber in owed], type_=String),
            )
            .table_valued(column("event_id", Uuid), column("subscriber", String), name="wanted")
            .render_derived()
        )
        mark = (
            insert(table_of(EventDelivery))
            .from_select(
                ["event_id", "subscriber", "cohort_id", "delivered_at"],
                select(
                    Event.id, wanted.c.subscriber, literal(cohort_of(session)), literal(self._clock())
                ).join(wanted, wanted.c.event_id == Event.id),
            )
            .on_conflict_do_nothing()
            .returning(EventDelivery.event_id, EventDelivery.subscriber)
            .cte("mark")
        )
        rows = await session.execute(select(Event, mark.c.subscriber).join(mark, mark.c.event_id == Event.id))
        # What is missing was dealt with by an earlier run of the same job.
        marked = {(str(event.id), subscriber): event for event, subscriber in rows}
        for event_id, subscriber in owed:
            event = marked.get((event_id, subscriber))
            if event is not None:
                await self._subscriptions[subscriber].listener(session, event)
        for change in self._queue.end(session):
            await session.execute(change)
