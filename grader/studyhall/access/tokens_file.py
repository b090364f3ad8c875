"""The file that `studyhall login` keeps tokens in: the person's own configuration folder, readable by nobody else."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict


class KeptToken(TypedDict):
    """A token for one course; times as ISO texts in UTC."""

    service: str
    course: str
    token: str
    token_id: str
    username: str
    role: str
    expires_at: str
    gradebook_login: str
    gradebook: str
    """Address of the course's nbgrader gradebook with its own login; empty where there is none."""


class TokensFileError(Exception):
    """The file can't be written; the message says where it is."""


def tokens_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the tokens are kept. The exchange plug-in reads the same place."""
    folder = environment.get("XDG_CONFIG_HOME") or environment.get("APPDATA")
    return (Path(folder) if folder else Path.home() / ".config") / "studyhall" / "tokens.json"


def read_tokens(file: Path) -> list[KeptToken]:
    """Return the tokens that are kept, expired ones included; none when the file can't be read."""
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    rows = document.get("tokens") if isinstance(document, dict) else None
    return [
        KeptToken(**{name: str(row.get(name, "")) for name in KeptToken.__annotations__})  # type: ignore[typeddict-item]  # names come from the class itself
        for row in rows or []
        if isinstance(row, dict)
    ]


def write_tokens(file: Path, tokens: list[KeptToken]) -> None:
    """Keep these tokens and no others; the file is 0600 from its first byte on, and goes with the last token.

    Raises:
        TokensFileError: it can't be written.
    """
    try:
        if not tokens:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".tokens-")  # made 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as fresh:
            json.dump({"tokens": tokens}, fresh, indent=1)
        Path(name).replace(file)
    except OSError as error:
        raise TokensFileError(f"{file} can't be written ({error.strerror}).") from error
