"""Migrations on three nodes, applied by several processes at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cqlengine import columns, migrations
from tests.cassandra import ClusterOptions
from tests.integration.driver.support import connected, keyspace_of
from tests.integration.mapper.command import Command
from tests.integration.mapper.evolutions import model

if TYPE_CHECKING:
    from tests.cassandra import ClusterPool

pytestmark = pytest.mark.once  # nothing of it has two implementations

MODULE = """
from cqlengine import columns
from cqlengine.models import Model


class Order(Model):
    __table_name__ = "orders"
    id = columns.Integer(primary_key=True)
    note = columns.Text()
    paid = columns.Boolean()
    tags = columns.Set(columns.Text, index=True)


class Item(Model):
    __table_name__ = "items"
    id = columns.Integer(primary_key=True)
"""


def test_each_node_has_all_of_it_and_each_step_is_done_once(
    clusters: ClusterPool, tmp_path: Path
) -> None:
    """Three processes, each with another node to begin with."""
    nodes = clusters.get(ClusterOptions(nodes=3))
    with connected(nodes) as session, keyspace_of(session, 3) as keyspace:
        migrations.apply(
            [model("orders", total=columns.Integer())], keyspace=keyspace, connection=session
        )
        command = Command(tmp_path, nodes, keyspace)
        command.write("shop", MODULE)
        arguments = ["-m", "cqlengine", "apply", "--models", "shop", "--allow-destructive"]
        processes = [command.start(*arguments, CQLENG_HOSTS=host) for host in nodes.contact_points]
        outcomes = [process.communicate(timeout=200) for process in processes]
        assert [process.returncode for process in processes] == [0] * len(processes), outcomes

        recorded = migrations.status(keyspace=keyspace, connection=session).recorded
        steps = [entry for entry in recorded if entry.of_steps > 1]
        assert [(entry.step, entry.kind, entry.state) for entry in steps] == [
            (1, "create table", "done"),
            (2, "add column", "done"),
            (3, "add column", "done"),
            (4, "add column", "done"),
            (5, "drop column", "done"),
            (6, "create index", "done"),
        ]
        for host in session.hosts:
            rows = session.execute(
                "SELECT table_name, column_name FROM system_schema.columns "
                "WHERE keyspace_name = %s",
                (keyspace,),
                host=host,
            )
            found = {(row.table_name, row.column_name) for row in rows}
            assert {each for each in found if each[0] != migrations.RECORD_TABLE} == {
                ("items", "id"),
                *(("orders", name) for name in ("id", "note", "paid", "tags")),
            }
