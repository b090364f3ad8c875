"""What the browser asks about learners' notebooks, and their way to the sandbox."""

import uuid
from collections.abc import Mapping
from typing import Any

from studyhall_extension.errors import NotebookTooLargeError, ValidationError
from studyhall_extension.learners_notebooks.errors import NotLearnersWorkError
from studyhall_extension.learners_notebooks.recognising import Recogniser
from studyhall_extension.learners_notebooks.runs import Runs
from studyhall_extension.learners_notebooks.trust import metadata_of
from studyhall_extension.web import StudyhallHandler, learner_reads, learner_writes

MAX_PATH_LENGTH = 2000


class LearnersNotebooksHandler(StudyhallHandler):
    """`GET /learners-notebooks`."""

    def initialize(self, recogniser: Recogniser, **kwargs: Any) -> None:
        """Take what knows learners' notebooks."""
        super().initialize(**kwargs)
        self.recogniser = recogniser

    @learner_reads
    async def get(self) -> None:
        """Say whether the owner is staff anywhere, and whether a notebook is a learner's work."""
        await self.recogniser.staff.refresh()
        path = self.get_query_argument("path", "")
        ours = {
            name: self.get_query_argument(name)
            for name in ("course", "lesson", "notebook")
            if self.get_query_argument(name, "")
        }
        if len(path) > MAX_PATH_LENGTH:
            raise ValidationError(details=[("path", "Send the path of the opened notebook.")])
        work = self.recogniser.find(path, ours) if path else None
        self.write_data(
            {
                "staff": self.recogniser.staff.is_staff,
                "work": work.public() if work is not None else None,
            }
        )


class RunsHandler(StudyhallHandler):
    """`POST /learners-notebooks/runs`."""

    def initialize(self, recogniser: Recogniser, runs: Runs, **kwargs: Any) -> None:
        """Take what knows learners' notebooks, and what sends them."""
        super().initialize(**kwargs)
        self.recogniser = recogniser
        self.runs = runs

    @learner_writes
    async def post(self) -> None:
        """Send a learner's notebook to the judge, as it is shown."""
        most = 2 * self.runs.max_notebook_bytes
        if len(self.request.body) > most:
            raise NotebookTooLargeError("This notebook is larger than the sandbox takes. Look at it by hand.")
        body = self.json_body(most)
        path, notebook = body.get("path"), body.get("notebook")
        if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH_LENGTH:
            raise ValidationError(details=[("path", "Send the path of the opened notebook.")])
        try:
            key = str(uuid.UUID(str(body.get("idempotency_key"))))
        except ValueError as error:
            raise ValidationError(
                details=[("idempotency_key", "Send a UUID made for this press of the button.")]
            ) from error
        await self.recogniser.staff.refresh()
        work = self.recogniser.find(path, metadata_of(notebook) if isinstance(notebook, Mapping) else {})
        if work is None:
            raise NotLearnersWorkError
        told = await self.runs.begin(
            work,
            notebook,
            key=key,
            request_id=self.request_id,
            staff_courses=self.recogniser.staff.known or frozenset(),
        )
        self.write_data(told, 202)


class RunHandler(StudyhallHandler):
    """`GET` and `DELETE /learners-notebooks/runs/{course}/{key}`."""

    def initialize(self, runs: Runs, **kwargs: Any) -> None:
        """Take what asks for runs."""
        super().initialize(**kwargs)
        self.runs = runs

    async def prepare(self) -> None:  # type: ignore[override]  # Jupyter's APIHandler narrows it too
        """Refuse visitors, who may look elsewhere: what is asked here is asked with the owner's staff token.

        Raises:
            NotTheOwnerError: the visitor is somebody else.
        """
        await super().prepare()
        if not self._finished and self.current_user is not None:
            self.check_owner()

    @learner_reads
    async def get(self, course: str, key: str) -> None:
        """Say how far a run has come; the outputs of its cells when it has ended."""
        self.write_data(await self.runs.show(course, key, request_id=self.request_id))

    @learner_writes
    async def delete(self, course: str, key: str) -> None:
        """Take a run back."""
        await self.runs.cancel(course, key, request_id=self.request_id)
        self.set_status(204)
        self.finish()
