"""A classroom for tests: the real service on loopback with real databases, and a hub that is asked over HTTP."""

import ssl
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet
from jupyterhub.services.auth import HubOAuth
from studyhall.app import RELEASE_WRITERS, make_application, open_context, register_tasks
from studyhall.context import Context
from studyhall.courses.publishing import publish
from studyhall.courses.service import enrol
from studyhall.identity.service import ensure_user
from studyhall.logs import configure_logs
from studyhall.organizations.service import ensure_cohort
from studyhall.permissions import Role
from studyhall.settings import Settings
from studyhall.supervisor.postgres import APP
from studyhall_notebooks.course import load_course
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

SAMPLE = Path(__file__).parents[1] / "course-content" / "python-foundations"

CONTENT_KEY = Fernet.generate_key().decode()
"""One for all classrooms of a process, since some start from a copy of another one's database."""

LEARNER_SCOPES = ["custom:studyhall:learner", "access:services!service=studyhall"]
STAFF_SCOPES = [*LEARNER_SCOPES, "custom:studyhall:grade", "custom:studyhall:teach"]
ADMIN_SCOPES = [*LEARNER_SCOPES, "custom:studyhall:admin"]


class HubUserHandler(RequestHandler):
    """The one call that the service makes: who holds this token?"""

    def initialize(self, tokens):
        self.tokens = tokens

    def get(self):
        model = self.tokens.get(self.request.headers["Authorization"].removeprefix("token "))
        if model is None:
            self.set_status(403)
            self.finish({"status": 403, "message": "unknown token"})
            return
        if model == "broken":
            self.set_status(503)
            return
        self.finish(model)


@dataclass
class Clock:
    """A clock that tests set."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Classroom:
    """A running service and what a test needs around it."""

    context: Context
    clock: Clock
    url: str
    tokens: dict[str, Any]
    http: httpx.AsyncClient
    server: HTTPServer

    async def stop(self):
        """Be away, as a service is that starts again."""
        self.server.stop()
        await self.server.close_all_connections()

    def token(self, username, scopes=None, **extra):
        """Return a token that the hub knows, with a learner server's scopes unless others are given."""
        token = uuid.uuid4().hex
        self.tokens[token] = {
            "kind": "user",
            "name": username,
            "groups": [],
            "scopes": LEARNER_SCOPES if scopes is None else scopes,
            **extra,
        }
        return token

    async def call(self, method, path, *, token=None, **kwargs):
        headers = {"Authorization": f"token {token}"} if token else {}
        headers |= kwargs.pop("headers", {})
        return await self.http.request(
            method, f"{self.url}/api/v1{path}", headers=headers, timeout=120, **kwargs
        )

    async def data(self, method, path, *, status=200, **kwargs):
        """Call, assert the status, and return the envelope's data."""
        answer = await self.call(method, path, **kwargs)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert body["success"] is True
        assert body["error"] is None
        return body["data"]

    async def error(self, method, path, *, status, code, **kwargs):
        """Call, assert the refusal, and return the error."""
        answer = await self.call(method, path, **kwargs)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert body["success"] is False
        assert body["data"] is None
        assert body["error"]["code"] == code, body
        return body["error"]

    @asynccontextmanager
    async def session(self, cohort_id=None):
        async with self.context.database.session(cohort_id or self.context.cohort_id) as session:
            yield session

    async def add_person(self, username, role=Role.LEARNER, course="python-foundations"):
        from studyhall.courses.service import offering_of

        async with self.session() as session:
            user = await ensure_user(session, username=username)
            if course is not None:
                await enrol(session, offering=await offering_of(session, course), user_id=user.id, role=role)
            return user.id

    async def add_cohort_role(self, username, *roles):
        """Give somebody just these roles in the cohort, without a trace in the audit log."""
        from sqlalchemy import delete
        from studyhall.members.models import CohortRoleGrant

        async with self.session() as session:
            user = await ensure_user(session, username=username)
            await session.execute(delete(CohortRoleGrant).where(CohortRoleGrant.user_id == user.id))
            session.add_all(
                CohortRoleGrant(
                    cohort_id=user.cohort_id,
                    user_id=user.id,
                    role=role.value,
                    granted_by="test",
                    granted_at=self.clock(),
                )
                for role in roles
            )
            return user.id

    async def publish(self, path=SAMPLE):
        bundle = load_course(path)
        async with self.session() as session:
            cohort = await ensure_cohort(session, organization="demo", cohort="demo")
            return await publish(
                session,
                bundle,
                organization_id=cohort.organization_id,
                published_by="test",
                cipher=self.context.cipher,
                outbox=self.context.outbox,
                writers=RELEASE_WRITERS,
            )

    async def run_jobs(self, *, times=50):
        """Work on the queues until nothing of them is due; jobs that jobs defer included.

        A worker that does not wait leaves jobs whose lock another one holds. How many times it takes until all are done
        depends on how long each takes, so the number is only there to end what has no end.
        """
        for _ in range(times):
            await self.context.queue.app.run_worker_async(
                wait=False, install_signal_handlers=False, concurrency=4, listen_notify=False
            )
            rows = await self.context.queue.app.connector.execute_query_all_async(
                "SELECT FROM procrastinate_jobs"
                " WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())"
            )
            if not rows:
                return

    async def submit(self, token, notebooks, *, lesson="values-and-names", key=None, status=202, **extra):
        body = {"course": "python-foundations", "lesson": lesson, "notebooks": notebooks, **extra}
        return await self.data(
            "POST",
            "/submissions",
            token=token,
            status=status,
            json=body,
            headers={"Idempotency-Key": str(key or uuid.uuid4())},
        )


NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For a client of plain HTTP: it needs none of the certificates that it would read first."""


@asynccontextmanager
async def open_classroom(*, postgres, valkey, database, judge_socket, **settings):
    """Start a service for one test, with the cohort `demo` in it, and nothing else that the database had not."""
    tokens: dict[str, Any] = {}
    hub = HTTPServer(Application([(r"/hub/api/user", HubUserHandler, {"tokens": tokens})]))
    hub_socket, hub_port = bind_unused_port()
    hub.add_socket(hub_socket)
    clock = Clock()
    chosen = Settings(
        database_url=postgres.url(APP, database),
        redis_url=valkey.url(),
        cohort="demo",
        content_key=CONTENT_KEY,
        judge_socket=judge_socket,
        **{"submissions_per_minute": 1000, "requests_per_minute": 100_000, **settings},
    )
    configure_logs(chosen)
    async with (
        open_context(chosen, clock=clock, needs_cohort=False) as context,
        context.database.session(None) as s,
    ):
        await ensure_cohort(s, organization="demo", cohort="demo")
    async with open_context(chosen, clock=clock) as context:
        register_tasks(context)
        hub_auth = HubOAuth(
            api_url=f"http://127.0.0.1:{hub_port}/hub/api",
            api_token="service-token",
            base_url="/services/studyhall/",
            oauth_client_id="service-studyhall",
            cache_max_age=1,
        )
        server = HTTPServer(make_application(context, hub_auth), max_body_size=160_000_000)
        socket, port = bind_unused_port()
        server.add_socket(socket)
        async with context.queue.app.open_async(), httpx.AsyncClient(verify=NO_TLS, timeout=120) as http:
            yield Classroom(
                context=context,
                clock=clock,
                url=f"http://127.0.0.1:{port}/services/studyhall",
                tokens=tokens,
                http=http,
                server=server,
            )
        server.stop()
        await server.close_all_connections()
        hub.stop()
        await hub.close_all_connections()
