"""A Starlette application under uvicorn, whose handlers await an `AsyncSession`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from cql_driver.aio import AsyncCluster
from cql_driver.query import SimpleStatement
from tests.apps.service import INSERT, PAGE, SELECT, SELECT_ROWS, batch_of, value_of
from tests.apps.watch import PERIOD, Watchdog

if TYPE_CHECKING:
    from starlette.requests import Request

    from cql_driver.aio import AsyncSession


class Answers:
    """The answers, by a session that is awaited."""

    def __init__(self, session: AsyncSession, insert: Any, select: Any) -> None:
        self._session = session
        self._insert = insert
        self._select = select
        self._rows = SimpleStatement(SELECT_ROWS, fetch_size=PAGE)

    async def insert(self, request: Request) -> JSONResponse:
        number = request.path_params["number"]
        await self._session.execute(self._insert, (number, value_of(number)))
        return JSONResponse({"inserted": number})

    async def select(self, request: Request) -> JSONResponse:
        result = await self._session.execute(self._select, (request.path_params["number"],))
        return JSONResponse({"value": result.one().value})

    async def pages(self, request: Request) -> JSONResponse:
        numbers = [row.n async for row in await self._session.execute(self._rows)]
        return JSONResponse({"count": len(numbers), "sum": sum(numbers)})

    async def concurrent(self, request: Request) -> JSONResponse:
        items = batch_of(request.path_params["number"])
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(self._session.execute(self._insert, (item, value_of(item))))
        results = self._session.execute_concurrent_with_args(
            self._select, [(item,) for item in items]
        )
        return JSONResponse({"values": [found.one().value async for _, found in results]})


def make_application(address: str, port: int, keyspace: str) -> Starlette:
    """Return the application; it is connected while it serves."""
    watchdog = Watchdog()
    application = Starlette()

    async def tick() -> None:
        while True:
            watchdog.tick()
            await asyncio.sleep(PERIOD)

    async def report(request: Request) -> JSONResponse:
        return JSONResponse(watchdog.report())

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            AsyncCluster([address], port=port) as cluster,
            cluster.connect(keyspace) as session,
        ):
            answers = Answers(session, await session.prepare(INSERT), await session.prepare(SELECT))
            app.router.routes += [
                Route("/insert/{number:int}", answers.insert),
                Route("/select/{number:int}", answers.select),
                Route("/pages", answers.pages),
                Route("/concurrent/{number:int}", answers.concurrent),
                Route("/report", report),
            ]
            ticker = asyncio.create_task(tick())
            yield
            ticker.cancel()
        watchdog.end()

    application.router.lifespan_context = lifespan
    return application


class Server(uvicorn.Server):
    """Says its port once it serves."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            (server,) = self.servers
            print(server.sockets[0].getsockname()[1], flush=True)


def main(address: str, port: str, keyspace: str) -> int:
    """Serve until SIGTERM, on the loop that uvicorn chooses: uvloop's where it is installed."""
    logging.basicConfig(level=logging.WARNING)
    # uvicorn raises the signal again when it is done; this is a good end all the same.
    signal.signal(signal.SIGTERM, lambda *_: None)
    application = make_application(address, int(port), keyspace)
    config = uvicorn.Config(application, host="127.0.0.1", port=0, log_level="warning")
    server = Server(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
