"""A classroom and a platform that it is registered at, for tests of what goes on between the two."""

import base64
import hashlib

import httpx
from classrooms import STAFF_SCOPES
from graded_attempts import COURSE, add_attempt, lesson_release
from lti_platform.simulator import AGS, MEMBERSHIP
from sqlalchemy import select
from studyhall.audit.service import operator
from studyhall.lti import platforms
from studyhall.lti.models import LtiPassback
from studyhall.sign_in import sign_in_with

LESSON = "values-and-names"


def name_at_hub(plays, subject):
    digest = hashlib.sha256(f"{plays.url}\n{subject}".encode()).digest()
    return "lti-" + base64.b32encode(digest).decode().lower()[:20]


class School:
    """A classroom and a platform that it is registered at."""

    def __init__(self, room, plays):
        self.room, self.plays = room, plays
        self.released = False
        plays.people = {
            "7": {"name": "Lea K.", "role": "Learner"},
            "8": {"name": "Tom T.", "role": "Instructor"},
            "9": {"name": "Mia", "role": "Learner"},
        }
        plays.tool_keys = lambda: httpx.get(f"{room.url}/lti/jwks.json", timeout=60).json()

    async def register(self, courses=(COURSE,), **changes):
        async with self.room.session() as session:
            return await platforms.add(
                session,
                "school",
                **{
                    "issuer": self.plays.url,
                    "client_id": self.plays.client_id,
                    "token_url": f"{self.plays.url}/token",
                    "audience": "",
                    "courses": list(courses),
                    "cipher": self.room.context.cipher,
                    "actor": operator(),
                    "now": self.room.clock(),
                }
                | changes,
            )

    def said(self, subject="7", *, role=None, lesson=f"{COURSE}/{LESSON}", link="link-1", **changes):
        about = self.plays.people[subject]
        return {
            "username": name_at_hub(self.plays, subject),
            "issuer": self.plays.url,
            "client_id": self.plays.client_id,
            "deployment": "1",
            "subject": subject,
            "name": about["name"],
            "roles": [MEMBERSHIP + (role or about["role"])],
            "context": {"id": self.plays.context, "title": "Klasse 1"},
            "link": {"id": link, "title": "Loops"},
            "lesson": lesson,
            "grades": {
                "scopes": [AGS + "scope/lineitem", AGS + "scope/score"],
                "lineitems": self.plays.line_items,
            },
            "memberships_url": self.plays.memberships,
            "launch_url": "https://hub.example/hub/lti/launch",
        } | changes

    async def launch(self, subject="7", *, status=200, **changes):
        answer = await self.room.call(
            "POST", "/hub/lti-launches", token="service-token", json=self.said(subject, **changes)
        )
        assert answer.status_code == status, answer.text
        return answer.json()["data"] or answer.json()["error"]

    async def person(self, subject):
        async with self.room.session() as session:
            model = {"name": name_at_hub(self.plays, subject)}
            return await sign_in_with(self.room.context)(session, model, frozenset())

    async def graded(self, subject, share=1.0, *, released=True):
        """Let somebody have an attempt with this share of the points, shown to them; return their points."""
        if released and not self.released:
            await self.release()
            self.released = True
        who = await self.person(subject)
        lesson = await lesson_release(self.room, LESSON)
        points = {test["id"]: test["points"] * share for test in lesson.tests}
        await add_attempt(self.room, who.user_id, LESSON, {"answer": str(share)}, points)
        return sum(points.values())

    async def release(self, *, method="POST", status=200):
        ines = self.room.token("ines", STAFF_SCOPES)
        path = f"/staff/courses/{COURSE}/assignments/{LESSON}/release-grades"
        body = {"json": {}} if method == "POST" else {}
        answer = await self.room.call(method, path, token=ines, **body)
        assert answer.status_code == status, answer.text

    async def rows(self):
        async with self.room.session() as session:
            return list(await session.scalars(select(LtiPassback)))
