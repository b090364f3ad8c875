"""Telling a learner's notebook from all others, for somebody who grades; for everybody else there is none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studyhall_extension.learners_notebooks.folders import (
    SUFFIX,
    LearnersWork,
    carrying_metadata,
    in_course_folder,
)
from studyhall_extension.learners_notebooks.staff import StaffCourses


class Recogniser:
    """Knows learners' notebooks by path and metadata. While the owner's roles are unknown, it errs on the safe side."""

    def __init__(self, root: Path, staff: StaffCourses) -> None:
        """Take the server's folder and what is known of its owner."""
        self.root = root
        self.staff = staff

    def find(self, path: str, ours: Mapping[str, Any]) -> LearnersWork | None:
        """Return whose work a notebook is.

        Args:
            path: Jupyter's path of it, from the server's folder.
            ours: Studyhall's metadata of it; empty when it has none.
        """
        if not path.endswith(SUFFIX) or "\x00" in path or self.staff.is_staff is False:
            return None
        file = self.root / path.lstrip("/")
        try:
            found = in_course_folder(file)
        except (OSError, RuntimeError):  # a name too long for the disk, a link to itself
            return None
        if found is not None:
            return found
        carried = carrying_metadata(self.root, file, ours)
        known = self.staff.known
        return carried if carried is not None and (known is None or carried.course in known) else None
