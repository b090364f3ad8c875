"""Puts the service together: the only module that knows every capability."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

from jupyterhub.services.auth import HubOAuth
from redis.asyncio import Redis
from sqlalchemy import make_url
from tornado.web import Application

from studyhall import __version__
from studyhall.access import handlers as access_handlers
from studyhall.ai_review import handlers as ai_review_handlers
from studyhall.ai_review import tasks as ai_review_tasks
from studyhall.audit import handlers as audit_handlers
from studyhall.audit.requests import record_requeued
from studyhall.clock import Clock, utc_now
from studyhall.context import Context
from studyhall.courses import handlers as course_handlers
from studyhall.courses.lesson_publishing import ReleaseCarrier
from studyhall.courses.publishing import ReleaseWriter
from studyhall.db.encryption import ContentCipher
from studyhall.db.session import Database
from studyhall.events.live import Live
from studyhall.events.outbox import Outbox
from studyhall.exchange import handlers as exchange_handlers
from studyhall.gradebook import handlers as gradebook_handlers
from studyhall.gradebook import tasks as gradebook_tasks
from studyhall.gradebook.deadlines import deadlines_of
from studyhall.grading import handlers as grading_handlers
from studyhall.grading import tasks as grading_tasks
from studyhall.identity import handlers as identity_handlers
from studyhall.jobs import handlers as job_handlers
from studyhall.jobs.queue import JobQueue
from studyhall.lti import choice_pages
from studyhall.lti import handlers as lti_handlers
from studyhall.lti import synchronization as lti_synchronization
from studyhall.lti import tasks as lti_tasks
from studyhall.members import handlers as member_handlers
from studyhall.nbgrader_gradebooks import executions as nbgrader_executions
from studyhall.nbgrader_gradebooks import handlers as nbgrader_handlers
from studyhall.nbgrader_gradebooks import tasks as nbgrader_tasks
from studyhall.notifications import handlers as notification_handlers
from studyhall.notifications import tasks as notification_tasks
from studyhall.organizations.log import entries_beside
from studyhall.organizations.service import cohort_by_slug
from studyhall.quizzes import handlers as quiz_handlers
from studyhall.quizzes.service import carry_release as carry_quizzes
from studyhall.quizzes.service import write_release as write_quizzes
from studyhall.regrading import handlers as regrade_handlers
from studyhall.regrading import tasks as regrade_tasks
from studyhall.rewards import handlers as reward_handlers
from studyhall.rewards import tasks as reward_tasks
from studyhall.rosters import handlers as roster_handlers
from studyhall.settings import Settings
from studyhall.sign_in import sign_in_with
from studyhall.submissions import handlers as submission_handlers
from studyhall.submissions.counting import passed_by_grade, released_of
from studyhall.web import openapi
from studyhall.web.handlers import ApiHandler
from studyhall.web.operations import HealthHandler, MetricsHandler, ReadyHandler
from studyhall.web.rate_limits import RateLimits
from studyhall.web.routes import Kind, Route
from studyhall.web.streams import EventStreamHandler
from studyhall.web_pages import handlers as page_handlers

RELEASE_WRITERS: list[ReleaseWriter] = [write_quizzes]
"""Capabilities that keep a part of each release for themselves."""

RELEASE_CARRIERS: list[ReleaseCarrier] = [carry_quizzes]
"""Those that take their part over into a release in which only one lesson is another one."""


def api_routes(queue: JobQueue) -> list[Route]:
    """Return every API route of the service."""
    return [
        *identity_handlers.ROUTES,
        *member_handlers.ROUTES,
        *roster_handlers.ROUTES,
        *course_handlers.routes(deadlines_of, released_of, passed_by_grade),
        course_handlers.publish_with(RELEASE_WRITERS),
        *submission_handlers.routes(grading_tasks.enqueue_with(queue), deadlines_of),
        *grading_handlers.ROUTES,
        *exchange_handlers.ROUTES,
        exchange_handlers.release_with(RELEASE_CARRIERS),
        *regrade_handlers.routes(queue),
        *gradebook_handlers.ROUTES,
        *audit_handlers.routes(entries_beside),
        *notification_handlers.ROUTES,
        *quiz_handlers.ROUTES,
        *reward_handlers.ROUTES,
        *ai_review_handlers.routes(queue),
        *nbgrader_handlers.routes(queue),
        *lti_handlers.ROUTES,
        *job_handlers.routes(record_requeued),
    ]


def documented_routes() -> list[Route]:
    """Return the routes for documents and checks: nothing is connected."""
    nowhere = make_url("postgresql+psycopg://nobody@localhost/nothing")
    return api_routes(JobQueue(nowhere, attempts=1, clock=utc_now))


def subscribe(context: Context) -> None:
    """Connect the capabilities that listen to events."""
    gradebook_tasks.subscribe(context)
    notification_tasks.subscribe(context)
    reward_tasks.subscribe(context)
    nbgrader_tasks.subscribe(context)
    lti_tasks.subscribe(context)


def register_tasks(context: Context) -> None:
    """Make every job's function known to the worker."""
    context.outbox.register(context.database)
    grading_tasks.register(context)
    regrade_tasks.register(context)
    ai_review_tasks.register(context)
    nbgrader_tasks.register(context)
    nbgrader_executions.register(context)
    lti_tasks.register(context)
    lti_synchronization.register(context)


