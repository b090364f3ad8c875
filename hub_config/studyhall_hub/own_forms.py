"""Signing in is done on the hub's own page: a form that another site's page sends off signs nobody in."""

from typing import Any

from tornado import web

ELSEWHERE = frozenset({"same-site", "cross-site"})
"""What a browser says of a request that another origin's page began; a person's server is such an origin, too."""

SENTENCE = "This sign-in was sent by another site's page. Open the hub's own sign-in page and sign in there."


class SentByAnotherPage(web.HTTPError):
    """Nobody is signed in, and the person reads why."""

    jupyterhub_message = SENTENCE


def refuse_other_pages_forms(handler: Any) -> None:
    """Refuse a sign-in that a page of another origin sends off, such as one that a learner's server shows.

    A form's anti-forgery token is not enough before somebody is signed in: the hub gives one to everybody, it knows a
    visitor by address and browser only, and a page on a subdomain can plant it. Programs, which say nothing of a site,
    may go on.

    Raises:
        SentByAnotherPage: 403.
    """
    if handler is not None and handler.request.headers.get("Sec-Fetch-Site") in ELSEWHERE:
        raise SentByAnotherPage(403, SENTENCE)
