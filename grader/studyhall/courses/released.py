"""How courses ask for grades that staff have released, which the gradebook decides."""

import uuid
from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from studyhall.courses.policy import Result

ReleasedOf = Callable[[AsyncSession, uuid.UUID, set[uuid.UUID]], Awaitable[Mapping[uuid.UUID, Result]]]
"""Returns a learner's released grades by lesson id, of some lessons; handed in by :mod:`studyhall.app`."""

PassedByGrade = Callable[
    [AsyncSession, uuid.UUID, Mapping[uuid.UUID, float]], Awaitable[Mapping[uuid.UUID, int]]
]
"""Counts an offering's learners by lesson whose released grade passes it and whose tests did not; asked with the scores
in percent that pass. Handed in by :mod:`studyhall.app`."""
