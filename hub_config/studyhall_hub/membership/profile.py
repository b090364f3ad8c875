"""From the settings to the hub's configuration."""

from pathlib import Path
from typing import Any

from studyhall_hub.membership.door import PAGES
from studyhall_hub.membership.gate import Gate
from studyhall_hub.membership.service import Members

TEMPLATES = Path(__file__).parent / "templates"


def apply_membership(c: Any, *, service_url: str, token: str, proxies: int) -> None:
    """Ask the service at every sign-in, and have a door at the hub by which it ends what removed people have there.

    Its page stands beside those of signing in, where there are some.

    Args:
        c: the hub's configuration.
        service_url: the service's inner address with its path.
        token: the service's token at the hub, which both know.
        proxies: how many proxies of ours stand before the hub, its own included.
    """
    c.Authenticator.post_auth_hook = Gate(Members(service_url, token), proxies=proxies)
    # Who may join by the domain of their mail address has to show a verified one.
    c.SignIn.asks_for_mail = True
    # The hub knows the one class or the other.
    for signing_in in (c.SignIn, c.DemoAuthenticator):
        signing_in.more_pages = PAGES
    c.JupyterHub.template_paths = [*(c.JupyterHub.get("template_paths") or ()), str(TEMPLATES)]
