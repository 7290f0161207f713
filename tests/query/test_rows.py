from __future__ import annotations

import collections
import keyword
import pickle
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cql_driver.decoder
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query import (
    PseudoNamedTupleRow,
    dataclass_factory,
    dict_factory,
    named_tuple_factory,
    ordered_dict_factory,
    pseudo_namedtuple_factory,
    rows,
    tuple_factory,
)

NAMES = ["id", "name"]
ROWS = [(1, "a"), (2, None)]


def test_tuples_are_given_as_they_come() -> None:
    assert tuple_factory(NAMES, ROWS) is ROWS


def test_dicts() -> None:
    assert dict_factory(NAMES, ROWS) == [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
    ordered = ordered_dict_factory(NAMES, ROWS)
    assert [type(row) for row in ordered] == [collections.OrderedDict] * 2
    assert list(ordered[0].items()) == [("id", 1), ("name", "a")]


def test_named_tuples() -> None:
    first, second = named_tuple_factory(NAMES, ROWS)
    assert (first.id, first.name) == (1, "a")
    assert first == (1, "a")
    assert second._asdict() == {"id": 2, "name": None}
    assert repr(first) == "Row(id=1, name='a')"
    assert isinstance(first, tuple)
    assert first._fields == ("id", "name")


def test_the_class_of_named_tuples_is_made_once() -> None:
    one = named_tuple_factory(NAMES, ROWS)[0]
    two = named_tuple_factory(tuple(NAMES), ROWS)[0]
    assert type(one) is type(two)
    assert type(named_tuple_factory(["name", "id"], ROWS)[0]) is not type(one)


def test_not_all_classes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_makers", {})
    monkeypatch.setattr(rows, "_KEPT", 8)
    for number in range(20):
        named_tuple_factory([f"c{number}"], [])
        assert len(rows._makers) <= 8


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        (["a", "B", "c1", "d_e"], ["a", "B", "c1", "d_e"]),
        (["[applied]", "count"], ["applied", "count"]),
        (["system.token(k)", "writetime(v)"], ["system_token_k", "writetime_v"]),
        (["_hidden", "__x__"], ["hidden", "x__"]),
        (["my column", "a-b"], ["my_column", "a_b"]),
        (["class", "def", "None"], ["field_0_", "field_1_", "field_2_"]),
        (["1st", "9"], ["field_0_", "field_1_"]),
        (["", "()", "日本"], ["field_0_", "field_1_", "field_2_"]),
        (["a", "a", "a"], ["a", "a_", "a__"]),
        (["a", "a(", "a_"], ["a", "a_", "a__"]),
        (["field_1_", "class"], ["field_1_", "field_1__"]),
        ([], []),
    ],
)
def test_names_become_identifiers(columns: list[str], fields: list[str]) -> None:
    row = named_tuple_factory(columns, [tuple(range(len(columns)))])[0]
    assert list(row._fields) == fields


@given(st.lists(st.text(max_size=6), max_size=6))
def test_any_names_make_a_row(columns: list[str]) -> None:
    values = tuple(range(len(columns)))
    row = named_tuple_factory(columns, [values])[0]
    assert row == values
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in row._fields)
    assert tuple(getattr(row, name) for name in row._fields) == values
    pseudo = pseudo_namedtuple_factory(row._fields, [values])[0]
    assert tuple(pseudo) == values


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_named_tuples_can_be_pickled(protocol: int) -> None:
    row = named_tuple_factory(["id", "[applied]"], [(1, True)])[0]
    copied = pickle.loads(pickle.dumps(row, protocol))
    assert copied == row
    assert type(copied) is type(row)
    assert copied.applied is True


def test_pseudo_named_tuples() -> None:
    row = pseudo_namedtuple_factory(["id", "[applied]"], [(1, True)])[0]
    assert isinstance(row, PseudoNamedTupleRow)
    assert (row.id, row.applied) == (1, True)  # type: ignore[attr-defined]
    assert (row[0], row[1], row[-1], row[:1]) == (1, True, True, (1,))
    assert list(row) == [1, True]
    assert len(row) == 2
    assert repr(row) == "PseudoNamedTupleRow({'id': 1, '[applied]': True})"
    with pytest.raises(IndexError):
        row[2]


