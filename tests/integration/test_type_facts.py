"""What a real server does with values at the borders of their types."""

from __future__ import annotations

import re
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from cql_protocol.errors import (
    InvalidRequest,
    InvalidValueType,
    ServerError,
    ValueOutOfRange,
)
from cql_protocol.literals import literal, typed_literal
from cql_protocol.types import (
    BLOB,
    DECIMAL,
    DURATION,
    INET,
    INT,
    CqlType,
    ListType,
    MapType,
    ReadOptions,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.values import EMPTY, Date, Duration, Time, Timestamp
from tests.integration.client import Client, decode
from tests.integration.conftest import Combination, Connect

KEYSPACE = "type_facts"
ITEMS = f"{KEYSPACE}.items"
COLUMNS = {
    "i": "int", "l": "list<int>", "s": "set<int>", "m": "map<int, int>", "fl": "frozen<list<int>>",
    "d": "duration", "dec": "decimal", "addr": "inet", "tu": "tuple<int, text>",
    "v": "vector<int, 2>",
    "tx": "text", "b": "blob", "ld": "list<decimal>", "la": "list<inet>", "ts": "timestamp",
    "da": "date",
    "ti": "time", "si": "smallint", "zeros": "map<double, text>",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def tables(connect: Connect) -> None:
    """A table with a column for each fact."""
    client = connect((5, False))
    client.make_keyspace(KEYSPACE)
    columns = ", ".join(f"{name} {cql}" for name, cql in COLUMNS.items())
    client.query(f"CREATE TABLE items (pk text PRIMARY KEY, {columns})")


class Cell:
    """One cell of the table, belonging to one test."""

    def __init__(self, client: Client, pk: str) -> None:
        self.client = client
        self.pk = pk

    def bind(self, column: str, value: Any) -> None:
        """Write a value through a prepared statement."""
        prepared = self.client.prepare(f"INSERT INTO {ITEMS} (pk, {column}) VALUES (?, ?)")
        self.client.execute(prepared, (self.pk, value))

    def write(self, column: str, text: str) -> None:
        """Write a value as text."""
        self.client.query(f"INSERT INTO {ITEMS} (pk, {column}) VALUES ('{self.pk}', {text})")

    def read(self, column: str, options: ReadOptions | None = None) -> Any:
        """Read the value."""
        rows = self.client.query(f"SELECT {column} FROM {ITEMS} WHERE pk = '{self.pk}'")
        return decode(rows, options=options)[0][0]

    def read_bytes(self, column: str) -> bytes:
        """Read the bytes that the server holds."""
        rows = self.client.query(f"SELECT {column} FROM {ITEMS} WHERE pk = '{self.pk}'")
        (column_spec,) = rows.metadata.columns
        found: bytes = decode(rows, [column_spec._replace(type=BLOB)])[0][0]
        return found


@pytest.fixture
def cell(client: Client, request: pytest.FixtureRequest) -> Cell:
    """A cell of this test alone."""
    return Cell(client, str(request.node.name).replace("'", ""))


# --- what has no literal, or another one -----------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        Duration(-(2**31), 0, 0),
        Duration(0, -(2**31), 0),
        Duration(0, 0, -(2**63)),
        Duration(-(2**31), -(2**31), -(2**63)),
    ],
)
def test_the_least_durations_can_only_be_bound(cell: Cell, value: Duration) -> None:
    cell.bind("d", value)
    assert cell.read("d") == value
    with pytest.raises(ValueOutOfRange):
        typed_literal(DURATION, value)


@pytest.mark.parametrize("text", ["1E+309", "-7E+3999", "1.5E+308", "123456E+300", "1E+307"])
def test_great_decimals_keep_their_value(cell: Cell, text: str) -> None:
    value = Decimal(text)
    cell.bind("dec", value)
    assert cell.read("dec").as_tuple() == value.as_tuple()
    cell.write("dec", typed_literal(DECIMAL, value))
    assert cell.read("dec") == value
    cell.write("ld", typed_literal(ListType(DECIMAL), [value]))
    assert cell.read("ld") == [value]


