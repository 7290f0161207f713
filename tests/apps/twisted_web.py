"""A resource of twisted.web, whose answers come by a `TwistedSession` on the same reactor."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import LogLevel, globalLogPublisher
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from cql_driver.query import SimpleStatement
from cql_reactors.twistedreactor import TwistedCluster
from tests.apps.service import INSERT, PAGE, SELECT, SELECT_ROWS, batch_of, value_of
from tests.apps.watch import PERIOD, Watchdog

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from cql_reactors.twistedreactor import TwistedSession


class Answers:
    """The answers, by a session whose methods return Deferreds."""

    def __init__(self, session: TwistedSession, insert: Any, select: Any) -> None:
        self._session = session
        self._insert = insert
        self._select = select
        self._rows = SimpleStatement(SELECT_ROWS, fetch_size=PAGE)

    async def answer(self, path: str) -> dict[str, Any]:
        _, what, *rest = path.split("/")
        number = int(rest[0]) if rest else 0
        answers = {
            "insert": self.insert,
            "select": self.select,
            "pages": self.pages,
            "concurrent": self.concurrent,
        }
        return await answers[what](number)

    async def insert(self, number: int) -> dict[str, Any]:
        await self._session.execute(self._insert, (number, value_of(number)))
        return {"inserted": number}

    async def select(self, number: int) -> dict[str, Any]:
        result = await self._session.execute(self._select, (number,))
        return {"value": result.one().value}

    async def pages(self, number: int) -> dict[str, Any]:
        numbers = [row.n async for row in await self._session.execute(self._rows)]
        return {"count": len(numbers), "sum": sum(numbers)}

    async def concurrent(self, number: int) -> dict[str, Any]:
        items = batch_of(number)
        writes = [(item, value_of(item)) for item in items]
        await self._session.execute_concurrent_with_args(self._insert, writes)
        results = await self._session.execute_concurrent_with_args(
            self._select, [(item,) for item in items]
        )
        return {"values": [result.result_or_exc.one().value for result in results]}


class Service(Resource):
    """All paths."""

    isLeaf = True  # noqa: N815 - of twisted.web

    def __init__(self, answers: Answers, watchdog: Watchdog) -> None:
        super().__init__()
        self._answers = answers
        self._watchdog = watchdog

    def render_GET(self, request: Request) -> Any:  # noqa: N802 - of twisted.web
        path = request.path.decode()
        if path == "/report":
            return json.dumps(self._watchdog.report()).encode()
        answer = ensureDeferred(self._answers.answer(path))
        answer.addCallbacks(finish, fail, callbackArgs=(request,), errbackArgs=(request,))
        # A client that went away needs no answer.
        request.notifyFinish().addErrback(lambda _: answer.cancel())
        return NOT_DONE_YET


def finish(answer: dict[str, Any], request: Request) -> None:
    body = json.dumps(answer).encode()
    request.setHeader("content-length", str(len(body)))
    request.write(body)
    request.finish()


def fail(failure: Failure, request: Request) -> None:
    print(f"{request.path!r}: {failure.value!r}", file=sys.stderr)
    if not request._disconnected:
        request.setResponseCode(500)
        finish({"error": failure.getErrorMessage()}, request)


async def serve(address: str, port: int, keyspace: str) -> None:
    cluster = TwistedCluster([address], port=port)
    session = await cluster.connect(keyspace)
    answers = Answers(session, await session.prepare(INSERT), await session.prepare(SELECT))
    watchdog = Watchdog()
    LoopingCall(watchdog.tick).start(PERIOD)
    listening = reactor.listenTCP(0, Site(Service(answers, watchdog)), interface="127.0.0.1")
    print(listening.getHost().port, flush=True)

    def end() -> Deferred[None]:
        watchdog.end()
        return cluster.shutdown()

    reactor.addSystemEventTrigger("before", "shutdown", end)


def tell(event: Any) -> None:
    if event["log_level"] >= LogLevel.warn:
        print(event["log_format"], event.get("log_failure", ""), file=sys.stderr)


def main() -> int:
    globalLogPublisher.addObserver(tell)
    _, address, port, keyspace = sys.argv
    failures: list[Failure] = []

    def give_up(failure: Failure) -> None:
        failures.append(failure)
        failure.printTraceback()
        reactor.stop()

    reactor.callWhenRunning(
        lambda: ensureDeferred(serve(address, int(port), keyspace)).addErrback(give_up)
    )
    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(reactor.stop))
    reactor.run(installSignalHandlers=False)
    return len(failures)


if __name__ == "__main__":
    sys.exit(main())
