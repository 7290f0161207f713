"""The measured process of what is no driver: sockets, futures and C loops, and nothing else::

    python benchmarks/bare_worker.py bare '{"contact_points": [ADDRESS], "port": 9042}'

It is told what to run as `worker.py` is, and answers as it does. With ``"loop"`` in its options
it runs on asyncio (or uvloop). What it measures are the limits that a driver in Python meets:

- ``one``: the same request, sent and its answer received, one after the other
- ``pipelined``: requests encoded in Python, as many as may be in flight sent at once
- ``loops``: tasks of asyncio, each awaiting one request after the other, each a future
- ``page``: a page received and its rows built, or walked over, by `plain_rows.c`
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import resource
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any

import plain_c
import schema
from asyncio_sessions import Work, loops

VERSION = 4
STARTUP, PREPARE, EXECUTE = 1, 9, 10
HEADER = struct.Struct(">BBHBi")
"""Of a request: version, flags, stream, opcode, length of the body."""
READ_SIZE = 1 << 16
FLAGS = 0x01 | 0x02 | 0x20
"""Of an EXECUTE: it has values and a timestamp, and wants no metadata."""
PARAMETERS = struct.Struct(">HBH")
STATEMENTS = {
    "insert": schema.INSERT_ITEM,
    "select": schema.SELECT_ITEM,
    "page": schema.SELECT_PAGE,
    "vectors": schema.SELECT_VECTORS,
}


def frame(stream: int, opcode: int, body: bytes) -> bytes:
    """Return a request."""
    return HEADER.pack(VERSION, 0, stream, opcode, len(body)) + body


def receive(sock: socket.socket, kept: bytearray | None = None) -> bytes:
    """Return the body of the next answer; in `kept`, if that is given and has its size."""
    head = bytearray()
    while len(head) < HEADER.size:
        head += sock.recv(HEADER.size - len(head))
    length = HEADER.unpack(head)[4]
    body = kept if kept is not None and len(kept) == length else bytearray(length)
    view, at = memoryview(body), 0
    while at < length:
        at += sock.recv_into(view[at:])
    return body  # type: ignore[return-value]


class Statement:
    """A prepared statement: its EXECUTEs, encoded."""

    def __init__(self, sock: socket.socket, text: str) -> None:
        encoded = text.encode()
        sock.sendall(frame(0, PREPARE, len(encoded).to_bytes(4, "big") + encoded))
        answer = receive(sock)
        length = int.from_bytes(answer[4:6], "big")
        query_id = bytes(answer[4 : 6 + length])
        self.count = text.count("?")
        self._prefix = query_id + PARAMETERS.pack(1, FLAGS, self.count)
        self._timestamp = bytes(8)

    def execute(self, stream: int, values: tuple[Any, ...]) -> bytes:
        """Return the request with these values, ints and texts."""
        cells = [self._prefix]
        for value in values:
            if value.__class__ is int:
                cells.append(_INT.pack(4, value))
            else:
                text = value.encode()
                cells.append(_LENGTH.pack(len(text)))
                cells.append(text)
        cells.append(self._timestamp)
        body = b"".join(cells)
        return HEADER.pack(VERSION, 0, stream, EXECUTE, len(body)) + body


_INT = struct.Struct(">ii")
_LENGTH = struct.Struct(">i")


def connect(options: dict[str, Any]) -> socket.socket:
    """Return a connection that has said STARTUP."""
    sock = socket.create_connection((options["contact_points"][0], options["port"]), timeout=60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(None)
    body = b"\0\1\0\x0bCQL_VERSION\0\x053.4.7"
    sock.sendall(frame(0, STARTUP, body))
    receive(sock)
    return sock


def values_of(workload: str) -> Callable[[int], tuple[Any, ...]]:
    """Return what gives the values of request number N."""
    return schema.item if workload == "insert" else lambda number: (number % schema.ITEM_COUNT,)


# ------------------------------------------------------------------------------- blocking


class Bench:
    """One connection, and what is run on it."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.sock = connect(options)
        self.statements = {name: Statement(self.sock, text) for name, text in STATEMENTS.items()}
        self.kept: Any = None
        self.patterns = {"one": self.one, "pipelined": self.pipelined, "page": self.page}

    def run(self, order: dict[str, Any]) -> None:
        """Run an order once."""
        self.patterns[order["pattern"]](order)

    def one(self, order: dict[str, Any]) -> None:
        """Send a request that is ready, and receive its answer, again and again."""
        workload = order["workload"]
        request = self.statements[workload].execute(0, values_of(workload)(1))
        send, recv = self.sock.send, self.sock.recv
        for _ in range(order["requests"]):
            send(request)
            recv(READ_SIZE)

    def pipelined(self, order: dict[str, Any]) -> None:
        """Encode requests, send them at one stroke and receive the answers, again and again."""
        workload, at_once = order["workload"], order["concurrency"]
        execute, values = self.statements[workload].execute, values_of(workload)
        for begin in range(0, order["requests"], at_once):
            numbers = range(begin, min(begin + at_once, order["requests"]))
            self.sock.sendall(b"".join([execute(n - begin, values(n)) for n in numbers]))
            self._receive_answers(len(numbers))

    def _receive_answers(self, count: int) -> None:
        rest = b""
        while count:
            rest += self.sock.recv(READ_SIZE)
            at, size = 0, len(rest)
            while size - at >= HEADER.size:
                end = at + HEADER.size + int.from_bytes(rest[at + 5 : at + 9], "big")
                if end > size:
                    break
                at = end
                count -= 1
            rest = rest[at:]

    def page(self, order: dict[str, Any]) -> None:
        """Receive pages and have their rows built, or whatever the workload says."""
        workload = order["workload"]
        statement = self.statements["vectors" if workload.startswith("vector") else "page"]
        build = plain_c.BUILDERS[workload]
        request = statement.execute(0, (0,))
        if workload == "vector-copy":
            # That is so little work that new memory for each page would be most of it.
            for _ in range(order["requests"]):
                self.sock.sendall(request)
                self.kept = receive(self.sock, self.kept)
                build(*plain_c.cells_of(self.kept))
            return
        for _ in range(order["requests"]):
            self.sock.sendall(request)
            build(*plain_c.cells_of(receive(self.sock)))

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()


