"""How many Python functions a request calls and how many blocks of memory it allocates::

    python -m benchmarks counts                              # both implementations
    CQL_PROTOCOL_IMPL=cython python -m benchmarks.counts --functions asyncio

What is counted does not depend on how busy the machine is, so the suite has limits for it
(tests/benchmarks/test_counts.py). The work is done again and again, and a low one of its figures
counts: what the kernel cuts in two or has wait adds to it. Calls of asyncio's own functions and of
those that drive the work are left out. The null server is a process of its own, since the blocks
are those of the whole process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from types import CodeType, FrameType
from typing import Any, NamedTuple

from benchmarks import schema
from benchmarks.compile_c import compiled
from benchmarks.null_server import NullServer

HERE = Path(__file__).resolve().parent
AT_ONCE = 100
REPEATED = 16
SELDOM = 3
"""How often a page is read, which is the same each time and takes long."""
AT_FIRST = 1.0
"""Seconds before anything is counted."""
BY_THE_CLOCK = ("TimedCall.fire",)
"""What calls functions for no request: those do not count."""
PROTOCOL: dict[str, Any] = {"protocol_version": 4, "compression": False}
STRANGERS = (str(HERE), asyncio.__path__[0], "selectors.py", "uvloop")
"""Where functions are from that do not count."""


class Counts(NamedTuple):
    """What one request took, or one row."""

    calls: float
    blocks: float
    size: float
    """bytes of those blocks"""
    functions: dict[str, float]
    """By name how often a function was called."""


class Limit(NamedTuple):
    """The most that a request or a row may take."""

    calls: float
    blocks: float
    size: float

    @classmethod
    def above(cls, counts: Counts) -> Limit:
        """Return a limit with as much room as figures vary from run to run."""
        return cls(
            round(counts.calls * 1.04 + 0.3, 1),
            round(counts.blocks * 1.03 + 0.8, 1),
            round(counts.size * 1.05 + 100, -1),
        )


Work = Callable[[], None]


def count(work: Work, units: int) -> Counts:
    """Do some work again and again; return what a unit of it takes where nothing comes between."""
    times = SELDOM if units == schema.PAGE_ROWS else REPEATED
    for _ in range(3):
        work()
    gc.collect()
    gc.disable()
    try:
        called = sorted((_calls(work) for _ in range(times)), key=Counter.total)[times // 8]
        taken = [_allocations(work) for _ in range(times)]
    finally:
        gc.enable()
    functions = {_name(code): number / units for code, number in called.most_common()}
    return Counts(
        calls=round(called.total() / units, 3),
        blocks=round(sorted(blocks for blocks, _ in taken)[times // 8] / units, 3),
        size=round(sorted(size for _, size in taken)[times // 8] / units, 1),
        functions={name: round(number, 3) for name, number in functions.items()},
    )


def _calls(work: Work) -> Counter[CodeType]:
    seen: Counter[CodeType] = Counter()
    hidden = 0  # how deep in what is called by the clock

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal hidden
        if event == "call":
            if hidden or frame.f_code.co_qualname in BY_THE_CLOCK:
                hidden += 1
            else:
                seen[frame.f_code] += 1
        elif event == "return" and hidden:
            hidden -= 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return Counter({code: number for code, number in seen.items() if _counts(code)})


def _counts(code: CodeType) -> bool:
    return not any(place in code.co_filename for place in STRANGERS)


def _name(code: CodeType) -> str:
    return f"{Path(code.co_filename).stem}.{code.co_qualname}"


def _allocations(work: Work) -> tuple[int, int]:
    read = compiled("allocations").read
    blocks, size = read()
    work()
    after = read()
    return after[0] - blocks, after[1] - size


# -------------------------------------------------------------------------- what is counted


def blocking(server: NullServer) -> Iterator[tuple[str, Work, int]]:
    """Yield work for a blocking session, by name, and its units."""
    from cql_driver.cluster import Cluster
    from cql_driver.concurrent import execute_concurrent_with_args
    from cql_driver.query import dict_factory, named_tuple_factory, tuple_factory

    cluster = Cluster([server.address], port=server.port, **PROTOCOL)
    session = cluster.connect()
    insert, select, page = (
        session.prepare(text)
        for text in (schema.INSERT_ITEM, schema.SELECT_ITEM, schema.SELECT_PAGE)
    )
    item, key = schema.item(1), (1,)
    items, keys = [item] * AT_ONCE * 10, [key] * AT_ONCE * 10
    # After it has connected, the cluster's own thread leads for a while, whom callers then ask.
    until = monotonic() + AT_FIRST
    while monotonic() < until:
        session.execute(insert, item)

    def read(statement: Any, values: tuple[Any, ...]) -> None:
        (row,) = session.execute(statement, values)
        assert row.name

    def many(statement: Any, values: list[Any]) -> None:
        for success, result in execute_concurrent_with_args(
            session, statement, values, concurrency=AT_ONCE
        ):
            assert success
            if statement is select:
                (row,) = result
                assert row.name

    yield "blocking insert", lambda: session.execute(insert, item), 1
    yield "blocking select", lambda: read(select, key), 1
    yield "execute_concurrent insert", lambda: many(insert, items), len(items)
    yield "execute_concurrent select", lambda: many(select, keys), len(keys)
    forms = {"tuples": tuple_factory, "named tuples": named_tuple_factory, "dicts": dict_factory}
    for name, factory in forms.items():
        session.row_factory = factory
        work: Work = lambda: _all_of(session.execute(page, (0,)))  # noqa: E731
        yield f"rows as {name}", work, schema.PAGE_ROWS
    cluster.shutdown()


def _all_of(result: Any) -> None:
    assert len(list(result)) == schema.PAGE_ROWS


def on_asyncio(server: NullServer) -> Iterator[tuple[str, Work, int]]:
    """Yield work for a session on asyncio."""
    from cql_driver.aio import AsyncCluster

    with asyncio.Runner() as runner:
        cluster = AsyncCluster([server.address], port=server.port, **PROTOCOL)
        session = runner.run(cluster.connect())
        insert = runner.run(session.prepare(schema.INSERT_ITEM))
        select = runner.run(session.prepare(schema.SELECT_ITEM))
        item, number = schema.item(1), AT_ONCE * 10

        async def inserts() -> None:
            await asyncio.gather(*(one_after_the_other(insert, item) for _ in range(AT_ONCE)))

        async def selects() -> None:
            await asyncio.gather(*(one_after_the_other(select, (1,)) for _ in range(AT_ONCE)))

        async def one_after_the_other(statement: Any, values: tuple[Any, ...]) -> None:
            for _ in range(number // AT_ONCE):
                result = await session.execute(statement, values)
                if statement is select:
                    (row,) = result
                    assert row.name

        yield "asyncio insert", lambda: runner.run(inserts()), number
        yield "asyncio select", lambda: runner.run(selects()), number
        runner.run(cluster.shutdown())


def counts() -> dict[str, Counts]:
    """Return what everything took, by its name."""
    compiled("allocations").start()
    found = {}
    with NullServer() as server:
        for source in (blocking, on_asyncio):
            for name, work, units in source(server):
                found[name] = count(work, units)
    return found


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="as an object of JSON")
    parser.add_argument("--limits", action="store_true", help="as limits for the suite")
    parser.add_argument(
        "--functions", metavar="WHAT", help="tell which are called in what begins so"
    )
    parser.add_argument("--least", type=float, default=0.1, help="calls of those (default 0.1)")
    options = parser.parse_args()
    found = counts()
    if options.limits:
        for name, each in found.items():
            calls, blocks, size = Limit.above(each)
            print(f'"{name}": Limit({calls}, {blocks}, {size:_.0f}),')
        return
    if options.json:
        print(json.dumps({name: each._asdict() for name, each in found.items()}))
        return
    from cql_protocol._accel import IMPLEMENTATION

    print(f"implementation: {IMPLEMENTATION}, Python {sys.version.split()[0]}")
    print(f"{'a request, or a row':<30}{'calls':>10}{'blocks':>10}{'bytes':>12}")
    for name, each in found.items():
        print(f"{name:<30}{each.calls:>10,.3f}{each.blocks:>10,.2f}{each.size:>12,.0f}")
        if options.functions is not None and name.startswith(options.functions):
            for function, number in each.functions.items():
                if number >= options.least:
                    print(f"    {number:>10.3f}  {function}")


if __name__ == "__main__":
    main()
