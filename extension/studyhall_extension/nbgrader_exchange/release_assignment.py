"""`nbgrader release_assignment`: the folder release/ goes to learners, source/ with its hidden tests to the judge."""

from datetime import UTC
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange import abc
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import read_notebook

from studyhall_extension.nbgrader_exchange.client import ServiceTrouble
from studyhall_extension.nbgrader_exchange.exchange import Exchange
from studyhall_extension.nbgrader_exchange.folders import encoded, read_folder

NOTEBOOK = ".ipynb"
# nbgrader's class and setting → what the service calls it.
MARKS = {
    ("ClearSolutions", "code_stub"): "code_stub",
    ("ClearSolutions", "text_stub"): "text_stub",
    ("ClearSolutions", "begin_solution_delimeter"): "begin_solution",
    ("ClearSolutions", "end_solution_delimeter"): "end_solution",
    ("ClearHiddenTests", "begin_test_delimeter"): "begin_hidden",
    ("ClearHiddenTests", "end_test_delimeter"): "end_hidden",
    ("ClearMarkScheme", "begin_mark_scheme_delimeter"): "begin_mark_scheme",
    ("ClearMarkScheme", "end_mark_scheme_delimeter"): "end_mark_scheme",
    ("LockCells", "lock_solution_cells"): "lock_solution_cells",
    ("LockCells", "lock_grade_cells"): "lock_grade_cells",
    ("LockCells", "lock_readonly_cells"): "lock_readonly_cells",
    ("LockCells", "lock_all_cells"): "lock_all_cells",
}


class ExchangeReleaseAssignment(Exchange, abc.ExchangeReleaseAssignment):  # type: ignore[misc]  # nbgrader ships no types
    """Publishes one assignment into the course."""

    def init_src(self) -> None:
        """Find the generated version.

        Raises:
            nbgrader.exchange.ExchangeError: it was not generated, or there is no such assignment.
        """
        coursedir, assignment = self.coursedir, self.coursedir.assignment_id
        self.src_path = Path(coursedir.format_path(coursedir.release_directory, ".", assignment))
        self.source_path = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
        if self.src_path.is_dir():
            return
        if self.source_path.is_dir():
            self.fail(
                f"Assignment found in '{self.source_path}' but not '{self.src_path}', run "
                "`nbgrader generate_assignment` first."
            )
        self.fail(f"Assignment not found at: {self.src_path}")

    def init_dest(self) -> None:
        """Know the course.

        Raises:
            nbgrader.exchange.ExchangeError: none was named.
        """
        self.course = self.named_course()

    def copy_files(self) -> None:
        """Send it.

        Raises:
            nbgrader.exchange.ExchangeError: it was refused; the course is as it was.
        """
        assignment = self.coursedir.assignment_id
        with self.saying_troubles():
            service = self.staff_service(self.course, upload=True)
            files = read_folder(self.src_path, self.coursedir, self.log)
            body: dict[str, Any] = {
                "force": self.force,
                "files": encoded(files),
                "options": self._options(),
                "due_at": self._due(),
            }
            source = self._source()
            if source is not None:
                body["source"] = encoded(source)
            self.log.info("Source: %s", self.src_path)
            self.log.info("Destination: %s", service.url)
            try:
                done = service.send(
                    "PUT", f"/staff/courses/{self.course}/exchange/assignments/{assignment}", body
                )
            except ServiceTrouble as trouble:
                if trouble.code != "already_released":
                    raise
                self.fail(f"Destination already exists, add --force to overwrite: {self.course} {assignment}")
        for note in done["notes"]:
            self.log.warning("%s", note)
        self.log.info(
            "%s tests (%s with hidden parts), %g points, release %s of the course.",
            done["tests"],
            done["hidden_tests"],
            done["points"],
            done["release"],
        )
        self.log.info("Released as: %s %s", self.course, assignment)

    def _source(self) -> dict[str, bytes] | None:
        """Return the source notebooks; those with instantiated tests where the source asks for such."""
        found = _notebooks(self.source_path)
        if any(b"AUTOTEST" in data for data in found.values()):
            made = self.coursedir.format_path(
                self.coursedir.source_with_tests_directory, ".", self.coursedir.assignment_id
            )
            found = _notebooks(Path(made)) or found
        return found or None

    def _options(self) -> dict[str, Any]:
        """Return how this course marks solutions and hidden tests, where its configuration says so."""
        options: dict[str, Any] = {}
        for (name, setting), option in MARKS.items():
            section = self.config.get(name, {})
            if setting in section:
                options[option] = section[setting]
        if isinstance(options.get("code_stub"), str):
            options["code_stub"] = {"python": options["code_stub"]}
        for part in ("header", "footer"):
            path = self.config.get("IncludeHeaderFooter", {}).get(part)
            if path:
                options[part] = self._cells(str(path))
        return options

    def _cells(self, path: str) -> list[dict[str, Any]]:
        places = [Path(path), Path(self.coursedir.root, path)]
        file = next((place for place in places if place.is_file()), places[0])
        try:
            return [dict(cell) for cell in read_notebook(file.read_bytes()).cells]
        except (OSError, NotebookError) as error:
            raise ServiceTrouble(
                f"The header or footer {path} of nbgrader_config.py can't be read: {error}"
            ) from error

    def _due(self) -> str | None:
        """Return the due date of the course's gradebook; a gradebook that is not there yet is not made for it."""
        address = str(self.coursedir.db_url)
        if address.startswith("sqlite") and not Path(urlsplit(address).path[1:]).is_file():
            return None
        try:
            with Gradebook(address, self.course) as gradebook:
                due = gradebook.find_assignment(self.coursedir.assignment_id).duedate
        except MissingEntry:
            return None
        except Exception as error:
            # Whichever database it is and whatever is wrong with it: a release does not depend on it.
            self.log.warning(
                "The course's gradebook does not answer, so no due date goes along. Set it on the staff pages."
            )
            self.log.debug("Gradebook", exc_info=error)
            return None
        return due.replace(tzinfo=UTC).isoformat() if due is not None else None


def _notebooks(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    return {file.name: file.read_bytes() for file in sorted(folder.glob(f"*{NOTEBOOK}")) if file.is_file()}
