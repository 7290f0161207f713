"""A minute of the soak: a node that hangs, then one that is killed and comes back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from benchmarks.drivers import OURS, drivers
from tests.soak.run import NODES, Plan, run, table

if TYPE_CHECKING:
    from tests.cassandra import ClusterPool

SECONDS = float(os.environ.get("CQL_TESTS_SOAK_SECONDS", "60"))
LEAST_WHILE_HUNG = 0.3
"""The machine may be busy with other things; without care for hung nodes it is 0.02."""


@pytest.mark.slow
@pytest.mark.once
def test_a_minute_of_nodes_that_hang_and_die(clusters: ClusterPool) -> None:
    (ours,) = drivers([OURS], [os.environ.get("CQL_PROTOCOL_IMPL", "python")])
    # The pause leaves the processor to the node that starts.
    plan = Plan(SECONDS, seed=7, kinds=["hang", "kill"], calm=10, patience=12, pause=0.05)
    record = run(plan, ours, clusters.get(NODES))
    print(table(record))
    assert [verdict for verdict in record.verdicts if not (verdict.well or verdict.speed)] == []
    assert {fault.kind for fault in record.faults} == {"hang", "kill"}
    for passage in record.passages:
        if passage.fault.kind == "hang":
            for share in (passage.share(passage.during), passage.active):
                assert share is not None
                assert share >= LEAST_WHILE_HUNG
    assert sum(sum(second.done.values()) for second in record.seconds) > 1000
