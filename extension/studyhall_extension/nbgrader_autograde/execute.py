"""The preprocessor in whose place nbgrader would start a kernel."""

import weakref
from typing import Any

import nbformat
from nbgrader.preprocessors import Execute as NbgraderExecute

from studyhall_extension.nbgrader_autograde.ahead import Ahead, NotExecuted, Place

LONGEST_SECONDS = 600.0
"""What the service lets one cell have at most; nbgrader's ``timeout = None`` means that."""

_AHEAD: "weakref.WeakKeyDictionary[Any, Ahead]" = weakref.WeakKeyDictionary()
"""By nbgrader's converter: it makes a preprocessor of its own for every notebook."""


class Execute(NbgraderExecute):  # type: ignore[misc]  # nbgrader ships no types
    """Has a notebook run in Studyhall's judge. Keeps nbgrader's name, so that ``c.Execute.timeout`` still holds."""

    def preprocess(self, nb: Any, resources: Any, _km: Any = None) -> tuple[Any, Any]:
        """Fill in the outputs of a notebook's cells.

        Raises:
            NotExecuted: it could not be sent or run; nbgrader says so and goes on with the next student.
        """
        about = resources["nbgrader"]
        place = Place(about["student"], about["assignment"], about["notebook"])
        result = self._ahead().run(place, nb, resources["metadata"]["path"])
        if len(result["cells"]) != len(nb.cells):
            raise NotExecuted("The service has answered for another notebook. Try again.")
        for cell, ran in zip(nb.cells, result["cells"], strict=True):
            if cell.cell_type == "code" and ran is not None:
                cell.outputs = [nbformat.from_dict(output) for output in ran["outputs"]]  # type: ignore[no-untyped-call]  # nbformat ships no types for it
                cell.execution_count = ran["execution_count"]
        for note in result["notes"]:
            self.log.warning("%s (%s): %s", place.student, place.notebook, note)
        return nb, resources

    def _ahead(self) -> Ahead:
        converter = self.parent.parent
        found = _AHEAD.get(converter)
        if found is None:
            seconds = LONGEST_SECONDS if not self.timeout or self.timeout < 0 else float(self.timeout)
            found = _AHEAD[converter] = Ahead(converter, cell_seconds=min(seconds, LONGEST_SECONDS))
        return found
