"""Sessions whose methods return Deferreds, on a real node: the cases in `deferreds.live`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reactors.deferreds.run import run_cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cassandra import Cluster

pytestmark = pytest.mark.once


def test_cases(cassandra: Cluster, tmp_path: Path) -> None:
    node = f"{cassandra.contact_points[0]}:{cassandra.port}"
    run_cases(tmp_path, "default", "live", CQL_TESTS_NODE=node)
