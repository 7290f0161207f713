"""Tables without models."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cqlengine.connection import register_connection, set_default_keyspace
from cqlengine.errors import CQLEngineException, QueryException
from cqlengine.named import NamedColumn, NamedKeyspace, NamedTable
from cqlengine.query import ResultObject
from tests.aio.live import LiveNodes


@pytest.fixture
def table(nodes: LiveNodes, hosts: list[str], options: dict[str, Any]) -> NamedTable:
    """The table ``ks.t``, with one row."""
    register_connection("x", hosts, cluster_options=options, default=True)
    return NamedKeyspace("ks").table("t")


def test_rows_are_read_by_names(table: NamedTable) -> None:
    row = table.get(k=1)
    assert isinstance(row, ResultObject)
    assert (row.k, row["v"]) == (1, "a")
    assert list(table.filter(table.column("k") == 1)) == [{"k": 1, "v": "a"}]
    assert table.objects.filter(k=1).only(["v"]).first() == {"v": "a"}
    assert table.filter(k=1).count() == 1


def test_what_is_not_there(table: NamedTable) -> None:
    with pytest.raises(table.DoesNotExist, match="no such row of t"):
        table.get(k=77)
    with pytest.raises(AttributeError, match="the row has no column x"):
        _ = table.get(k=1).x


def test_rows_are_awaited(table: NamedTable) -> None:
    async def main() -> Any:
        assert [row.v async for row in table.filter(k=1)] == ["a"]
        return await table.aget(k=1)

    assert asyncio.run(main()) == {"k": 1, "v": "a"}


def test_the_text_of_queries() -> None:
    table = NamedTable("Shop", "Orders")
    query = table.filter(table.column("At") > 3, shop=1).order_by("-At").limit(5)
    assert str(query) == (
        'SELECT * FROM "Shop"."Orders" WHERE "At" > ? AND "shop" = ? ORDER BY "At" DESC LIMIT ?'
    )
    assert str(table.objects.distinct(["Day"]).limit(None)) == (
        'SELECT DISTINCT "Day" FROM "Shop"."Orders"'
    )
    assert repr(table) == '<NamedTable "Shop"."Orders">'
    elsewhere = table.using("archive")
    assert 'FROM archive."Orders"' in str(elsewhere)


def test_the_default_keyspace_is_used() -> None:
    table = NamedTable(None, "orders")
    assert table.column_family_name() == "orders"
    set_default_keyspace("shop")
    assert table.column_family_name() == "shop.orders"
    assert table.column_family_name(include_keyspace=False) == "orders"


def test_columns_are_known_by_their_names() -> None:
    column = NamedColumn('na"me')
    assert column.db_field_name == column.column_name == 'na"me'
    assert column.cql == column.get_cql() == str(column) == '"na""me"'
    assert column.to_database([1]) == [1]


@pytest.mark.parametrize(
    "ask",
    [
        lambda table: table.filter(pk=1),
        lambda table: table.filter(pk__gt=1),
        lambda table: table.objects.distinct(),
        lambda table: table.objects.defer(["a"]),
    ],
)
def test_the_key_is_not_known(ask: Any) -> None:
    with pytest.raises(QueryException, match="does not know its primary key"):
        ask(NamedTable("shop", "orders"))


def test_objects_are_of_a_table() -> None:
    with pytest.raises(CQLEngineException, match="objects is of a table"):
        _ = NamedTable.objects
