"""What changes after requests were made alike: descriptions, hosts, policies, settings."""

from __future__ import annotations

from typing import Any

import pytest

from cql_protocol.types import INT
from tests.simulation import Simulation


@pytest.mark.parametrize("times", [1, 2, 5])
def test_rows_of_a_statement_prepared_anew_are_read_by_its_new_columns(times: int) -> None:
    with Simulation(1, nodes=1) as sim:
        table = sim.cluster.t
        table.add(k=1, v="a")
        session = sim.connect("ks")
        select = session.prepare("SELECT * FROM t WHERE k = ?")
        for _ in range(times):
            assert tuple(session.execute(select, (1,)).one()) == (1, "a")
        # As many columns as before, so that the server's answers begin alike.
        table.columns = {"k": INT, "w": INT}
        sim.cluster.store.changed()
        table.rows.clear()
        table.add(k=1, w=7)
        sim[1].forget_prepared()
        for _ in range(3):
            row: Any = session.execute(select, (1,)).one()
            assert (row.k, row.w) == (1, 7)
