"""A service that says whom it sees, and PostgreSQL's door: both listen on every address of their machine.

Arguments: the service's port, the door's, and the folder of PostgreSQL's socket.
"""

import asyncio
import contextlib
import os
import sys

from jupyterhub.services.auth import HubAuthenticated
from tornado.web import Application, RequestHandler, authenticated

EVERYWHERE = "0.0.0.0"  # noqa: S104 - on the machine of the tests' engine, which nobody else reaches


class Health(RequestHandler):
    def get(self) -> None:
        self.write({})


class Mirror(HubAuthenticated, RequestHandler):
    @authenticated
    def get(self) -> None:
        self.write(self.get_current_user())


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while found := await reader.read(65536):
            writer.write(found)
            await writer.drain()
    writer.close()


async def to_database(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What PostgreSQL's own listener would do; the supervisor's has a socket only."""
    from_database, into_database = await asyncio.open_unix_connection(f"{sys.argv[3]}/.s.PGSQL.5432")
    await asyncio.gather(pass_on(reader, into_database), pass_on(from_database, writer))


async def main() -> None:
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    application = Application([(f"{prefix}health", Health), (f"{prefix}.*", Mirror)])
    application.listen(int(sys.argv[1]), EVERYWHERE)
    async with await asyncio.start_server(to_database, EVERYWHERE, int(sys.argv[2])) as door:
        await door.serve_forever()


asyncio.run(main())
