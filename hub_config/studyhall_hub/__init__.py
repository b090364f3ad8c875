"""How Studyhall sets up JupyterHub: a `jupyterhub_config.py` is two lines that call `configure`.

```python
from studyhall_hub import configure

configure(c, "/path/to/hub.toml")
```
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studyhall_hub.settings import HubSettings


def configure(c: Any, settings_path: str | Path) -> HubSettings:
    """Set up the hub whose config object is `c` from a settings file; return the settings.

    Raises:
        studyhall_hub.settings.HubSettingsError: the file cannot be used.
        studyhall_hub.enclosure.EnclosureError: servers are to be enclosed and bubblewrap is missing.
    """
    # Programs beside the hub, such as the engine's door, are done without all that it needs.
    from studyhall_hub import configuration  # noqa: PLC0415 - as said

    return configuration.configure(c, settings_path)


__all__ = ["configure"]
