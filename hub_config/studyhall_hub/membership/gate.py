"""The gate between showing who one is and the hub's session: members pass with their groups, others read a sentence.

It is the hub's `post_auth_hook`, for every way of signing in. `manage_groups` of the hub does not serve: it allows no
groups in the configuration, which our roles are bound to.
"""

from typing import Any

from jupyterhub.utils import maybe_future
from tornado.web import Finish

from studyhall_hub import permissions
from studyhall_hub.client_address import address_of
from studyhall_hub.membership.service import Members, ServiceAway, Standing

TITLES = {
    "waiting": "Waiting for approval",
    "declined": "Your wish to join was declined",
    "removed": "No member any more",
    "outsider": "You are not a member of this cohort",
}
AWAY_TITLE = "Studyhall is not ready yet"
AWAY = (
    "You signed in, and Studyhall could not look up whether you are a member, since its service is starting or being "
    "repaired. Try again in a minute."
)
LONGEST_AGENT = 1000


class Gate:
    """Asks the service about everybody who signs in."""

    def __init__(self, members: Members, *, proxies: int) -> None:
        self._members, self._proxies = members, proxies

    async def __call__(self, authenticator: Any, handler: Any, model: dict[str, Any]) -> dict[str, Any]:
        """Let a member in with the groups that the service names, and refuse everybody else.

        Whoever the hub knows already comes in with the groups of last time while the service is away; it looks at each
        request itself, so that nobody gains anything by that.

        Raises:
            tornado.web.Finish: with the page that says what happens next.
        """
        user = handler.find_user(model["name"])
        told = about(authenticator, model) | {
            "address": address_of(handler, self._proxies),
            "agent": printable(handler.request.headers.get("User-Agent"), LONGEST_AGENT),
            "groups": [group.name for group in user.groups] if user is not None else None,
        }
        try:
            standing = await self._members.standing_of(told)
        except ServiceAway as problem:
            authenticator.log.warning("The service says nothing about %s: %s", model["name"], problem)
            if user is None:
                await self._refuse(handler, AWAY_TITLE, AWAY, status=503)
            return model
        if standing.state != "member":
            authenticator.log.info("%s is not let in: %s", model["name"], standing.state)
            await self._refuse(handler, TITLES.get(standing.state, TITLES["outsider"]), standing.sentence)
        await self._set_groups(authenticator, handler, user, model["name"], standing)
        return model

    @staticmethod
    async def _set_groups(authenticator: Any, handler: Any, user: Any, name: str, standing: Standing) -> None:
        """Put somebody into just the groups of ours that the service names; other groups are the hub's business."""
        if user is None:
            user = handler.user_from_username(name)
            await maybe_future(authenticator.add_user(user))
        theirs = {group.name for group in user.groups if not permissions.is_ours(group.name)}
        user.sync_groups(sorted(theirs | {group for group in standing.groups if permissions.is_ours(group)}))

    @staticmethod
    async def _refuse(handler: Any, title: str, sentence: str, *, status: int = 403) -> None:
        page = await handler.render_template(
            "membership.html", page_title=title, sentence=sentence, back=f"{handler.hub.base_url}login"
        )
        handler.set_status(status)
        handler.set_header("Cache-Control", "no-store")
        if status == 503:
            handler.set_header("Retry-After", "60")
        raise Finish(page)


def about(authenticator: Any, model: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of somebody by the way of their signing in.

    Providers say it in the model; of a local account the hub itself has verified the mail address.
    """
    info = model.get("user_info") or {}
    told = {
        "username": model["name"],
        "display_name": printable(info.get("name"), 200),
        "email": printable(info.get("email"), 254),
        "email_verified": info.get("email_verified") is True,
        "origin": info.get("provider") or "file",
    }
    if "provider" not in info and getattr(authenticator, "local", None) is not None:
        account = authenticator.store.find(model["name"])
        mail = printable(account.mail if account is not None else None, 254)
        told |= {"origin": "local", "email": mail, "email_verified": mail is not None}
    return told


def printable(text: Any, longest: int) -> str | None:
    """Return a text as one line of at most so many characters; None when there is none."""
    if not isinstance(text, str):
        return None
    line = "".join(each if each.isprintable() else " " for each in text).strip()[:longest]
    return line or None
