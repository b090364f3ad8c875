"""What can go wrong with a roster."""

from collections.abc import Sequence

from studyhall.organizations.errors import Reason, Refused
from studyhall.rosters.reading import Problem


class RosterInvalid(Refused):
    """Nothing was changed: the file has mistakes, and all of them are named."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = "a mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__(
            Reason.ROSTER_INVALID,
            f"The roster has {count}. Nothing was changed; correct the file and give it again.",
        )
