"""A service that tells everybody what the hub says about them: name, groups and the scopes of their token.

What the hub tells it of launches from learning platforms it keeps for the tests, and answers as they want.
"""

import asyncio
import json
import os
import sys
from typing import ClassVar

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from tornado.web import Application, RequestHandler, authenticated


class Health(RequestHandler):
    def get(self) -> None:
        self.write({})


class Mirror(HubOAuthenticated, RequestHandler):
    @authenticated
    def get(self) -> None:
        self.write(self.get_current_user())


class Launches(RequestHandler):
    """The hub's door: launches come in here, and the tests ask for them."""

    kept: ClassVar[list[object]] = []
    answer: ClassVar[dict[str, object]] = {"status": 200, "data": {"at": "hub", "path": "token"}}

    def check_xsrf_cookie(self) -> None:
        pass

    def post(self) -> None:
        assert self.request.headers["Authorization"] == f"token {os.environ['JUPYTERHUB_API_TOKEN']}"
        self.kept.append(json.loads(self.request.body))
        self.set_status(int(str(self.answer["status"])))
        self.write(self.answer)

    def put(self) -> None:
        Launches.answer = json.loads(self.request.body)

    def get(self) -> None:
        self.write({"kept": self.kept})


async def main() -> None:
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    application = Application(
        [
            (f"{prefix}health", Health),
            (f"{prefix}api/v1/hub/lti-launches", Launches),
            (f"{prefix}oauth_callback", HubOAuthCallbackHandler),
            (f"{prefix}.*", Mirror),
        ],
        cookie_secret=os.urandom(32),
    )
    application.listen(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