# -------------------------------------------------------------------------------- asyncio


class Futures(asyncio.Protocol):
    """A connection whose requests are encoded in Python and resolve a future each."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.free = list(range(128))
        self.waiting: list[asyncio.Future[None] | None] = [None] * 128
        self.out: list[bytes] = []
        self.rest = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport  # uvloop's derives from none of asyncio's classes

    def execute(self, statement: Statement, values: tuple[Any, ...]) -> asyncio.Future[None]:
        """Send a request with all others of this turn of the loop; return its future."""
        stream = self.free.pop()
        future: asyncio.Future[None] = self.loop.create_future()
        self.waiting[stream] = future
        if not self.out:
            self.loop.call_soon(self.flush)
        self.out.append(statement.execute(stream, values))
        return future

    def flush(self) -> None:
        """Write what has come together."""
        self.transport.write(b"".join(self.out))
        self.out.clear()

    def data_received(self, data: bytes) -> None:
        """Resolve the futures of the answers that are whole."""
        if self.rest:
            data = self.rest + data
        at, size = 0, len(data)
        waiting, free, unpack = self.waiting, self.free, HEADER.unpack_from
        while size - at >= 9:
            _, _, stream, _, length = unpack(data, at)
            end = at + 9 + length
            if end > size:
                break
            future = waiting[stream]
            waiting[stream] = None
            free.append(stream)
            if future is not None:
                future.set_result(None)
            at = end
        self.rest = data[at:]


class AsyncioBench:
    """The same for tasks of asyncio."""

    def __init__(self, options: dict[str, Any]) -> None:
        sock = connect(options)
        self.statements = {name: Statement(sock, text) for name, text in STATEMENTS.items()}
        sock.setblocking(False)
        factory = None
        if options["loop"] != "asyncio":
            factory = importlib.import_module(options["loop"]).new_event_loop
        self.runner = asyncio.Runner(loop_factory=factory)
        self.protocol = self.runner.run(self._connect(sock))

    async def _connect(self, sock: socket.socket) -> Futures:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(Futures, sock=sock)
        return protocol

    def run(self, order: dict[str, Any]) -> None:
        """Run an order once."""
        workload = order["workload"]
        statement, values = self.statements[workload], values_of(workload)
        work = Work(self.protocol.execute, statement, values, lambda result: None, None)
        self.runner.run(loops(work, order["requests"], order["concurrency"]))

    def close(self) -> None:
        """Close the connection and the loop."""
        self.protocol.transport.abort()
        self.runner.close()


# ------------------------------------------------------------------------------ the process


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def figures(bench: Bench | AsyncioBench, order: dict[str, Any]) -> dict[str, Any]:
    """Run an order, again and again until it took long enough, and return the figures."""
    done, cpu, begin = 0, _cpu(), perf_counter()
    while True:
        bench.run(order)
        done += order["requests"]
        seconds = perf_counter() - begin
        if seconds >= order.get("least_seconds", 0.0):
            return {"requests": done, "seconds": seconds, "cpu": _cpu() - cpu, "latencies": []}


def main() -> None:
    """Connect, tell about it, and do what standard input says until it ends."""
    options = json.loads(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        bench = AsyncioBench(options) if options.get("loop") else Bench(options)
    except Exception:  # noqa: BLE001 - the parent tells of it
        print(json.dumps({"error": traceback.format_exc()}), file=answers)
        return
    about = {"version": "", "implementation": "bare", "python": sys.version.split()[0]}
    print(json.dumps(about | {"pid": os.getpid()}), file=answers)
    for line in sys.stdin:
        try:
            answer = figures(bench, json.loads(line))
        except Exception:  # noqa: BLE001 - the parent tells of it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)
    bench.close()


if __name__ == "__main__":
    main()
