"""What an answer of the service means for a snapshot, and when to ask again: pure rules."""

from dataclasses import dataclass, replace
from enum import StrEnum

from studyhall_extension.service_client import ServiceReply

LONGEST_DELAY = 300.0
# Refusals that pass by themselves: an old token is replaced when the server is started again, and so on.
_PASSING = frozenset({401, 408, 425, 429})
# After so many failures in a row, a snapshot that seems to fail by itself no longer holds up later ones.
PATIENCE = 5


class Verdict(StrEnum):
    """What became of one attempt to send."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, what to tell the learner, and whether it may be about this one snapshot alone."""

    verdict: Verdict
    message: str
    code: str = ""
    about_this_one: bool = False


UNREACHABLE = Judgement(
    Verdict.WAITING,
    "The classroom can't be reached right now. Your submission is saved here and is sent by itself as soon "
    "as the classroom is back.",
    code="service_unavailable",
)
UNREADABLE = Judgement(
    Verdict.WAITING,
    "Your submission is saved here but could not be read just now. It is tried again by itself.",
    code="disk_unusable",
    about_this_one=True,
)


def judge(reply: ServiceReply) -> Judgement:
    """Read an answer. Only the service's own envelope accepts or refuses; anything else means: ask again."""
    envelope = reply.envelope()
    if envelope is None:
        return replace(UNREACHABLE, about_this_one=400 <= reply.status < 500)
    if envelope["success"] and 200 <= reply.status < 300:
        return Judgement(Verdict.ACCEPTED, "")
    error = envelope.get("error")
    error = error if isinstance(error, dict) else {}
    said, code = str(error.get("message") or ""), str(error.get("code") or "")
    if 400 <= reply.status < 500 and reply.status not in _PASSING:
        return Judgement(Verdict.REFUSED, said or "The classroom refused this submission.", code=code)
    if reply.status == 401:
        said = "The classroom no longer accepts this server's login. Restart your server from the hub's page."
    elif reply.status >= 500:
        said = "The classroom has a problem right now."
    after = "Your submission is saved here and is sent by itself."
    return Judgement(
        Verdict.WAITING,
        f"{said} {after}" if said else after,
        code=code or "service_unavailable",
        about_this_one=reply.status == 500,
    )


def delay_before_retry(first: float, failures: int, retry_after: float | None, chance: float) -> float:
    """Seconds until the next attempt.

    Doubles from `first` to 5 min with each failure in a row (`failures` ≥ 1), spread over the upper half of
    that by `chance` (0 to 1), so that a class does not come back all at once; never earlier than asked.
    """
    full = min(LONGEST_DELAY, first * 2.0 ** min(failures - 1, 16))
    spread = full * (0.5 + 0.5 * chance)
    if retry_after is not None:
        return retry_after + spread * 0.5
    return spread
