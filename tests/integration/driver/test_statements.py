"""Statements and their parameters, as texts and prepared, on a real node."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import ipaddress
import uuid
from typing import Any

import pytest

from cql_driver import ConsistencyLevel, DriverException, InvalidRequest
from cql_driver.cluster import Session
from cql_driver.query import (
    UNSET_VALUE,
    BoundStatement,
    SimpleStatement,
    ValueSequence,
    dataclass_factory,
    dict_factory,
    named_tuple_factory,
    ordered_dict_factory,
    tuple_factory,
)
from cql_driver.util import Date, Duration, Time
from tests.integration.driver.support import new_name, prepared_rows

IDENTITY = uuid.UUID("6f1d0a3c-0d5e-4a43-9d1b-0c6f5b9f8a11")
TIME_UUID = uuid.UUID("0e5c6b7e-9f0a-11ee-8c90-0242ac120002")

LITERALS: list[tuple[str, Any, Any]] = [
    ("ascii", "it's", "it's"),
    ("text", "Zoë 'quoted' \"double\" \\ ? %s :name \n\t €", None),
    ("text", "", None),
    ("boolean", True, None),
    ("boolean", False, None),
    ("tinyint", -128, None),
    ("smallint", 32767, None),
    ("int", -(2**31), None),
    ("bigint", 2**63 - 1, None),
    ("varint", -(10**40), None),
    ("float", 0.5, None),
    ("double", 1e300, None),
    ("double", float("inf"), None),
    ("decimal", decimal.Decimal("-12345678901234567890.000123"), None),
    ("blob", b"\x00\xff'quoted'", None),
    ("blob", bytearray(b"array"), b"array"),
    ("uuid", IDENTITY, None),
    ("timeuuid", TIME_UUID, None),
    ("inet", ipaddress.ip_address("192.0.2.7"), None),
    ("inet", ipaddress.ip_address("2001:db8::7"), None),
    ("timestamp", datetime.datetime(1999, 12, 31, 23, 59, 59, 123000), None),
    ("date", datetime.date(1969, 7, 20), Date("1969-07-20")),
    ("time", datetime.time(23, 59, 59, 999999), Time("23:59:59.999999")),
    ("duration", Duration(1, 2, 3), None),
    ("list<int>", [3, 1, 2], None),
    ("set<text>", {"b", "a'"}, None),
    ("map<text, int>", {"a": 1, "b'": 2}, None),
    ("frozen<list<frozen<map<text, int>>>>", [{"a": 1}, {"b": 2}], None),
    ("vector<float, 3>", [0.5, 1.5, -2.0], None),
]


@pytest.mark.parametrize("marker", ["%s", "?", ":v"])
def test_values_of_all_types_as_parameters(session: Session, marker: str) -> None:
    table = new_name()
    columns = ", ".join(f"c{i} {kind}" for i, (kind, _, _) in enumerate(LITERALS))
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, {columns})")
    for number, (kind, value, expected) in enumerate(LITERALS):
        text = f"INSERT INTO {table} (k, c{number}) VALUES ({number}, {marker})"
        values = {"v": value} if marker == ":v" else (value,)
        session.execute(text, values)
        select = f"SELECT c{number} FROM {table} WHERE k = {number}"
        got = session.execute(select).one()[0]
        wanted = value if expected is None else expected
        if "inet" in kind:
            got, wanted = str(got), str(wanted)
        if kind.startswith("set"):
            got = set(got)
        if kind.startswith("vector"):
            got = list(got)
        assert got == wanted, (kind, marker)
    session.execute(f"DROP TABLE {table}")


def test_a_tuple_as_a_parameter(session: Session) -> None:
    table = new_name()
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, t tuple<int, text>, l list<int>)")
    # In a text it is a list, as it is with other drivers, until the encoder is told otherwise.
    session.execute(f"INSERT INTO {table} (k, l) VALUES (%s, %s)", (1, (1, 2)))
    session.execute(f"INSERT INTO {table} (k, t, l) VALUES (?, ?, ?)", (2, (1, "it's"), (3,)))
    before = session.encoder.mapping[tuple]
    session.encoder.mapping[tuple] = session.encoder.cql_encode_tuple
    try:
        session.execute(f"INSERT INTO {table} (k, t) VALUES (%s, %s)", (3, (1, "it's")))
    finally:
        session.encoder.mapping[tuple] = before
    rows = {row.k: row for row in session.execute(f"SELECT * FROM {table}")}
    assert rows[1].l == [1, 2]
    assert rows[2].t == rows[3].t == (1, "it's")


def test_null_as_a_parameter(session: Session, table: str) -> None:
    session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 'old')")
    for marker in ("%s", "?"):
        session.execute(f"INSERT INTO {table} (k, v) VALUES (1, {marker})", (None,))
        assert session.execute(f"SELECT v FROM {table}").one().v is None


def test_named_parameters(session: Session, table: str) -> None:
    session.execute(f"INSERT INTO {table} (k, v) VALUES (%(key)s, %(v)s)", {"v": "a", "key": 1})
    session.execute(f"INSERT INTO {table} (k, v) VALUES (:key, :v)", {"v": "b", "key": 2})
    session.execute(f'INSERT INTO {table} (k, v) VALUES (:"Key", :v)', {"v": "c", "Key": 3})
    session.execute(f"INSERT INTO {table} (k, v) VALUES (?, ?)", {"v": "d", "k": 4})
    prepared = session.prepare(f"INSERT INTO {table} (k, v) VALUES (:key, :v)")
    session.execute(prepared, {"key": 5, "v": "e"})
    rows = session.execute(f"SELECT k, v FROM {table}")
    assert sorted(map(tuple, rows)) == [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]


def test_a_text_with_markers_is_prepared_once(session: Session, table: str) -> None:
    text = f"INSERT INTO {table} (k, v) VALUES (?, ?)"
    futures = [session.execute_async(text, (number, "x")) for number in range(50)]
    for future in futures:
        future.result()
    # The node keeps a text that names no keyspace under two ids, with and without that in use.
    assert len({row.logged_keyspace for row in prepared_rows(session, text)}) == 2
    assert len(prepared_rows(session, text)) == 2
    assert session.execute(f"SELECT count(*) FROM {table}").one()[0] == 50


def test_markers_in_strings_and_comments_are_none(session: Session, table: str) -> None:
    text = f"INSERT INTO {table} (k, v) VALUES (1, 'who? :me %s') /* ? */ -- :x ?\n"
    session.execute(text)
    assert session.execute(f"SELECT v FROM {table} WHERE k = ?", (1,)).one().v == "who? :me %s"
    text = f"INSERT INTO {table} (k, v) VALUES (?, 'who? :me') /* ? */"
    session.execute(text, (2,))
    assert session.execute(f"SELECT v FROM {table} WHERE k = %s", (2,)).one().v == "who? :me"


def test_injection_through_a_parameter_fails(session: Session, table: str) -> None:
    evil = f"'); DROP TABLE {table}; --"
    session.execute(f"INSERT INTO {table} (k, v) VALUES (%s, %s)", (1, evil))
    assert session.execute(f"SELECT v FROM {table} WHERE v = %s ALLOW FILTERING", (evil,)).one()
    with pytest.raises(InvalidRequest):
        session.execute(f"SELECT v FROM {table} WHERE k = %s", ("1 OR 1 = 1",))


def test_a_sequence_for_in(session: Session, table: str) -> None:
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    for number in range(6):
        session.execute(insert, (number, str(number)))
    wanted = f"SELECT k FROM {table} WHERE k IN %s"
    assert {r.k for r in session.execute(wanted, (ValueSequence([1, 3, 5]),))} == {1, 3, 5}
    wanted = f"SELECT k FROM {table} WHERE k IN ?"
    assert {r.k for r in session.execute(wanted, ([2, 4],))} == {2, 4}
    prepared = session.prepare(f"SELECT k FROM {table} WHERE k IN ?")
    assert {r.k for r in session.execute(prepared, ([0, 1],))} == {0, 1}


def test_unset_leaves_what_there_is(session: Session, table: str) -> None:
    prepared = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    session.execute(prepared, (1, "kept"))
    session.execute(prepared, (1, UNSET_VALUE))
    session.execute(prepared, (1,))
    session.execute(prepared, {"k": 1})
    assert session.execute(f"SELECT v FROM {table}").one().v == "kept"
    session.execute(prepared, (1, None))
    assert session.execute(f"SELECT v FROM {table}").one().v is None


def test_bound_statements_are_used_again(session: Session, table: str) -> None:
    prepared = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    bound = prepared.bind((1, "one"))
    session.execute(bound)
    session.execute(BoundStatement(prepared).bind((2, "two")))
    session.execute(prepared.bind({"k": 3, "v": "three"}))
    session.execute(bound)
    assert session.execute(f"SELECT count(*) FROM {table}").one().count == 3


@pytest.mark.parametrize(
    ("values", "named"), [((1, "a", 2), "3"), (("x", "a"), "k"), ((), "k"), ({"v": "a"}, "k")]
)
def test_wrong_values_never_reach_the_server(
    session: Session, table: str, values: Any, named: str
) -> None:
    prepared = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    with pytest.raises(DriverException, match=named):
        session.execute(prepared, values)
    assert session.execute(f"SELECT * FROM {table}").all() == []


def test_timestamps_of_writes(session: Session, table: str) -> None:
    prepared = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?) USING TIMESTAMP ?")
    session.execute(prepared, (1, "late", 2_000_000_000_000_000))
    session.execute(prepared, (1, "early", 1_000))
    select = f"SELECT v, writetime(v) FROM {table} WHERE k = %s"
    assert tuple(session.execute(select, (1,)).one()) == ("late", 2_000_000_000_000_000)
    # The generator's own, which only goes up, and is sent along with texts and prepared ones.
    stamps = []
    for _ in range(3):
        session.execute(f"INSERT INTO {table} (k, v) VALUES (2, 'x')")
        stamps.append(session.execute(select, (2,)).one()[1])
    assert stamps == sorted(set(stamps))


def test_a_timestamp_generator_of_ones_own(session: Session, table: str) -> None:
    before = session.timestamp_generator
    session.timestamp_generator = lambda: 4_242
    try:
        session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 'x')")
        assert session.execute(f"SELECT writetime(v) FROM {table}").one()[0] == 4_242
        session.use_client_timestamp = False
        session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 'y')")
        assert session.execute(f"SELECT writetime(v) FROM {table}").one()[0] > 10**15
    finally:
        session.timestamp_generator = before
        session.use_client_timestamp = True


@dataclasses.dataclass
class Entry:
    k: int
    v: str
    more: str = "default"


def test_row_factories(session: Session, table: str) -> None:
    session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 'one')")
    factories = [
        (tuple_factory, (1, "one")),
        (dict_factory, {"k": 1, "v": "one"}),
        (ordered_dict_factory, {"k": 1, "v": "one"}),
        (dataclass_factory(Entry), Entry(1, "one")),
    ]
    for factory, expected in factories:
        from cql_driver.cluster import EXEC_PROFILE_DEFAULT

        profile = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=factory)
        row = session.execute(f"SELECT * FROM {table}", execution_profile=profile).one()
        assert row == expected
        assert type(row) is type(expected) or factory is ordered_dict_factory
    named = session.execute(f"SELECT k, v, writetime(v) AS w, ttl(v) FROM {table}").one()
    assert (named.k, named.v, named.ttl_v) == (1, "one", None)
    assert named.w > 10**15
    assert named_tuple_factory is not None


def test_columns_of_a_result(session: Session, table: str) -> None:
    result = session.execute(f"SELECT k, v FROM {table}")
    assert result.column_names == ["k", "v"]
    assert [str(kind) for kind in result.column_types or ()] == ["int", "text"]
    written = session.execute(f"INSERT INTO {table} (k) VALUES (1)")
    assert written.column_names is None
    assert written.all() == []
    assert written.one() is None
    assert not written


class Address:
    def __init__(self, street: str, number: int, tags: set[str] | None) -> None:
        self.street, self.number, self.tags = street, number, tags

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


def test_classes_for_user_types(session: Session) -> None:
    kind, table = new_name("udt"), new_name()
    session.execute(f"CREATE TYPE {kind} (street text, number int, tags frozen<set<text>>)")
    session.execute(
        f"CREATE TABLE {table} (k int PRIMARY KEY, a frozen<{kind}>, l list<frozen<{kind}>>)"
    )
    home = Address("Rue d'Été", 5, {"a", "b"})
    keyspace = session.keyspace
    assert keyspace is not None
    prepared = session.prepare(f"INSERT INTO {table} (k, a, l) VALUES (?, ?, ?)")
    # Before a class is known, values are plain, and may be written as dicts or tuples.
    session.execute(prepared, (1, {"street": "x", "number": 1, "tags": None}, []))
    assert session.execute(f"SELECT a FROM {table} WHERE k = 1").one().a.street == "x"
    session.cluster.register_user_type(keyspace, kind, Address)
    session.execute(prepared, (2, home, [home]))
    session.execute(f"INSERT INTO {table} (k, a) VALUES (%s, %s)", (3, home))
    session.execute(f"INSERT INTO {table} (k, a) VALUES (?, ?)", (4, home))
    rows = {row.k: row for row in session.execute(f"SELECT * FROM {table}")}
    assert rows[2].a == rows[3].a == rows[4].a == home
    assert rows[2].l == [home]
    assert rows[1].a == Address("x", 1, None)
    got = session.execute(session.prepare(f"SELECT a FROM {table} WHERE k = ?"), (2,)).one()
    assert got.a == home


def test_functions_and_aggregates(session: Session, table: str) -> None:
    session.execute(
        f"CREATE FUNCTION twice_{table} (x int) CALLED ON NULL INPUT RETURNS int LANGUAGE java "
        "AS 'return x == null ? null : 2 * x;'"
    )
    session.execute(
        f"CREATE FUNCTION plus_{table} (s bigint, x int) CALLED ON NULL INPUT RETURNS bigint "
        "LANGUAGE java AS 'return s + x;'"
    )
    session.execute(
        f"CREATE AGGREGATE total_{table} (int) SFUNC plus_{table} STYPE bigint INITCOND 0"
    )
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, 'x')")
    for number in range(1, 5):
        session.execute(insert, (number,))
    row = session.execute(
        f"SELECT count(*), max(k), min(k), sum(k), total_{table}(k) AS total FROM {table}"
    ).one()
    assert tuple(row) == (4, 4, 1, 10, 10)
    twice = session.execute(f"SELECT twice_{table}(k) AS d FROM {table} WHERE k = 3").one()
    assert twice.d == 6
    for what in (f"AGGREGATE total_{table}", f"FUNCTION plus_{table}", f"FUNCTION twice_{table}"):
        session.execute(f"DROP {what}")


def test_a_statements_own_choices(session: Session, table: str) -> None:
    levels = []
    session.add_request_init_listener(lambda future: levels.append(level_of(future.message)))
    try:
        text = f"SELECT k FROM {table}"
        session.execute(SimpleStatement(text, consistency_level=ConsistencyLevel.ALL))
        session.execute(text)
        prepared = session.prepare(f"{text} WHERE k = ?")
        prepared.consistency_level = ConsistencyLevel.QUORUM
        session.execute(prepared, (1,))
        bound = prepared.bind((1,))
        bound.consistency_level = ConsistencyLevel.LOCAL_QUORUM
        session.execute(bound)
    finally:
        session._listeners = []
    assert levels == [
        ConsistencyLevel.ALL,
        ConsistencyLevel.LOCAL_ONE,
        ConsistencyLevel.QUORUM,
        ConsistencyLevel.LOCAL_QUORUM,
    ]


def level_of(message: Any) -> int:
    parameters = getattr(message, "parameters", message)
    return int(parameters.consistency)
