"""A stand-in for Anthropic's Messages API on loopback: it keeps what it was sent and answers from a script."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

REVIEW = {
    "overall_score": 82,
    "dimensions": {
        "correctness": 90,
        "efficiency": 80,
        "code_quality": 75,
        "best_practices": 70,
        "security": 95,
    },
    "summary": "Clear names and short functions.",
    "strengths": ["Each function does one thing."],
    "improvements": [
        {
            "text": "Say in the name what the number means.",
            "cell": "values-and-names/price_with_tip",
            "line_start": 2,
            "line_end": 3,
        }
    ],
    "code_suggestions": [
        {
            "cell": "values-and-names/price_with_tip",
            "line_start": 3,
            "line_end": 3,
            "suggested_code": "    return round(price + price * percent / 100, 2)",
            "explanation": "It reads like the task.",
        }
    ],
    "complexity": {
        "time_complexity": "O(1)",
        "space_complexity": "O(1)",
        "explanation": "No loops.",
    },
}


def changed(**parts):
    """The usual review with some parts changed, as the text of an answer."""
    return json.dumps({**REVIEW, **parts})


@dataclass
class MessagesApi:
    """What the stand-in was sent, and what it answers next; after the script it repeats the usual review."""

    url: str
    bodies: list[Any] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    script: list[Any] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as anything was sent."""
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def then_say(self, *texts, stop_reason="end_turn"):
        """Answer with these texts, one per call."""
        self.script.extend((text, stop_reason) for text in texts)

    def then_fail(self, *statuses):
        """Answer with these HTTP statuses, one per call."""
        self.script.extend(statuses)

    def then_answer(self, *bodies):
        """Answer with these bodies as they are, one per call, as something between us and Anthropic might."""
        self.script.extend(bodies)

    def then_hang(self):
        """Do not answer the next call before `release` is set."""
        self.script.append("hang")

    @property
    def sent(self):
        """Everything that was ever sent, as one text."""
        return "\n".join(json.dumps(body, ensure_ascii=False) for body in self.bodies)


class MessagesHandler(RequestHandler):
    """``POST /v1/messages``."""

    def initialize(self, api):
        self.api = api

    async def post(self):
        api = self.api()
        body = json.loads(self.request.body)
        api.bodies.append(body)
        api.arrived.set()
        api.headers.append(dict(self.request.headers))
        step = api.script.pop(0) if api.script else (changed(), "end_turn")
        if step == "hang":
            await api.release.wait()
            step = (changed(), "end_turn")
        if isinstance(step, bytes):
            self.set_header("Content-Type", "text/html" if step.startswith(b"<") else "application/json")
            self.finish(step)
            return
        self.set_header("Content-Type", "application/json")
        if isinstance(step, int):
            self.set_status(step)
            kind = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}.get(
                step, "api_error"
            )
            self.finish({"type": "error", "error": {"type": kind, "message": "No."}})
            return
        text, stop_reason = step
        self.finish(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": body["model"],
                "content": [{"type": "text", "text": text}],
                "stop_reason": stop_reason,
                "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }
        )


@asynccontextmanager
async def open_messages_api():
    """Start a stand-in for one test."""
    socket, port = bind_unused_port()
    api = MessagesApi(url=f"http://127.0.0.1:{port}")
    server = HTTPServer(Application([(r"/v1/messages", MessagesHandler, {"api": lambda: api})]))
    server.add_socket(socket)
    try:
        yield api
    finally:
        api.release.set()
        server.stop()
        await server.close_all_connections()