@pytest.mark.parametrize(
    "factory",
    [
        tuple_factory,
        dict_factory,
        named_tuple_factory,
        ordered_dict_factory,
        pseudo_namedtuple_factory,
    ],
)
def test_no_rows(factory: Any) -> None:
    assert factory(NAMES, []) == []


@dataclass
class User:
    id: int
    name: str | None = None
    tags: list[str] = field(default_factory=list)
    made: bool = field(default=True, init=False)


@dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    id: int


class Plain:
    def __init__(self, name: str, *rest: Any, id: int) -> None:
        self.name, self.id, self.rest = name, id, rest


class Point(NamedTuple):
    id: int
    name: str | None


class Anything:
    def __init__(self, **fields: Any) -> None:
        self.fields = fields


class TestDataclasses:
    def test_rows_become_instances(self) -> None:
        factory = dataclass_factory(User)
        assert factory(NAMES, ROWS) == [User(1, "a"), User(2, None)]
        assert factory(["tags", "id"], [(["x"], 3)]) == [User(3, None, ["x"])]
        assert dataclass_factory(Frozen)(NAMES, [(1, "a")]) == [Frozen("a", 1)]
        assert dataclass_factory(Point)(NAMES, ROWS) == [Point(1, "a"), Point(2, None)]

    def test_any_class_that_takes_the_names(self) -> None:
        made = dataclass_factory(Plain)(NAMES, [(1, "a")])[0]
        assert (made.name, made.id, made.rest) == ("a", 1, ())
        assert dataclass_factory(Anything)(["a b"], [(1,)])[0].fields == {"a b": 1}

    def test_parameters_stand_in_any_order(self) -> None:
        class Shifted:
            def __init__(self, first: int = 0, /, id: int = 0, name: str = "", *, age: int = 0):
                self.seen = first, id, name, age

        factory = dataclass_factory(Shifted)
        assert factory(["id"], [(1,)])[0].seen == (0, 1, "", 0)
        assert factory(["name", "id"], [("a", 1)])[0].seen == (0, 1, "a", 0)
        assert factory(["age", "name"], [(5, "a")])[0].seen == (0, 0, "a", 5)
        user = dataclass_factory(User)
        assert user(["name", "id"], [("a", 1), (None, 2)]) == [User(1, "a"), User(2, None)]
        assert user(["tags", "name", "id"], [(["x"], "a", 1)]) == [User(1, "a", ["x"])]

    def test_the_name_that_a_named_tuple_has_will_do(self) -> None:
        @dataclass
        class Applied:
            applied: bool

        assert dataclass_factory(Applied)(["[applied]"], [(True,)]) == [Applied(True)]

    @pytest.mark.parametrize(
        ("columns", "text"),
        [
            (["id", "nick"], "User has no field for the column 'nick'; it has id, name, tags"),
            (["id", "made"], "no field for the column 'made'"),
            (["name"], "no column for id of User"),
            (["id", "name", "name"], "no field for the column 'name'|two columns"),
        ],
    )
    def test_what_does_not_fit_is_named(self, columns: list[str], text: str) -> None:
        factory = dataclass_factory(User)
        for _ in range(2):
            with pytest.raises(InvalidArgument, match=text):
                factory(columns, [])

    def test_what_is_no_class(self) -> None:
        with pytest.raises(InvalidArgumentType, match="for a class"):
            dataclass_factory(User(1))  # type: ignore[arg-type]

        class Positional:
            def __init__(self, id: int, /) -> None: ...

        assert dataclass_factory(User)(NAMES, []) == []
        with pytest.raises(InvalidArgument, match="parameters of dict cannot be told"):
            dataclass_factory(dict)(NAMES, [])
        with pytest.raises(InvalidArgument, match="'id' by position only"):
            dataclass_factory(Positional)(["id"], [])


def test_they_are_also_where_they_once_were() -> None:
    assert cql_driver.decoder.__doc__
    for name in cql_driver.decoder.__all__:
        assert getattr(cql_driver.decoder, name) is getattr(rows, name)
