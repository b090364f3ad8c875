"""Which reviewer an installation has."""

from studyhall.ai.offline import OfflineReviewer
from studyhall.ai.reviewer import Reviewer
from studyhall.settings import Settings


def reviewer_of(settings: Settings) -> Reviewer | None:
    """Return the reviewer that the settings choose; None where reviews are switched off, or Claude has no key."""
    if settings.reviewed_by == "claude":
        # Its library takes a second to import, which service and worker need not spend where nobody has a key.
        from studyhall.ai.claude import ClaudeReviewer  # noqa: PLC0415 - see above

        return ClaudeReviewer(
            api_key=settings.anthropic_api_key.get_secret_value(),
            base_url=settings.anthropic_base_url,
            model=settings.ai_model,
            timeout_seconds=settings.ai_timeout_seconds,
        )
    return OfflineReviewer() if settings.reviewed_by == "offline" else None