def test_the_text_of_a_mapped_address_means_ipv4(cell: Cell) -> None:
    """Java makes an IPv4 address of it; only a prepared statement stores the 16 bytes."""
    value = IPv6Address("::ffff:1.2.3.4")
    cell.bind("addr", value)
    assert cell.read("addr") == value
    assert cell.read("toJson(addr)") == '"1.2.3.4"'
    cell.bind("la", [value])
    assert cell.read("la") == [IPv4Address("1.2.3.4")]  # the server made each element anew
    cell.write("addr", typed_literal(INET, value))
    assert cell.read("addr") in (value, IPv4Address("1.2.3.4"))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ts", Timestamp(2**63 - 1)),
        ("ts", Timestamp(-(2**63))),
        ("da", Date(2**31 - 1)),
        ("da", Date(-(2**31))),
        ("ti", Time(86_399_999_999_999)),
        ("tx", "it's; DROP TABLE items; --"),
        ("tx", "$$ %s ? :x \\' \0 \U0001f600"),
        ("b", b"'\xff\0"),
    ],
)
def test_literals_at_the_ends(cell: Cell, column: str, value: Any) -> None:
    cell.write(column, literal(value))
    assert cell.read(column) == value


# --- empty and null --------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["l", "s", "m"])
def test_an_empty_collection_is_null_unless_frozen(cell: Cell, column: str) -> None:
    cell.bind(column, {} if column == "m" else [])
    cell.bind("fl", [])
    assert cell.read(column) is None
    assert cell.read("fl") == []


def test_an_empty_int_is_told_apart_on_wish(cell: Cell) -> None:
    cell.bind("i", EMPTY)
    assert cell.read_bytes("i") == b""
    assert cell.read("i") is None
    assert cell.read("i", ReadOptions(empty_values=True)) is EMPTY
    cell.bind("i", None)
    assert cell.read("i", ReadOptions(empty_values=True)) is None


@pytest.mark.parametrize("column", ["si", "da", "ti", "d"])
def test_types_that_are_never_empty(cell: Cell, column: str) -> None:
    with pytest.raises(InvalidRequest):
        cell.bind(column, EMPTY)


def test_only_a_frozen_list_holds_null(cell: Cell) -> None:
    """The server has no good answer for the other: an unexpected error of its own."""
    cell.bind("fl", [1, None])
    assert cell.read("fl") == [1, None]
    with pytest.raises((InvalidRequest, ServerError)):
        cell.bind("l", [1, None])


@pytest.mark.parametrize(("column", "value"), [("s", [None]), ("m", {1: None}), ("m", {None: 1})])
def test_sets_and_maps_hold_no_null(cell: Cell, column: str, value: Any) -> None:
    with pytest.raises(InvalidValueType):
        cell.bind(column, value)


def test_a_list_of_values_for_in(client: Client, cell: Cell) -> None:
    cell.bind("i", 1)
    select = client.prepare(f"SELECT pk FROM {ITEMS} WHERE pk IN ?")
    found = decode(client.execute(select, ([cell.pk, "nothing"],)))
    assert found == [(cell.pk,)]


def test_a_short_tuple_is_filled_with_nulls(cell: Cell) -> None:
    cell.bind("tu", (1,))
    assert cell.read("tu") == (1, None)
    cell.bind("tu", [None, "x"])
    assert cell.read("tu") == (None, "x")


def test_a_vector_of_another_length_is_refused(cell: Cell) -> None:
    with pytest.raises(ValueOutOfRange):
        cell.bind("v", [1, 2, 3])
    with pytest.raises(ValueOutOfRange):
        cell.bind("v", [1])


@pytest.mark.parametrize(
    "cql",
    ["set<duration>", "map<duration, int>", "list<counter>", "map<int, counter>", "vector<int, 0>"],
)
def test_types_that_the_server_refuses(client: Client, cql: str) -> None:
    with pytest.raises(InvalidRequest):
        client.query(f"CREATE TABLE {KEYSPACE}.refused (pk int PRIMARY KEY, v {cql})")


def test_both_zeros_are_read(cell: Cell) -> None:
    """To the server -0.0 and 0.0 differ: as keys they must not end as {-0.0: "plus"}."""
    cell.write("zeros", "{-0.0: 'minus', 0.0: 'plus'}")
    found = [(str(key), value) for key, value in cell.read("zeros").items()]
    assert found == [("-0.0", "minus"), ("0.0", "plus")]


# --- user types that change ------------------------------------------------------------------


