"""Threads that block on one session, on the reactors that their callers drive."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import schema
from benchmarks.null_server import NullServer
from cql_driver.cluster import Cluster
from tests.reactors.harness import reactor

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.once

PATIENCE = 60.0
THREADS, REQUESTS = 8, 250


@pytest.fixture(scope="module")
def server() -> Iterator[NullServer]:
    with NullServer() as running:
        yield running


@pytest.mark.parametrize("background_thread", [True, False], ids=["thread", "no-thread"])
@pytest.mark.parametrize("name", ["selector", "libev", "asyncore"])
def test_threads_that_block(server: NullServer, name: str, background_thread: bool) -> None:
    reactor(name)
    failures: list[BaseException] = []
    answered: list[str] = []
    called_back: list[Any] = []

    def work(number: int) -> None:
        rng = random.Random(number)
        try:
            for _ in range(REQUESTS):
                if rng.random() < 0.1:
                    future = session.execute_async(select, (1,))
                    future.add_callbacks(called_back.append, failures.append)
                    if rng.random() < 0.5:
                        answered.append(future.result().one().name)
                else:
                    answered.append(session.execute(select, (1,)).one().name)
        except BaseException as exc:  # noqa: BLE001 - the test looks at it
            failures.append(exc)

    with Cluster(
        [server.address], port=server.port, reactor=name, background_thread=background_thread
    ) as cluster:
        session = cluster.connect()
        select = session.prepare(schema.SELECT_ITEM)
        threads = [
            threading.Thread(target=work, args=(number,), daemon=True) for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads), "a thread sleeps for ever"
        session.execute(select, (1,))
    assert failures == []
    assert len(answered) + len(called_back) >= THREADS * REQUESTS
    assert len(set(answered)) == 1
