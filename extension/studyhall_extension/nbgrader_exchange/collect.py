"""`nbgrader collect`: the latest submission of each student into the course's folder submitted/."""

import base64
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange import abc
from nbgrader.utils import parse_utc

from studyhall_extension.nbgrader_exchange.client import Service, ServiceTrouble
from studyhall_extension.nbgrader_exchange.exchange import Exchange
from studyhall_extension.nbgrader_exchange.folders import one_name, write_folder

SCORED = frozenset({"graded", "needs_manual"})
"""Statuses of attempts that can count: one that waits or was refused says nothing of the others."""


class ExchangeCollect(Exchange, abc.ExchangeCollect):  # type: ignore[misc]  # nbgrader ships no types
    """Collects submissions. Whose they are, the service says, so that no owner has to be checked."""

    def init_src(self) -> None:
        """Choose each student's submission.

        Raises:
            nbgrader.exchange.ExchangeError: the service can't be asked, or says no.
        """
        self.course = self.named_course()
        due = self._due() if self.before_duedate else None
        with self.saying_troubles():
            self.service = self.staff_service(self.course)
            rows = list(
                self.service.rows(
                    f"/staff/courses/{self.course}/exchange/submissions",
                    assignment=self.coursedir.assignment_id,
                    student=self.wanted(self.coursedir.student_id),
                    every="true" if due is not None else "false",
                )
            )
        by_student: dict[str, list[dict[str, Any]]] = {}
        for row in rows:  # newest first
            by_student.setdefault(row["student"], []).append(row)
        self.src_records = [_chosen(submissions, due) for submissions in by_student.values()]

    def copy_files(self) -> None:
        """Fetch what is new; one that can't be fetched does not keep the others back.

        Raises:
            nbgrader.exchange.ExchangeError: some could not be fetched or written.
        """
        assignment = self.coursedir.assignment_id
        if self.src_records:
            self.log.info(
                "Processing %s submissions of '%s' for course '%s'",
                len(self.src_records),
                assignment,
                self.course,
            )
        else:
            self.log.warning("No submissions of '%s' for course '%s' to collect", assignment, self.course)
        failed = []
        for row in sorted(self.src_records, key=lambda row: str(row["student"])):
            try:
                self._collect(self.service, row)
            except (ServiceTrouble, OSError) as trouble:
                self.log.error(  # noqa: TRY400 - people read a sentence, not a traceback
                    "%s's submission was not collected: %s", row["student"], trouble
                )
                failed.append(row["student"])
        self._say_what_counts()
        if failed:
            self.fail(
                f"{len(failed)} of {len(self.src_records)} submissions were not collected: {', '.join(failed)}. "
                "Run the command again; what was collected stays."
            )

    def _say_what_counts(self) -> None:
        """Name the students of whom nbgrader shows the scores of another attempt than the collected one."""
        others = sorted(
            str(row["student"]) for row in self.src_records if row["status"] in SCORED and not row["counts"]
        )
        if others:
            self.log.warning(
                "Another attempt than the collected one counts for %s of %s students: %s. Scores in nbgrader's "
                "gradebook are those of the attempt that counts, and what you type there is about it. Which one counts "
                "(the best or the last) is the assignment's setting: on the staff pages in the gradebook, column menu, "
                "Due date and late policy.",
                len(others),
                len(self.src_records),
                ", ".join(others),
            )

    def _collect(self, service: Service, row: dict[str, Any]) -> None:
        student, assignment = one_name(row["student"]), self.coursedir.assignment_id
        coursedir = self.coursedir
        folder = Path(coursedir.format_path(coursedir.submitted_directory, student, assignment))
        updating = folder.is_dir()
        if updating:
            existing = coursedir.get_existing_timestamp(str(folder))
            found = parse_utc(self.timestamp_of(row["submitted_at"]))
            newer = self.update and (existing is None or found > existing)
            if not newer and not (self.before_duedate and existing != found):
                self.log.info(
                    "No newer submission to collect: %s %s"
                    if self.update
                    else "Submission already exists, use --update to update: %s %s",
                    student,
                    assignment,
                )
                return
        self.log.info(
            "Updating submission: %s %s" if updating else "Collecting submission: %s %s", student, assignment
        )
        content = service.get(f"/staff/courses/{self.course}/exchange/submissions/{row['id']}")
        files = {path: base64.b64decode(data) for path, data in content["files"].items()}
        files |= {
            f"{stem}.ipynb": text.encode("utf-8", "replace") for stem, text in content["notebooks"].items()
        }
        files["timestamp.txt"] = self.timestamp_of(row["submitted_at"]).encode()
        write_folder(folder, files, groupshared=coursedir.groupshared)

    def _due(self) -> datetime | None:
        with Gradebook(self.coursedir.db_url, self.course) as gradebook:
            try:
                due: datetime | None = gradebook.find_assignment(self.coursedir.assignment_id).duedate
            except MissingEntry:
                return None
        return due


def _chosen(newest_first: list[dict[str, Any]], due: datetime | None) -> dict[str, Any]:
    """Return the last submission before the due date, or the last one when there is none."""
    if due is not None:
        for row in newest_first:
            if parse_utc(datetime.fromisoformat(row["submitted_at"])) <= due:
                return row
    return newest_first[0]
