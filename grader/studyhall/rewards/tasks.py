"""What rewards do when something happened: the outbox calls it in a job of its own."""

from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.context import Context
from studyhall.events.models import Event
from studyhall.rewards import service
from studyhall.rewards.schemas import RewardsUpdate


def subscribe(context: Context) -> None:
    """Have events counted, and tell the learner's windows about it."""

    async def count(session: AsyncSession, event: Event) -> None:
        """Count an event. It is counted in cohorts without rewards too: switching them on later loses nothing."""
        if event.user_id is None:
            return
        counted, profile = await service.record(session, event, event.user_id, now=context.clock())
        if not profile.enabled:
            return
        update = RewardsUpdate(**profile.model_dump(), gained=counted.gained, level_up=counted.level_up)
        context.live.publish_after_commit(
            session, event.user_id, "rewards.updated", update.model_dump(mode="json")
        )

    context.outbox.subscribe("rewards", service.LISTENS_TO, count)
