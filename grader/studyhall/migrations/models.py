"""Imports every module with tables, so that the metadata is whole. A capability with tables is named here once."""

from studyhall.ai_review import models as ai_review
from studyhall.audit import models as audit
from studyhall.courses import models as courses
from studyhall.db.base import Base
from studyhall.events import models as events
from studyhall.exchange import models as exchange
from studyhall.gradebook import models as gradebook
from studyhall.grading import models as grading
from studyhall.identity import models as identity
from studyhall.jobs import models as jobs
from studyhall.lti import models as lti
from studyhall.members import models as members
from studyhall.nbgrader_gradebooks import models as nbgrader_gradebooks
from studyhall.notifications import models as notifications
from studyhall.organizations import models as organizations
from studyhall.quizzes import models as quizzes
from studyhall.regrading import models as regrading
from studyhall.rewards import models as rewards
from studyhall.submissions import models as submissions

MODULES = (
    ai_review,
    audit,
    courses,
    events,
    exchange,
    gradebook,
    grading,
    identity,
    jobs,
    lti,
    members,
    nbgrader_gradebooks,
    notifications,
    organizations,
    quizzes,
    regrading,
    rewards,
    submissions,
)

METADATA = Base.metadata
