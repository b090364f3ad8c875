"""What comparisons of models and database leave out."""

from typing import Any


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave the job queue's own tables out of comparisons: their SQL is the library's, frozen in our history."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))
