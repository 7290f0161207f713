"""What worker processes call in the tests of scans."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from cql_driver.cluster import Cluster, Session


def keys(rows: list[Any]) -> tuple[int, int]:
    """Return which process it is, and the sum of the keys."""
    return os.getpid(), sum(row.k for row in rows)


def fails(rows: list[Any]) -> None:
    raise ValueError(f"no like {rows[0].k}")


class Strange(Exception):
    """An error that cannot be pickled: it needs more than its message."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one)


def fails_strangely(rows: list[Any]) -> None:
    raise Strange("one", "other")


def dies(rows: list[Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps(rows: list[Any]) -> int:
    time.sleep(60)
    return len(rows)


def who(rows: list[Any]) -> int:
    return os.getpid()


POINTS = "CQL_TESTS_SCAN_POINTS"


def connects() -> Session:
    """Connect to the nodes that the environment names."""
    return Cluster(os.environ[POINTS].split(",")).connect()


def connects_nowhere() -> Session:
    """A way to connect that there is not."""
    return Cluster(["127.0.0.1"], port=1, connect_timeout=1).connect()


def returns_nothing() -> None:
    """A way to connect that forgets to return the session."""


def batch_rows(batch: Any) -> int:
    assert batch.column_names == ["k", "v"]
    rows: int = batch.num_rows
    return rows


def large_keys(batch: Any) -> Any:
    """Return a batch with the rows whose keys are 400 or more."""
    import pyarrow.compute

    return batch.filter(pyarrow.compute.greater_equal(batch["k"], 400))
