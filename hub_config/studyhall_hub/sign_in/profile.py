"""From the settings to the hub's configuration."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from studyhall_hub.sign_in.authenticator import SignIn
from studyhall_hub.sign_in.lti.service_door import ServiceDoor
from studyhall_hub.sign_in.settings import SignInSettings

TEMPLATES = Path(__file__).parent / "templates"


def public_hub_url(*, bind_url: str, subdomain_host: str) -> str:
    """Return the hub's public address with a slash at its end: `https://school.example/hub/`."""
    path = urlsplit(bind_url).path.strip("/")
    host = subdomain_host.rstrip("/") or "{0.scheme}://{0.netloc}".format(urlsplit(bind_url))
    return f"{host}/{path}/hub/" if path else f"{host}/hub/"


def apply_sign_in(
    c: Any, settings: SignInSettings, *, hub_url: str, service_url: str, door: ServiceDoor
) -> None:
    """Let people sign in as the settings say.

    Args:
        c: the hub's configuration.
        settings: who may sign in, and how.
        hub_url: the hub's public address with a slash at its end.
        service_url: the service's public address, without one.
        door: the service's door for the hub.
    """
    c.JupyterHub.authenticator_class = SignIn
    c.JupyterHub.template_paths = [str(TEMPLATES)]
    c.SignIn.settings = settings
    c.SignIn.hub_url = hub_url
    c.SignIn.service_url = service_url
    c.SignIn.service_door = door
    # Of this class only: whoever has an account here may enter. The providers' own classes decide who comes from there.
    c.SignIn.allow_all = True
