"""Ending what somebody has at the hub: cookies, tokens, servers. Their files stay, and so does their account."""

from typing import Any

from jupyterhub import orm


def sign_out_everywhere(handler: Any, user: Any) -> int:
    """End a person's cookies, tokens and codes; return how many tokens that were.

    The token of a server that runs stays, or saving would fail in it; it can do what the person's own code can do. It
    is known by its value and not by its note, which anybody can write. A server that outlived its hub loses it.
    """
    running = {spawner.api_token for spawner in user.spawners.values() if spawner.api_token}
    kept = {found.id for found in (orm.APIToken.find(handler.db, token) for token in running) if found}
    ended = [token for token in user.orm_user.api_tokens if token.id not in kept]
    for token in ended:
        handler.db.delete(token)
    for code in handler.db.query(orm.OAuthCode).filter(orm.OAuthCode.user_id == user.orm_user.id):
        handler.db.delete(code)
    # The hub's cookies carry this.
    user.orm_user.cookie_id = orm.new_token()
    handler.db.commit()
    return len(ended)


async def stop_servers(handler: Any, user: Any) -> bool:
    """Stop a person's servers; say whether none is left.

    One that starts or stops right now can't be stopped: whoever asks, asks again.
    """
    for spawner in [each for each in user.spawners.values() if each.active]:
        if spawner.pending is None:
            await handler.stop_single_user(user, spawner.name)
    return not any(spawner.active for spawner in user.spawners.values())
