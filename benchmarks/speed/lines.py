"""The lines of the table: who does which work, and what may come out of it.

The numbers are those of the acceptance that the limits are taken from. Drivers that have no
blocking API run one request at a time, and many at once, as tasks of asyncio: with them that is
how such a program is written.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.schema import PAGE_ROWS, VECTOR_ROWS
from benchmarks.speed.cells import (
    ACSYLLA,
    ASYNCIO,
    BARE,
    BLOCKING,
    CASSANDRA,
    COMPILED,
    PURE,
    RUST,
    SCYLLA,
    SCYLLAPY,
    UVLOOP,
    Cell,
    Contender,
    Limit,
    Runner,
)

DRIVERS = (SCYLLA, CASSANDRA, ACSYLLA, SCYLLAPY, RUST)
WITH_ASYNCIO_ONLY = (ACSYLLA, SCYLLAPY, RUST)
MICROSECONDS = "µs a request"
NANOSECONDS = "ns a row"
AT_ONCE = 100
PAGES = "pages"


def cells(wanted: set[int] | None = None) -> list[Cell]:
    """Return the cells of these lines, or of all that are measured here."""
    makers = (one_at_a_time, inserts, selects, on_event_loops, rows, columns, vectors, protocols)
    made = [cell for maker in makers for cell in maker()]
    return [cell for cell in made if wanted is None or cell.line in wanted]


def _drivers(pattern: str, workload: str, at_once: int, task_pattern: str) -> list[Contender]:
    """Return every driver, each in the way that it has for this work."""
    made = []
    for label in (COMPILED, PURE, *DRIVERS):
        alone = label in WITH_ASYNCIO_ONLY
        runner = Runner(label, ASYNCIO if alone else BLOCKING)
        how = task_pattern if alone else pattern
        made.append(Contender(label, runner, how, workload, at_once))
    return made


# ------------------------------------------------------------------------------- requests

BARE_SOCKET = "bare Python socket"
BARE_PIPELINE = "bare Python socket, pipelined"
BARE_PROTOCOL = "bare Python protocol, one future each"


def one_at_a_time() -> Iterator[Cell]:
    """Line 1: blocking, one request after the other, with cores that sleep and that do not."""
    limits = [
        Limit(COMPILED, (SCYLLA,), 0.22),
        Limit(COMPILED, (ACSYLLA,), 0.5),
        Limit(COMPILED, (BARE_SOCKET,), 1.3),
    ]
    for busy in (False, True):
        for workload in ("insert", "select"):
            state = "no core sleeps" if busy else "cores sleep"
            yield Cell(
                line=1,
                name=f"one-{workload}-{'busy' if busy else 'idle'}",
                title=f"Blocking, one at a time, {workload}; {state}",
                unit=MICROSECONDS,
                contenders=[
                    *_drivers("sync", workload, 1, "loops"),
                    Contender(BARE_SOCKET, Runner(BARE, BLOCKING), "one", workload),
                ],
                limits=limits,
                requests=500,
                busy=busy,
            )


def inserts() -> Iterator[Cell]:
    """Line 2: many inserts by the function that each driver has for it."""
    yield _many(
        2,
        "execute-concurrent-with-args",
        "insert",
        [Limit(COMPILED, (SCYLLA,), 0.05), Limit(COMPILED, (ACSYLLA,), 0.15)],
        [Contender(BARE_PIPELINE, Runner(BARE, BLOCKING), "pipelined", "insert", AT_ONCE)],
    )


def selects() -> Iterator[Cell]:
    """Line 3: many selects of one row, read as the driver's default rows, in both ways."""
    limits = [Limit(COMPILED, (SCYLLA,), 0.025), Limit(COMPILED, (ACSYLLA,), 0.25)]
    for pattern in ("execute-concurrent-with-args", "execute-concurrent"):
        yield _many(3, pattern, "select", limits, [])


def _many(
    line: int, pattern: str, workload: str, limits: list[Limit], bare: list[Contender]
) -> Cell:
    contenders = [*_drivers(pattern, workload, AT_ONCE, "tasks"), *bare]
    loops = Contender(f"{ACSYLLA}, {AT_ONCE} tasks", Runner(ACSYLLA, ASYNCIO), "loops", workload)
    contenders.insert(5, loops._replace(concurrency=AT_ONCE))
    name = "with-args" if pattern.endswith("args") else "pairs"
    return Cell(
        line=line,
        name=f"many-{workload}-{name}",
        title=f"{pattern.replace('-', '_')}, {AT_ONCE} in flight, {workload}",
        unit=MICROSECONDS,
        contenders=contenders,
        limits=limits,
    )


def on_event_loops() -> Iterator[Cell]:
    """Line 4: a hundred tasks, each awaiting one request after the other."""
    for loop in (ASYNCIO, UVLOOP):
        for workload in ("insert", "select"):
            contenders = [
                Contender(label, Runner(label, loop), "loops", workload, AT_ONCE)
                for label in (COMPILED, PURE, *DRIVERS)
            ]
            limits = [Limit(COMPILED, (ACSYLLA,), 0.5)]
            if loop == ASYNCIO:
                limits.insert(0, Limit(COMPILED, (SCYLLA,), 0.04))
            if workload == "insert":
                bare = Contender(BARE_PROTOCOL, Runner(BARE, loop), "loops", workload, AT_ONCE)
                contenders.append(bare)
                limits.append(Limit(COMPILED, (BARE_PROTOCOL,), 1.2))
            yield Cell(
                line=4,
                name=f"{loop}-{workload}",
                title=f"{loop}, {AT_ONCE} tasks, {workload}",
                unit=MICROSECONDS,
                contenders=contenders,
                limits=limits,
            )


