"""The learner's side of Studyhall in their own Jupyter server: a relay, and what needs the learner's disk.

Everything in the learner's container can read what this package holds, so it holds nothing but the server's
own hub token, and works out nothing about scores, rewards or quotas.
"""

from typing import Any


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab where the front end lies."""
    return [{"src": "labextension", "dest": "studyhall"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server which application to load."""
    from studyhall_extension.app import StudyhallExtension  # noqa: PLC0415 - only a server needs the application

    return [{"module": "studyhall_extension", "app": StudyhallExtension}]
