"""Many threads on what they share: one session, one result, statements, timestamps.

They say most where there is no GIL (`make free-threaded`), and run everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest

import cql_speedups
from benchmarks.null_server import NullServer
from benchmarks.schema import KEYSPACE
from cql_driver import timestamps
from cql_driver.cluster import Cluster, Session
from cql_driver.concurrent import execute_concurrent_with_args
from cql_protocol.rows import RowDecoder
from cql_protocol.types import BIGINT, INT, TEXT
from cql_protocol.types import UUID as UUID_TYPE
from tests.speedups.sources import needs_extension, public_names

THREADS = 8
TIMES = 100
ONE_ROW = "SELECT release_version FROM system.local WHERE key=?"
INSERT = f"INSERT INTO {KEYSPACE}.pages (part, id) VALUES (?, ?)"

without_gil = pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"),
    reason="this Python has a GIL: `make free-threaded PYTHON=python3.13t` runs it without one",
)


def _at_once(work: Callable[[int], Any]) -> list[Any]:
    """Have threads do it at the same time; return what each returned."""
    together = Barrier(THREADS)
    found: list[Any] = [None] * THREADS

    def run(number: int) -> None:
        together.wait()
        try:
            found[number] = work(number)
        except BaseException as exc:  # noqa: BLE001 - raised below
            found[number] = exc

    threads = [Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return found


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """A session of a server without a database."""
    with NullServer() as server, Cluster([server.address], port=server.port) as cluster:
        yield cluster.connect()


# --- without a GIL -----------------------------------------------------------------------


@without_gil
@needs_extension
@pytest.mark.once
def test_no_module_of_the_extension_brings_the_gil_back() -> None:
    names = [name for name in public_names() if name != "libev"]
    program = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module('cql_speedups.' + name)\n"
        "assert not sys._is_gil_enabled()\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHON_GIL"}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- requests ----------------------------------------------------------------------------


def test_a_session_and_its_statements_serve_all_threads(session: Session) -> None:
    insert, select = session.prepare(INSERT), session.prepare(ONE_ROW)

    def work(number: int) -> int:
        found = 0
        for at in range(TIMES):
            session.execute(insert, (number, UUID(int=at)))
            found += session.execute(select, ("local",)).one().release_version is not None
        return found

    assert _at_once(work) == [TIMES] * THREADS


def test_futures_and_callbacks_of_all_threads_are_told(session: Session) -> None:
    select = session.prepare(ONE_ROW)

    def work(number: int) -> int:
        told: list[Any] = []
        futures = [session.execute_async(select, ("local",)) for _ in range(TIMES)]
        for future in futures:
            future.add_callback(told.append)
        rows = [future.result().one() for future in futures]
        assert all(row.release_version for row in rows)
        while len(told) < TIMES:  # they are called by the loop, perhaps after the result is there
            session.execute(select, ("local",))
        return len(told)

    assert _at_once(work) == [TIMES] * THREADS


def test_concurrent_executions_of_all_threads_keep_their_order(session: Session) -> None:
    select = session.prepare(ONE_ROW)

    def work(number: int) -> int:
        items = [("local",)] * TIMES
        results = execute_concurrent_with_args(session, select, items, concurrency=20)
        return sum(found.success and found.result_or_exc.one() is not None for found in results)

    assert _at_once(work) == [TIMES] * THREADS


def test_threads_that_prepare_the_same_share_one_statement(session: Session) -> None:
    def work(number: int) -> Any:
        prepared = [session.prepare(f"{ONE_ROW} AND rack='{at}'") for at in range(10)]
        return [each.query_id for each in prepared]

    found = _at_once(work)
    assert all(each == found[0] for each in found)


def test_one_result_can_be_read_by_all_threads(session: Session) -> None:
    select = session.prepare(ONE_ROW)
    for _ in range(TIMES):
        result = session.execute(select, ("local",))
        rows = _at_once(lambda _, result=result: (result.one(), list(result.current_rows)))
        assert all(each == rows[0] for each in rows)


# --- rows and timestamps -----------------------------------------------------------------


def test_one_decoder_reads_for_all_threads() -> None:
    columns, count = [INT, TEXT, BIGINT, UUID_TYPE], 50
    values = [(at, str(at), at << 33, UUID(int=at)) for at in range(count)]
    body = b""
    for row in values:
        for column, value in zip(columns, row, strict=True):
            cell = column.encode(value)
            body += len(cell).to_bytes(4, "big") + cell
    decoder = RowDecoder(columns)

    def work(number: int) -> list[Any]:
        found = []
        for at in range(TIMES):
            if (at + number) % 2:
                found = decoder.decode(body, 0, count, list)
            else:
                found = decoder.decode(body, 0, count)
        return [tuple(row) for row in found]

    assert all(found == values for found in _at_once(work))


GENERATORS: list[Any] = [
    pytest.param(lambda: timestamps.LastTimestamp(), id="as it is bound"),
    pytest.param(
        lambda: cql_speedups.timestamps.LastTimestamp(), id="cython", marks=needs_extension
    ),
]


@pytest.mark.parametrize("make", GENERATORS)
def test_no_two_threads_get_the_same_timestamp(make: Callable[[], Any]) -> None:
    generator = make()
    found = _at_once(lambda _: [generator.follow(1) for _ in range(10 * TIMES)])
    assert all(each == sorted(each) for each in found)
    given = sorted(stamp for each in found for stamp in each)
    assert given == list(range(given[0], given[0] + THREADS * 10 * TIMES))
