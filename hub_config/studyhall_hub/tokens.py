"""Revoking what the hub forgets to revoke."""

from typing import Any

from jupyterhub.utils import url_escape_path, url_path_join


def revoke_server_tokens(spawner: Any) -> int:
    """Delete the tokens that were made for this person's server; return how many there were.

    A hub that was restarted while servers ran no longer knows which token it gave them: stopping such a
    server leaves a token that never expires. Tokens are found by the note the hub writes on them.
    """
    user = spawner.user
    note = f"Server at {url_path_join(user.base_url, url_escape_path(spawner.name), '/')}"
    leaked = [token for token in user.orm_user.api_tokens if token.note == note]
    for token in leaked:
        spawner.db.delete(token)
    spawner.db.commit()
    if leaked:
        spawner.log.info("Revoked %d token(s) of %s", len(leaked), spawner._log_name)  # noqa: SLF001 - as the hub logs it
    return len(leaked)
