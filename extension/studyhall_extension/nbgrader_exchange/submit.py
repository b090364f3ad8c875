"""`nbgrader submit`: the student's folder becomes an ordinary attempt, accepted exactly once."""

import base64
import hashlib
import uuid
from pathlib import Path

from nbgrader.exchange import abc
from studyhall_notebooks.outputs import without_outputs
from studyhall_notebooks.parsing import MAX_BYTES

from studyhall_extension.nbgrader_exchange.exchange import Exchange
from studyhall_extension.nbgrader_exchange.folders import read_folder

NOTEBOOK = ".ipynb"


class ExchangeSubmit(Exchange, abc.ExchangeSubmit):  # type: ignore[misc]  # nbgrader ships no types
    """Submits an assignment. Whoever the token belongs to is the student, whatever `--student` says."""

    def init_src(self) -> None:
        """Find the student's folder.

        Raises:
            nbgrader.exchange.ExchangeError: there is none.
        """
        self.course = self.named_course()
        self.src_path = self.local_folder(self.course, self.coursedir.assignment_id)
        self.coursedir.assignment_id = self.src_path.name
        if not self.src_path.is_dir():
            self.fail(f"Assignment not found at: {self.src_path}")

    def init_dest(self) -> None:
        """Find the assignment among the released ones.

        Raises:
            nbgrader.exchange.ExchangeError: it is not there, or the service can't be asked.
        """
        with self.saying_troubles():
            self.service = self.learner_service(self.course, upload=True)
            self.assignment = self.released(self.service, self.course, self.coursedir.assignment_id)

    def copy_files(self) -> None:
        """Send it; a broken connection is tried again under the same key, so it is never submitted twice.

        Raises:
            nbgrader.exchange.ExchangeError: it was refused; the folder stays as it is.
        """
        self.log.info("Source: %s", self.src_path)
        self.log.info("Destination: %s", self.service.url)
        with self.saying_troubles():
            files = read_folder(self.src_path, self.coursedir, self.log)
            self._look_for_missing(files)
            known = {file["path"]: file["sha256"] for file in self.assignment["files"]}
            notebooks, own = {}, {}
            for path, data in files.items():
                if "/" not in path and path.endswith(NOTEBOOK):
                    text = data.decode("utf-8-sig", "replace")
                    notebooks[Path(path).stem] = without_outputs(text) if len(data) > MAX_BYTES else text
                elif hashlib.sha256(data).hexdigest() != known.get(path):
                    own[path] = base64.b64encode(data).decode()
            if not notebooks:
                self.fail(f"There is no notebook in {self.src_path}, so there is nothing to submit.")
            attempt = self.service.send(
                "POST",
                "/submissions",
                {
                    "course": self.course,
                    "lesson": self.assignment["lesson"],
                    "notebooks": notebooks,
                    "files": own,
                },
                key=str(uuid.uuid4()),
            )
        self.timestamp = self.timestamp_of(attempt["submitted_at"])
        self.log.info("Submitted as: %s %s %s", self.course, self.assignment["assignment"], self.timestamp)
        if attempt["late"]:
            self.log.warning("It was submitted after the due date.")

    def _look_for_missing(self, files: dict[str, bytes]) -> None:
        """Compare the notebooks with the released ones; with `strict`, none may be missing."""
        expected = {file["path"] for file in self.assignment["files"] if file["is_notebook"]}
        present = {path for path in files if path.endswith(NOTEBOOK)}
        if expected == present:
            return
        wanted = [f"{path}: {'FOUND' if path in present else 'MISSING'}" for path in sorted(expected)]
        given = [f"{path}: {'OK' if path in expected else 'EXTRA'}" for path in sorted(present)]
        difference = "Expected:\n\t" + "\n\t".join(wanted) + "\nSubmitted:\n\t" + "\n\t".join(given)
        assignment = self.assignment["assignment"]
        if self.strict and expected - present:
            self.fail(
                f"Assignment {assignment} not submitted. There are missing notebooks for the submission:\n{difference}"
            )
        self.log.warning(
            "Possible missing notebooks and/or extra notebooks submitted for assignment %s:\n%s",
            assignment,
            difference,
        )
