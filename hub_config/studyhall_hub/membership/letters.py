"""Messages about joining a cohort, in plain words, each with the address where it goes on."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Letter:
    """What a message says; a paragraph that is an address alone becomes a link."""

    subject: str
    paragraphs: tuple[str, ...]


def line(text: Any, longest: int = 1000) -> str:
    """Return a text as one line of at most so many characters; an empty one for what is none."""
    if not isinstance(text, str):
        return ""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:longest]


def letter(kind: str, *, cohort: str, reason: str, people: Any, hub_url: str, service_url: str) -> Letter:
    """Return a message.

    Args:
        kind: `approved`, `declined` or `waiting`.
        cohort: what people call the cohort.
        reason: what whoever decided wants to be read; may be empty.
        people: how many wait, for `waiting`.
        hub_url: public address of the hub, with a slash at its end.
        service_url: public address of the service, without one.

    Raises:
        ValueError: there is no such kind, or it lacks something.
    """
    name = line(cohort, 200)
    because = (f"The reason: {reason}",) if reason else ()
    if kind == "approved":
        return Letter(
            f"You may sign in to {name}",
            (
                f"You asked to join {name}, and that was approved.",
                *because,
                "Sign in here, the same way as before:",
                f"{hub_url}login",
            ),
        )
    if kind == "declined":
        return Letter(
            f"Your wish to join {name}",
            (
                f"You asked to join {name}, and that was declined.",
                *because,
                "If you think that this is a mistake, ask the people who run it. You asked here:",
                f"{hub_url}login",
            ),
        )
    if kind == "waiting" and isinstance(people, int) and people > 0:
        who = "1 person waits" if people == 1 else f"{people} people wait"
        return Letter(
            f"{who} to join {name}",
            (
                f"{who} to join {name}, which you run. Approve or decline here:",
                f"{service_url}/cohort/approvals",
                "However many come, there is a message like this at most every six hours.",
            ),
        )
    raise ValueError("There is no such message.")