@asynccontextmanager
async def open_context(
    settings: Settings, *, clock: Clock = utc_now, needs_cohort: bool = True
) -> AsyncIterator[Context]:
    """Open the database, Redis and the job queue, and close them at the end.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
    redis_url = settings.redis_url.get_secret_value()
    redis = Redis.from_url(redis_url, decode_responses=True, health_check_interval=30)
    limits = RateLimits(redis_url)
    queue = JobQueue(database.url, attempts=settings.job_attempts, clock=clock)
    try:
        cohort_id = uuid.UUID(int=0)
        if needs_cohort:
            async with database.session(None) as session:
                cohort_id = (await cohort_by_slug(session, settings.cohort)).id
        context = Context(
            settings=settings,
            clock=clock,
            database=database,
            redis=redis,
            cipher=ContentCipher(settings.content_key.get_secret_value()),
            queue=queue,
            outbox=Outbox(queue, clock=clock),
            live=Live(redis),
            limits=limits,
            cohort_id=cohort_id,
        )
        subscribe(context)
        yield context
    finally:
        await limits.close()
        await queue.close()
        await redis.aclose()
        await database.close()


def make_application(context: Context, hub_auth: HubOAuth) -> Application:
    """Return the Tornado application of the service."""
    prefix = context.settings.service_prefix.rstrip("/")
    routes = api_routes(context.queue)
    by_path: dict[str, dict[str, Route]] = {}
    for route in routes:
        by_path.setdefault(route.path, {})[route.method] = route
    sign_in = sign_in_with(context)
    rules: list[tuple[str, type, dict[str, object]]] = []
    # Literal paths go before those with parameters, so that /submissions/x never hides /submissions.
    for path in sorted(by_path, key=lambda item: (item.count("{"), item)):
        methods = by_path[path]
        handler = EventStreamHandler if any(r.kind is Kind.STREAM for r in methods.values()) else ApiHandler
        rules.append(
            (
                prefix + "/api/v1" + _pattern(path),
                handler,
                {"context": context, "sign_in": sign_in, "routes": methods},
            )
        )
    operations: Sequence[tuple[str, type]] = (
        ("/health", HealthHandler),
        ("/ready", ReadyHandler),
        ("/metrics", MetricsHandler),
    )
    for place in {"", prefix}:
        rules.extend(
            (place + path, handler, {"context": context, "queue": grading_tasks.QUEUE})
            for path, handler in operations
        )

    @cache
    def document() -> str:
        """Return the text of the API's document, made when somebody first asks: it takes a good part of a start."""
        return json.dumps(openapi.document(routes, version=__version__))

    rules.extend(
        [
            (prefix + "/api/v1/openapi.json", page_handlers.OpenApiHandler, {"written": document}),
            (prefix + "/lti/jwks.json", lti_handlers.PublicKeysHandler, {"context": context}),
            (prefix + "/oauth_callback", page_handlers.CallbackHandler, {}),
            (
                prefix + "/static/(.*)",
                page_handlers.StaticHandler,
                {"path": str(page_handlers.STATIC)},
            ),
            *(
                (prefix + path, handler, {"context": context, "sign_in": sign_in})
                for path, handler in access_handlers.HANDLERS
            ),
            (
                prefix + r"/lti/choices/([^/]+)",
                choice_pages.ChoiceHandler,
                {"context": context, "sign_in": sign_in},
            ),
            (prefix + r"/api/.*", ApiHandler, {"context": context, "sign_in": sign_in, "routes": {}}),
            (prefix + r"(?:/.*)?", page_handlers.PageHandler, {"context": context}),
            (r"/.*", ApiHandler, {"context": context, "sign_in": sign_in, "routes": {}}),
        ]
    )
    return Application(
        rules,
        hub_auth=hub_auth,
        cookie_secret=page_handlers.cookie_secret(context.settings),
        xsrf_cookies=True,
        log_function=page_handlers.log_request,
    )


def _pattern(path: str) -> str:
    return "/".join(
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in path.split("/")
    )
