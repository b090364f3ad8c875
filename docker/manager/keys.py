"""The secrets of an installation: made once, kept in files below a folder that only root may enter."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from machine import write_secret

NAMES = ("postgres_password", "owner_password", "app_password", "valkey_password", "content_key")


def make_secrets(home: Path) -> dict[str, str]:
    """Return all secrets that are kept, after making those that are missing, and write what containers read."""
    folder = home / "secrets"
    for name in NAMES:
        file = folder / name
        if not file.exists():
            # The form of Fernet's keys; the others could have any.
            made = (
                base64.urlsafe_b64encode(os.urandom(32)).decode()
                if name == "content_key"
                else secrets.token_urlsafe(32)
            )
            write_secret(file, made)
    kept = {name: (folder / name).read_text(encoding="utf-8").strip() for name in NAMES}
    write_secret(
        folder / "owner_database_url",
        f"postgresql://studyhall_owner:{kept['owner_password']}@postgres/studyhall",
    )
    write_secret(
        folder / "database_url", f"postgresql://studyhall_app:{kept['app_password']}@postgres/studyhall"
    )
    write_secret(folder / "redis_url", f"redis://:{kept['valkey_password']}@valkey:6379/0")
    write_secret(
        folder / "valkey_settings",
        f"requirepass {kept['valkey_password']}\n"
        'bind * -::*\nprotected-mode yes\nport 6379\nsave ""\nappendonly no\n'
        "maxmemory 384mb\nmaxmemory-policy allkeys-lru\n",
    )
    return kept


def kept_secret(file: Path) -> str:
    """Return a secret of a cohort, after making it when it is missing."""
    if not file.exists():
        write_secret(file, secrets.token_urlsafe(32))
    return file.read_text(encoding="utf-8").strip()
