"""Which reviewer an installation has."""

from typing import Literal

from studyhall.ai.offline import OfflineReviewer
from studyhall.ai.reviewer import Reviewer
from studyhall.settings import Settings

Provider = Literal["claude", "offline"]


def provider_of(settings: Settings) -> Provider | None:
    """Return who reviews; None where reviews are switched off, or Claude has no key."""
    has_key = bool(settings.anthropic_api_key.get_secret_value())
    match settings.ai_provider:
        case "none":
            return None
        case "offline":
            return "offline"
        case "claude":
            return "claude" if has_key else None
        case "auto":
            return "claude" if has_key else "offline"


def reviewer_of(settings: Settings) -> Reviewer | None:
    """Return the reviewer that the settings choose; None where reviews are switched off, or Claude has no key."""
    provider = provider_of(settings)
    if provider == "claude":
        # Its library takes a second to import, which service and worker need not spend where nobody has a key.
        from studyhall.ai.claude import ClaudeReviewer  # noqa: PLC0415 - see above

        return ClaudeReviewer(
            api_key=settings.anthropic_api_key.get_secret_value(),
            base_url=settings.anthropic_base_url,
            model=settings.ai_model,
            timeout_seconds=settings.ai_timeout_seconds,
        )
    return OfflineReviewer() if provider == "offline" else None