def test_a_user_type_with_a_new_field(client: Client, combination: Combination) -> None:
    """Rows written before have fewer fields; statements prepared before know fewer."""
    version, compression = combination
    name = f"{KEYSPACE}.grows_v{version}_{compression or 'plain'}"
    table = f"{name}_rows"
    client.query(f"CREATE TYPE {name} (a int, b text)")
    client.query(
        f"CREATE TABLE {table} "
        f"(pk int PRIMARY KEY, v {name}, f frozen<{name}>, l list<frozen<{name}>>)"
    )
    insert = client.prepare(f"INSERT INTO {table} (pk, v, f, l) VALUES (?, ?, ?, ?)")
    old_type = insert.metadata.columns[1].type
    assert isinstance(old_type, UserType)
    old = {"a": 1, "b": "one"}
    client.execute(insert, (1, old, old, [old, (2,)]))
    client.query(f"ALTER TYPE {name} ADD c int")

    rows = client.query(f"SELECT v, f, l FROM {table} WHERE pk = 1")
    assert decode(rows) == [
        ((1, "one", None), (1, "one", None), [(1, "one", None), (2, None, None)])
    ]
    assert decode(rows)[0][0]._fields == ("a", "b", "c")
    new_type = rows.metadata.columns[0].type
    assert new_type.field_names == ("a", "b", "c")

    again = client.prepare(f"INSERT INTO {table} (pk, v, f, l) VALUES (?, ?, ?, ?)")
    new = (3, "three", 33)
    client.execute(again, (2, new, new, [new]))
    rows = client.query(f"SELECT v, f, l FROM {table} WHERE pk = 2")
    assert decode(rows) == [(new, new, [new])]
    # A client that still has the old description reads what it knows of.
    assert old_type.decode(new_type.encode(new)) == (3, "three")


def test_a_user_type_is_given_in_many_forms(client: Client, combination: Combination) -> None:
    name = f"{KEYSPACE}.forms_v{combination[0]}_{combination[1] or 'plain'}"
    table = f"{name}_rows"
    client.query(f"CREATE TYPE {name} (a int, b text)")
    client.query(f"CREATE TABLE {table} (pk int PRIMARY KEY, v frozen<{name}>)")
    insert = client.prepare(f"INSERT INTO {table} (pk, v) VALUES (?, ?)")

    class Form:
        a = 1
        b = "x"

    for value in ({"b": "x", "a": 1}, (1, "x"), [1, "x"], Form()):
        client.execute(insert, (1, value))
        assert client.rows(f"SELECT v FROM {table} WHERE pk = 1") == [((1, "x"),)]
    client.execute(insert, (1, {"b": "only"}))
    assert client.rows(f"SELECT v FROM {table} WHERE pk = 1") == [((None, "only"),)]


# --- the order of sets -----------------------------------------------------------------------


_NUMBERS = {-1, 1, 256, -300}


def same_key(client: Client, cql: str, value: Any, column_type: CqlType) -> bool:
    """Say whether a row written by a literal is found by the same value bound."""
    table = f"{KEYSPACE}.keys_{re.sub('[^a-z]+', '_', cql)}"
    client.query(f"CREATE TABLE IF NOT EXISTS {table} (pk {cql} PRIMARY KEY, v int)")
    client.query(f"INSERT INTO {table} (pk, v) VALUES ({typed_literal(column_type, value)}, 1)")
    select = client.prepare(f"SELECT v FROM {table} WHERE pk = ?")
    return decode(client.execute(select, (value,))) == [(1,)]


SORTED_BY_THE_SERVER = {
    "frozen<set<int>>": (_NUMBERS, SetType(INT)),
    "frozen<list<frozen<set<int>>>>": ([_NUMBERS], ListType(SetType(INT))),
    "frozen<map<int, frozen<set<int>>>>": (
        {-1: _NUMBERS, 1: set(), 300: {5}},
        MapType(INT, SetType(INT)),
    ),
}
LEFT_AS_SENT = {
    "tuple<frozen<set<int>>>": ((_NUMBERS,), TupleType(SetType(INT))),
    "tuple<frozen<map<int, int>>>": (({-1: 1, 1: -1},), TupleType(MapType(INT, INT))),
    "vector<frozen<set<int>>, 1>": ([_NUMBERS], VectorType(SetType(INT), 1)),
}


@pytest.mark.parametrize("cql", SORTED_BY_THE_SERVER)
def test_a_set_is_the_same_key_bound_and_written(client: Client, cql: str) -> None:
    """The server sorts what it gets, here in the order that it has already."""
    assert same_key(client, cql, *SORTED_BY_THE_SERVER[cql])


@pytest.mark.parametrize("cql", LEFT_AS_SENT)
def test_a_set_within_a_tuple_is_the_same_key_bound_and_written(client: Client, cql: str) -> None:
    """What a literal holds is in the order of values, and so must be what is bound."""
    assert same_key(client, cql, *LEFT_AS_SENT[cql])
