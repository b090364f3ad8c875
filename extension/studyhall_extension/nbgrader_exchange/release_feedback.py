"""`nbgrader release_feedback`: the pages that `generate_feedback` made, to their students."""

from datetime import UTC
from pathlib import Path

from nbgrader.exchange import abc
from nbgrader.utils import parse_utc

from studyhall_extension.nbgrader_exchange.client import Service, ServiceTrouble
from studyhall_extension.nbgrader_exchange.exchange import Exchange


class ExchangeReleaseFeedback(Exchange, abc.ExchangeReleaseFeedback):  # type: ignore[misc]  # nbgrader ships no types
    """Hands feedback back; it belongs to the submission that `timestamp.txt` names."""

    def init_src(self) -> None:
        """Find the students that there is feedback for."""
        coursedir = self.coursedir
        wanted = self.wanted(coursedir.student_id) or "*"
        excluded = set(coursedir.student_id_exclude.split(",")) if coursedir.student_id_exclude else set()
        pattern = Path(coursedir.format_path(coursedir.feedback_directory, wanted, coursedir.assignment_id))
        # What stands for the student in the path tells whose folder it is.
        place = pattern.parts.index(wanted) if wanted in pattern.parts else -1
        root = Path(*pattern.parts[:place])
        below = str(Path(*pattern.parts[place:]))
        self.folders = {
            folder.parts[place]: folder
            for folder in sorted(root.glob(below))
            if folder.is_dir() and any(folder.glob("*.html")) and folder.parts[place] not in excluded
        }

    def init_dest(self) -> None:
        """Know the course.

        Raises:
            nbgrader.exchange.ExchangeError: none was named, or there is no token for it.
        """
        self.course = self.named_course()
        with self.saying_troubles():
            self.service = self.staff_service(self.course, upload=True)

    def copy_files(self) -> None:
        """Send each student's pages; one that can't be sent does not keep the others back.

        Raises:
            nbgrader.exchange.ExchangeError: some could not be sent.
        """
        if not self.folders:
            self.log.warning(
                "There is no feedback for '%s'. Run `nbgrader generate_feedback` first.",
                self.coursedir.assignment_id,
            )
        failed = []
        for student, folder in self.folders.items():
            try:
                self._release(self.service, student, folder)
            except (ServiceTrouble, OSError, ValueError) as trouble:
                self.log.error(  # noqa: TRY400 - people read a sentence, not a traceback
                    "Feedback for %s was not released: %s", student, trouble
                )
                failed.append(student)
        if failed:
            self.fail(
                f"Feedback of {len(failed)} of {len(self.folders)} students was not released: {', '.join(failed)}."
            )

    def _release(self, service: Service, student: str, folder: Path) -> None:
        file = folder / "timestamp.txt"
        if not file.is_file():
            raise ServiceTrouble(
                f"{folder} has no timestamp.txt, so nobody knows which submission it is for. Collect, autograde and "
                "generate the feedback again."
            )
        timestamp = file.read_text(encoding="utf-8").strip()
        pages = {
            page.stem: page.read_text(encoding="utf-8", errors="replace")
            for page in sorted(folder.glob("*.html"))
        }
        service.send(
            "PUT",
            f"/staff/courses/{self.course}/exchange/feedback",
            {
                "student": student,
                "assignment": self.coursedir.assignment_id,
                "timestamp": parse_utc(timestamp).replace(tzinfo=UTC).isoformat(),
                "notebooks": pages,
            },
        )
        for notebook in pages:
            self.log.info(
                "Releasing feedback for student '%s' on assignment '%s/%s/%s' (%s)",
                student,
                self.course,
                self.coursedir.assignment_id,
                notebook,
                timestamp,
            )
