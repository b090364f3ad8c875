"""A grader's terminal: nbgrader's real command in a course folder, beside a running service and its worker."""

import asyncio
import contextlib
import os
import signal

from classrooms import STAFF_SCOPES
from studyhall.nbgrader_gradebooks import tasks
from studyhall.work import lanes

OURS = "from studyhall_extension.nbgrader_autograde import configure\nconfigure(c)\n"


class Terminal:
    """Runs commands as a grader types them. There is no kernel to be had in it: what runs, runs in the judge."""

    def __init__(self, room, python, course, path, *, token):
        self.room, self.python, self.course = room, python, course
        home = course / "home"
        home.mkdir(exist_ok=True)
        self.environment = {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONWARNINGS": "ignore",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "STUDYHALL_URL": room.url,
            "STUDYHALL_TOKEN": token,
        }

    async def run(self, *words, **more):
        """Run a command; returns its exit code and all that it said."""
        process = await asyncio.create_subprocess_exec(
            str(self.python),
            "-m",
            "nbgrader",
            *words,
            cwd=self.course,
            env={**self.environment, **more},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            said, _ = await process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        return process.returncode, said.decode(errors="replace")


@contextlib.asynccontextmanager
async def working(room):
    """A worker beside the service, as `studyhall worker` runs one."""
    context = room.context
    work = [
        asyncio.create_task(context.queue.run(lanes(context), heartbeat=5, patience=20)),
        asyncio.create_task(tasks.watch(context, every=0.5)),
    ]
    try:
        yield
    finally:
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def grader_token(room, username="gabriel"):
    """Return the token that `studyhall login` would have given."""
    return room.token(username, STAFF_SCOPES)
