"""`nbgrader fetch_assignment`: a released assignment into the student's folder."""

import base64
from pathlib import Path
from typing import Any

from nbgrader.exchange import abc

from studyhall_extension.nbgrader_exchange.exchange import Exchange
from studyhall_extension.nbgrader_exchange.folders import inside, one_name, put, write_folder


class ExchangeFetchAssignment(Exchange, abc.ExchangeFetchAssignment):  # type: ignore[misc]  # nbgrader ships no types
    """Fetches an assignment; what the student has already is never overwritten."""

    def init_src(self) -> None:
        """Find the assignment among the released ones.

        Raises:
            nbgrader.exchange.ExchangeError: it is not there, or the service can't be asked.
        """
        self.course = self.named_course()
        with self.saying_troubles():
            self.service = self.learner_service(self.course)
            self.assignment = self.released(self.service, self.course, self.coursedir.assignment_id)

    def init_dest(self) -> None:
        """Look at the student's folder.

        Raises:
            nbgrader.exchange.ExchangeError: it is there, and nobody asked to replace missing files.
        """
        with self.saying_troubles():
            self.dest_path = self.local_folder(self.course, one_name(self.assignment["assignment"]))
        if self.dest_path.is_dir() and not self.replace_missing_files:
            self.fail(f"You already have a copy of the assignment in this directory: {self.dest_path}")

    def copy_files(self) -> None:
        """Fetch and write it.

        Raises:
            nbgrader.exchange.ExchangeError: it is locked, or can't be fetched or written.
        """
        self.log.info("Source: %s", self.service.url)
        self.log.info("Destination: %s", self.dest_path)
        with self.saying_troubles():
            started = self.service.send(
                "POST",
                f"/courses/{self.course}/lessons/{self.assignment['lesson']}/start",
                {"update": True},
                key=None,
            )
            files = {file["path"]: _content(file) for file in started["files"]}
            if self.dest_path.is_dir():
                self._write_missing(files)
            else:
                write_folder(self.dest_path, files, groupshared=False)
        self.log.info("Fetched as: %s %s", self.course, self.assignment["assignment"])

    def _write_missing(self, files: dict[str, bytes]) -> None:
        for path, data in files.items():
            file = inside(self.dest_path, path)
            if file.exists():
                continue
            self.log.warning("Replacing missing file '%s'", _shown(file))
            put(file, data)


def _content(file: dict[str, Any]) -> bytes:
    content = str(file["content"])
    return base64.b64decode(content) if file["encoding"] == "base64" else content.encode()


def _shown(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
