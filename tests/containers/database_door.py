"""A TCP port before PostgreSQL's socket, on every address: what its own listener would do. Arguments: port, folder."""

import asyncio
import contextlib
import sys


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while found := await reader.read(65536):
            writer.write(found)
            await writer.drain()
    writer.close()


async def to_database(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    from_database, into_database = await asyncio.open_unix_connection(f"{sys.argv[2]}/.s.PGSQL.5432")
    await asyncio.gather(pass_on(reader, into_database), pass_on(from_database, writer))


async def main() -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - on the machine of the tests' engine, which nobody else reaches
    async with await asyncio.start_server(to_database, everywhere, int(sys.argv[1])) as door:
        await door.serve_forever()


asyncio.run(main())
