"""Columns of every type on a real node: what is saved is read again, and changes are in the row."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from cql_protocol.values import Date, Duration, OrderedMap, SortedSet, Time
from cqlengine import columns
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.usertype import UserType

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")

MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 15, 123000)


class Street(UserType):
    __type_name__ = "street_of_columns"

    name = columns.Text(db_field="class")
    numbers = columns.List(columns.Integer)
    seen = columns.DateTime()


class Square(UserType):
    name = columns.Text()
    # The server has no collections that are not frozen in user types that are not.
    numbers = columns.List(columns.Integer, frozen=True)


class Town(UserType):
    name = columns.Text()
    main = columns.UserDefinedType(Street)
    streets = columns.Set(columns.UserDefinedType(Street))


class Everything(Model):
    id = columns.Integer(primary_key=True)
    part = columns.List(columns.Text, frozen=True, primary_key=True)
    fixed = columns.Map(columns.Text, columns.Integer, static=True)
    ascii = columns.Ascii()
    tiny = columns.TinyInt()
    small = columns.SmallInt()
    big = columns.BigInt()
    var = columns.VarInt()
    single = columns.Float()
    double = columns.Double()
    decimal = columns.Decimal()
    boolean = columns.Boolean()
    blob = columns.Blob()
    inet = columns.Inet()
    uuid = columns.UUID()
    timeuuid = columns.TimeUUID()
    date = columns.Date()
    time = columns.Time()
    moment = columns.DateTime()
    duration = columns.Duration()
    numbers = columns.List(columns.Integer)
    words = columns.Set(columns.Text)
    moments = columns.Set(columns.DateTime)
    singles = columns.Set(columns.Float)
    counts = columns.Map(columns.Text, columns.Integer)
    nested = columns.Map(columns.Text, columns.List(columns.Set(columns.Integer)))
    pairs = columns.Set(columns.Tuple(columns.Integer, columns.Text))
    lists = columns.Set(columns.List(columns.Integer))
    by_list = columns.Map(columns.List(columns.Integer), columns.Text)
    town = columns.UserDefinedType(Town)
    square = columns.UserDefinedType(Square, frozen=False)
    streets = columns.Set(columns.UserDefinedType(Street))
    place = columns.Tuple(columns.Double, columns.Text, columns.List(columns.Integer))
    meaning = columns.Vector(3)
    vectors = columns.List(columns.Vector(columns.Text, 2))
    custom = columns.Custom("map<int, text>")


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    """Make the table and its types."""
    sync_table(Everything)


STREET = Street(name="Main St", numbers=[1, 2], seen=MOMENT)
SQUARE = Square(name="Queen Square", numbers=[1, 2])

VALUES: dict[str, Any] = {
    "fixed": {"a": 1},
    "ascii": "abc",
    "tiny": -128,
    "small": 32767,
    "big": -(1 << 63),
    "var": 1 << 100,
    "single": 0.5,
    "double": 0.1,
    "decimal": Decimal("1.10"),
    "boolean": False,
    "blob": b"\x00\xff",
    "inet": ip_address("::1"),
    "uuid": uuid.UUID(int=5),
    "timeuuid": uuid.UUID("5a5b7cd0-d6c4-11ee-8000-000000000000"),
    "date": Date("2024-02-29"),
    "time": Time("08:30:00.000000001"),
    "moment": MOMENT,
    "duration": Duration(1, 2, 3),
    "numbers": [3, 1, 2, 1],
    "words": {"a", "b"},
    "moments": {MOMENT},
    "singles": {0.5, 1.5},
    "counts": {"a": 1, "b": 0},
    "nested": {"a": [{1}, {2, 3}]},
    "pairs": {(1, "a"), (2, None)},
    "lists": SortedSet([[1, 2], [3]]),
    "by_list": OrderedMap([([1, 2], "a")]),
    "town": Town(name="Bath", main=STREET, streets=SortedSet([STREET, Street(name="Side St")])),
    "square": SQUARE,
    "streets": SortedSet([STREET, Street(name="Side St")]),
    "place": (1.5, None, [1]),
    "meaning": [0.5, 1.5, -2.5],
    "vectors": [["a", "b"], ["c", "d"]],
    "custom": {1: "a"},
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_of_each_type_is_read_as_it_was_saved(name: str) -> None:
    saved = Everything.create(id=1, part=[name], **{name: VALUES[name]})
    read = Everything.get(id=1, part=[name])
    assert getattr(read, name) == VALUES[name]
    assert read.get_changed_columns() == []
    assert getattr(saved, name) == VALUES[name]


def test_columns_without_a_value_are_none_or_empty() -> None:
    Everything.create(id=2, part=[])
    read = Everything.get(id=2, part=[])
    assert read.part == []
    for name in VALUES:
        column = Everything._columns[name]
        assert getattr(read, name) == (column.empty() if column.is_container else None)


CHANGES: list[tuple[str, Any, Any]] = [
    ("numbers", [1, 2], [8, 9, 1, 2, 3, 4]),  # both ends at once
    ("numbers", [1, 2], [2, 1]),
    ("words", {"a", "b"}, {"b", "c"}),
    # The same element for the server: what is added must not be removed as well.
    ("moments", {MOMENT}, {MOMENT.replace(microsecond=123456), MOMENT.replace(year=2028)}),
    ("moments", {MOMENT}, {MOMENT.replace(tzinfo=datetime.UTC), MOMENT.replace(year=2028)}),
    ("singles", {0.1}, {0.1, 0.5}),
    ("counts", {"a": 1, "b": 0, "c": 2}, {"a": 5, "d": 1}),
    ("nested", {"a": [{1}], "b": []}, {"a": [{1}, {2}]}),
    ("pairs", {(1, "a"), (2, None)}, {(1, "a"), (3, "c")}),
    ("lists", {(1, 2), (3,)}, {(3,), (4,)}),
    ("by_list", {(1,): "a", (2,): "b"}, {(1,): "c", (3,): "d"}),
    (
        "streets",
        SortedSet([STREET, Street(name="Side St")]),
        SortedSet([Street(name="Main St", numbers=[1, 2], seen=MOMENT), Street(name="New St")]),
    ),
    ("fixed", {"a": 1, "b": 2}, {"b": 3}),
    ("place", (1.5, "a", [1]), (1.5, "b", None)),
    ("words", {"a"}, set()),
]


@pytest.mark.parametrize(
    ("name", "before", "after"), CHANGES, ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_changed_value_is_in_the_row(name: str, before: Any, after: Any) -> None:
    column = Everything._columns[name]
    key = {"id": 3, "part": [uuid.uuid4().hex]}
    Everything.create(**key, **{name: before})
    instance = Everything.get(**key)
    setattr(instance, name, after)
    instance.save()
    read = getattr(Everything.get(**key), name)
    stored = column.stored or (lambda value: value)
    assert stored(read) == stored(column.validate(after))
    assert instance.get_changed_columns() == []


def test_lists_keep_the_order_of_what_is_prepended() -> None:
    key = {"id": 4, "part": ["order"]}
    Everything.create(**key, numbers=[5])
    instance = Everything.get(**key)
    instance.numbers[:0] = [1, 2, 3]
    instance.save()
    assert Everything.get(**key).numbers == [1, 2, 3, 5]


def test_others_additions_in_the_meantime_stay() -> None:
    key = {"id": 5, "part": ["race"]}
    Everything.create(**key, words={"a"}, counts={"a": 1}, numbers=[1])
    first, second = Everything.get(**key), Everything.get(**key)
    for instance, word in ((first, "b"), (second, "c")):
        instance.words.add(word)
        instance.counts[word] = 2
        instance.numbers.append(2)
    second.counts.pop("a")
    first.save()
    second.save()
    read = Everything.get(**key)
    assert read.words == {"a", "b", "c"}
    assert read.counts == {"b": 2, "c": 2}
    assert read.numbers == [1, 2, 2]


def test_fields_of_user_types_are_changed_in_place() -> None:
    key = {"id": 6, "part": ["fields"]}
    Everything.create(**key, town=VALUES["town"], square=SQUARE)
    instance = Everything.get(**key)
    instance.town.main.numbers.append(3)
    instance.square.name = None
    assert sorted(instance.get_changed_columns()) == ["square", "town"]
    instance.save()
    read = Everything.get(**key)
    assert read.town.main.numbers == [1, 2, 3]
    assert read.square == Square(numbers=[1, 2])


def test_an_element_with_a_null_list_can_be_removed(session: Session) -> None:
    key = {"id": 7, "part": ["null"]}
    session.execute(
        "INSERT INTO everything (id, part, streets) "
        "VALUES (7, ['null'], {{class: 'a'}, {class: 'b'}})"
    )
    instance = Everything.get(**key)
    street = next(each for each in instance.streets if each.name == "a")
    assert street.numbers == []
    instance.streets.remove(street)
    instance.save()
    assert [each.name for each in Everything.get(**key).streets] == ["b"]


def test_a_new_instance_leaves_a_container_that_was_only_looked_at() -> None:
    key = {"id": 8, "part": ["look"]}
    Everything.create(**key, words={"a"}, numbers=[1], boolean=True)
    again = Everything(**key, boolean=False)
    assert again.words == set()
    again.numbers.append(2)
    again.save()
    read = Everything.get(**key)
    assert read.words == {"a"}
    assert read.numbers == [2]
    assert read.boolean is False
