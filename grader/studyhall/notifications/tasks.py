"""What notifications do when something happened: the outbox calls it in a job of its own."""

from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.context import Context
from studyhall.events.models import Event, EventType
from studyhall.notifications import service


def subscribe(context: Context) -> None:
    """Have events written down for those whom they concern, and tell their windows."""

    async def notify(session: AsyncSession, event: Event) -> None:
        if event.user_id is None or not service.concerns(event):
            return
        made = await service.notify(session, event, event.user_id)
        if made is not None:
            context.live.publish_after_commit(
                session, event.user_id, "notification.created", made.model_dump(mode="json")
            )

    context.outbox.subscribe("notifications", service.LISTENS_TO, notify)
    # With the grades themselves, so that a window which hears of it never finds the one without the other.
    context.outbox.witness(frozenset({EventType.GRADE_CHANGED}), service.forget_grades)
