"""The load generator: ``python -m tests.apps.load --seconds 30 --rate 40 NAME=PORT…``.

Asks each application for `rate` answers per second, evenly, over `connections` connections that
are kept open, and compares every answer with the right one. A request is due at its time whether
or not those before it were answered; its latency counts from then. Prints a JSON object with an
`Outcome` for each name.

It is one process without any other framework for all applications, so that what is measured is
theirs. HTTP/1.1 is spoken by hand: answers have a Content-Length.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from tests.apps.service import ITEMS, expected

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Outcome", "ask"]

_PATIENCE = 20.0  # seconds that an answer may take
_ERRORS = 10  # that are told


@dataclass
class Outcome:
    """What became of the requests to one application; latencies in milliseconds."""

    requests: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)
    median: float = 0.0
    p99: float = 0.0
    longest: float = 0.0


class _Connection:
    """One connection, opened when it is first used and after an error."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> Any:
        """Return the JSON of an answer; raises when there is none, or not 200."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._get(path)
        except BaseException:
            self.close()
            raise

    async def _get(self, path: str) -> Any:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.close()
        if status.split(" ")[1] != "200":
            raise ValueError(f"{status}: {body[:500]!r}")
        return json.loads(body)

    def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()


def paths() -> Iterator[str]:
    """Give what is asked for, without end."""
    for number in itertools.count():
        yield f"/insert/{ITEMS + number}"
        yield f"/select/{number % ITEMS}"
        yield "/pages" if number % 2 else f"/concurrent/{number}"
        yield f"/select/{(number * 7) % ITEMS}"


class _Load:
    """The load on one application."""

    def __init__(self, port: int, rate: float, seconds: float) -> None:
        self._port = port
        self._paths = paths()
        self._begin = monotonic()
        self._dues = iter([self._begin + n / rate for n in range(int(rate * seconds))])
        self._latencies: list[float] = []
        self.outcome = Outcome()

    async def run(self, connections: int) -> Outcome:
        """Ask until the time is over."""
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self._work())
        latencies = sorted(self._latencies)
        outcome = self.outcome
        if latencies:
            outcome.median = _milliseconds(latencies[len(latencies) // 2])
            outcome.p99 = _milliseconds(latencies[len(latencies) * 99 // 100])
            outcome.longest = _milliseconds(latencies[-1])
        return outcome

    async def _work(self) -> None:
        connection = _Connection(self._port)
        for due in self._dues:
            await asyncio.sleep(max(0.0, due - monotonic()))
            path = next(self._paths)
            self.outcome.requests += 1
            try:
                answer = await connection.get(path)
                if answer != expected(path):
                    raise ValueError(f"a wrong answer: {str(answer)[:500]}")
            except (OSError, EOFError, ValueError, LookupError) as exc:
                self.outcome.failed += 1
                if len(self.outcome.errors) < _ERRORS:
                    self.outcome.errors.append(f"{path}: {type(exc).__name__}: {exc}")
            else:
                self._latencies.append(monotonic() - due)
        connection.close()


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


async def ask(port: int, path: str) -> Any:
    """Return one answer."""
    connection = _Connection(port)
    try:
        return await connection.get(path)
    finally:
        connection.close()


async def _run(given: argparse.Namespace) -> dict[str, Any]:
    apps = dict(app.split("=") for app in given.apps)
    async with asyncio.TaskGroup() as group:
        tasks = {
            name: group.create_task(
                _Load(int(port), given.rate, given.seconds).run(given.connections)
            )
            for name, port in apps.items()
        }
    return {name: asdict(task.result()) for name, task in tasks.items()}


def main() -> int:
    """Run the load and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("apps", nargs="+", metavar="NAME=PORT")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=40.0, help="requests per second and app")
    parser.add_argument("--connections", type=int, default=8, help="per app")
    json.dump(asyncio.run(_run(parser.parse_args())), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