# ----------------------------------------------------------------------------------- rows

PLAIN_C = "plain C loop"
WALK = "walk over the cells in C"
COPY = "copy of the floats in C"
ROW_KINDS = {
    "tuples": (SCYLLA, CASSANDRA, ACSYLLA),
    "named": (SCYLLA, CASSANDRA, ACSYLLA),
    "dicts": DRIVERS,
}
"""The drivers that can read rows in each of these forms."""


def _page_cell(
    line: int, workload: str, title: str, contenders: list[Contender], limits: list[Limit]
) -> Cell:
    vectors = workload.startswith("vector")
    return Cell(
        line=line,
        name=workload,
        title=title,
        unit=NANOSECONDS,
        contenders=contenders,
        limits=limits,
        requests=1,
        per_request=VECTOR_ROWS if vectors else PAGE_ROWS,
        scale=1e9,
    )


def _readers(labels: tuple[str, ...], workload: str) -> list[Contender]:
    made = []
    for label in labels:
        alone = label in WITH_ASYNCIO_ONLY
        made.append(_reader(label, label, workload, "loops" if alone else "sync"))
    return made


def _reader(label: str, driver: str, workload: str, pattern: str = "sync") -> Contender:
    kind = ASYNCIO if pattern == "loops" else BLOCKING
    return Contender(label, Runner(driver, kind, reads=PAGES), pattern, workload)


def _bare(label: str, workload: str) -> Contender:
    return _reader(label, BARE, workload, "page")


def rows() -> Iterator[Cell]:
    """Line 5: pages of 5,000 rows of ten mixed columns."""
    for kind, others in ROW_KINDS.items():
        limits = [Limit(COMPILED, (SCYLLA,), 0.2)]
        if kind == "tuples":
            limits.append(Limit(COMPILED, (ACSYLLA,), 0.4))
        if kind == "dicts":
            limits.append(Limit(COMPILED, others, 0.5))
        limits += [Limit(COMPILED, (PLAIN_C,), 1.0), Limit(PURE, (SCYLLA,), 0.8)]
        told = {"tuples": "tuples", "named": "named tuples", "dicts": "dicts"}[kind]
        contenders = _readers((COMPILED, PURE, *others), kind)
        title = f"Rows of ten columns as {told}, pages of {PAGE_ROWS:,}"
        yield _page_cell(5, kind, title, [*contenders, _bare(PLAIN_C, kind)], limits)


def columns() -> Iterator[Cell]:
    """Line 6: the same pages as columns."""
    contenders = [
        _reader(f"{COMPILED}, Arrow", COMPILED, "arrow"),
        _reader(f"{COMPILED}, numpy", COMPILED, "numpy"),
        # The handler of cassandra-driver for numpy returns no rows with the numpy of today.
        *_readers((SCYLLA,), "numpy"),
        _bare(WALK, "walk"),
    ]
    limits = [Limit(f"{COMPILED}, Arrow", (SCYLLA,), 0.04)]
    title = f"The same rows as columns (other drivers: numpy), pages of {PAGE_ROWS:,}"
    yield _page_cell(6, "columns", title, contenders, limits)


def vectors() -> Iterator[Cell]:
    """Line 6: rows with a vector of 768 floats."""
    ours = {"list": "vector-list", "numpy": "vector-numpy", "Arrow": "vector-arrow"}
    contenders = [
        _reader(f"{COMPILED}, {name}", COMPILED, workload) for name, workload in ours.items()
    ]
    contenders.append(_reader(f"{PURE}, list", PURE, "vector-list"))
    contenders += _readers((SCYLLA, CASSANDRA), "vector-list")
    contenders.append(_bare(COPY, "vector-copy"))
    limits = [
        Limit(f"{COMPILED}, list", (SCYLLA,), 0.05),
        Limit(f"{COMPILED}, numpy", (SCYLLA,), 0.005),
        Limit(f"{COMPILED}, Arrow", (SCYLLA,), 0.005),
    ]
    title = f"Rows with a vector of 768 floats, pages of {VECTOR_ROWS:,}"
    yield _page_cell(6, "vectors", title, contenders, limits)


# ------------------------------------------------------------------------------ protocols

PLAIN = "protocol 4"
PACKED = "protocol 5 with lz4"


def protocols() -> Iterator[Cell]:
    """Line 8: what segments, checksums and lz4 cost our driver."""
    ways = (
        ("sync", BLOCKING, 1, "blocking, one at a time"),
        ("execute-concurrent-with-args", BLOCKING, AT_ONCE, "execute_concurrent_with_args"),
        ("loops", ASYNCIO, AT_ONCE, f"asyncio, {AT_ONCE} tasks"),
    )
    for pattern, kind, at_once, told in ways:
        contenders = [
            Contender(PLAIN, Runner(COMPILED, kind), pattern, "insert", at_once),
            Contender(PACKED, Runner(COMPILED, kind, 5, "lz4"), pattern, "insert", at_once),
        ]
        yield Cell(
            line=8,
            name=f"lz4-{pattern}",
            title=f"Protocol 5 with lz4, {told}, insert",
            unit=MICROSECONDS,
            contenders=contenders,
            limits=[Limit(PACKED, (PLAIN,), 1.3)],
            requests=500 if at_once == 1 else 2000,
        )
