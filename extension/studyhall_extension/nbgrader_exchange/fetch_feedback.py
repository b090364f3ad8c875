"""`nbgrader fetch_feedback`: the student's own feedback, beside the assignment."""

from typing import Any

from nbgrader.exchange import abc

from studyhall_extension.nbgrader_exchange.exchange import Exchange
from studyhall_extension.nbgrader_exchange.folders import inside, one_name, put


class ExchangeFetchFeedback(Exchange, abc.ExchangeFetchFeedback):  # type: ignore[misc]  # nbgrader ships no types
    """Fetches feedback for one's own submissions, whatever `--student` says."""

    def init_src(self) -> None:
        """Find one's submissions.

        Raises:
            nbgrader.exchange.ExchangeError: the service can't be asked, or says no.
        """
        self.course = self.named_course()
        with self.saying_troubles():
            self.service = self.learner_service(self.course)
            self.submissions: list[dict[str, Any]] = list(
                self.service.rows(
                    "/exchange/submissions",
                    course=self.course,
                    assignment=self.wanted(self.coursedir.assignment_id),
                )
            )

    def copy_files(self) -> None:
        """Write each page to `<assignment>/feedback/<timestamp>/<notebook>.html`.

        Raises:
            nbgrader.exchange.ExchangeError: it can't be fetched.
        """
        for row in self.submissions:
            timestamp = self.timestamp_of(row["submitted_at"])
            about = f"{self.course}/{row['assignment']}"
            if not any(notebook["feedback_sha256"] for notebook in row["notebooks"]):
                self.log.warning("Could not find feedback for '%s' submitted at %s", about, timestamp)
                continue
            with self.saying_troubles():
                pages = self.service.get(f"/exchange/feedback/{row['id']}")
                folder = self.local_folder(self.course, one_name(row["assignment"])) / "feedback" / timestamp
                folder.mkdir(parents=True, exist_ok=True)
                for page in pages:
                    file = inside(folder, one_name(f"{page['notebook']}.html"))
                    put(file, page["html"].encode())
                    self.log.info("Fetched feedback: %s", file)
