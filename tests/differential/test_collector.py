"""The garbage collector: how it is left, who sees it stopped, and that nothing is left behind."""

from __future__ import annotations

import gc
import struct
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from cql_driver.query.rows import named_tuple_maker
from cql_protocol.types import (
    BIGINT,
    DATE,
    INET,
    INT,
    TEXT,
    TIMESTAMP,
    UUID,
    CqlType,
    ListType,
    MapType,
    ReadOptions,
    SetType,
    TupleType,
    UserType,
)
from cql_protocol.values import Date
from cql_speedups.rows import make_reader
from tests.differential.cells import flat, refuse

ROWS = 100
GOOD = b"\0\0\0\1"


@pytest.fixture(params=[True, False], ids=["on", "off"])
def collects(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Have the collector run, or not."""
    was_on = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if was_on else gc.disable)()


def test_the_collector_is_left_as_it_was(collects: bool) -> None:
    reader = make_reader((INT,), ReadOptions())
    good = flat([GOOD]) * ROWS
    bad = flat([GOOD]) * (ROWS - 1) + flat([b"\0\0\1"])
    for body in (good, bad, good[:-1], good + b"x", b""):
        for read in (
            reader.read,
            partial(reader.dicts, names=("a",)),
            partial(reader.read, make=named_tuple_maker(("a",))),
            partial(reader.read, make=list),
        ):
            rows = read(body, 0, ROWS)
            assert (rows is not None) is (body == good)
            assert gc.isenabled() is collects

    def fails(row: Any) -> None:
        raise KeyError(gc.isenabled())

    with pytest.raises(KeyError, match=str(collects)):
        reader.read(good, 0, ROWS, fails)
    assert gc.isenabled() is collects


def watched(cls: type, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that gets, at each hash of an instance of `cls`, whether the collector runs."""
    seen: list[bool] = []
    real: Any = cls.__hash__

    def spy(self: Any) -> int:
        seen.append(gc.isenabled())
        return real(self)

    monkeypatch.setattr(cls, "__hash__", spy)
    return seen


@pytest.mark.parametrize(
    ("cql_type", "cell", "cls"),
    [(UUID, bytes(16), uuid.UUID), (DATE, b"\x80\0\0\0", Date)],
    ids=["uuid", "date"],
)
@pytest.mark.parametrize(
    "nest", [SetType, lambda t: SetType(TupleType(t)), MapType], ids=["set", "tuples", "map"]
)
def test_python_hashes_run_while_the_collector_does(
    cql_type: CqlType, cell: bytes, cls: type, nest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watched(cls, monkeypatch)
    if nest is MapType:
        made, whole = MapType(cql_type, INT), GOOD + flat([cell, GOOD])
    else:
        made = nest(cql_type)
        whole = GOOD + flat([cell if isinstance(made.element, type(cql_type)) else flat([cell])])
    rows = make_reader((made,), ReadOptions()).read(flat([whole]) * ROWS, 0, ROWS)
    assert rows is not None
    assert seen
    assert all(seen)


def test_code_of_the_application_runs_while_the_collector_does() -> None:
    seen = []

    def note(*values: Any, **fields: Any) -> Any:
        seen.append(gc.isenabled())
        return values

    user = UserType("ks", "u", [("a", INT)])
    options = ReadOptions(
        set_factory=note, map_factory=note, udt_classes={("ks", "u"): note}, inet_text=True
    )
    cases = {
        SetType(INT): GOOD + flat([GOOD]),
        MapType(INT, INT): GOOD + flat([GOOD, GOOD]),
        ListType(user): GOOD + flat([flat([GOOD])]),
    }
    for cql_type, cell in cases.items():
        assert make_reader((cql_type,), options).read(flat([cell]) * ROWS, 0, ROWS) is not None
    assert seen == [True] * 3 * ROWS


def test_rows_of_values_that_hold_nothing_are_not_watched() -> None:
    types = (INT, TEXT, UUID, TIMESTAMP, DATE, INET, TupleType(INT, UUID))
    cells = [GOOD, b"ab", bytes(16), bytes(8), GOOD, GOOD, flat([GOOD, bytes(16)])]
    reader = make_reader(types, ReadOptions())
    assert reader.plain
    for make in (None, named_tuple_maker(tuple("abcdefg"))):
        (row,) = reader.read(flat(cells), 0, 1, make) or [()]
        assert len(row) == len(types)
        assert not any(map(gc.is_tracked, (row, *row)))
    (row,) = make_reader((ListType(INT),), ReadOptions()).read(flat([b"\0\0\0\0"]), 0, 1) or [()]
    assert gc.is_tracked(row[0])
    assert gc.is_tracked(row)


NESTED = (INT, ListType(ListType(INT)), SetType(INT), TupleType(INT, ListType(INT)))


def many_containers() -> bytes:
    """Return a page of as many rows as make the collector wait for them."""
    numbers = GOOD + flat([GOOD])
    cells = [GOOD, GOOD + flat([numbers]), numbers, flat([GOOD, numbers])]
    return flat(cells) * 1000


def test_the_collector_gets_the_containers_of_a_large_page() -> None:
    body, reader = many_containers(), make_reader(NESTED, ReadOptions())
    for make in (None, named_tuple_maker(tuple("abcd"))):
        for _ in range(3):
            rows: Any = reader.read(body, 0, 1000, make)
            assert rows == [(1, [[1]], {1}, (1, [1]))] * 1000
            watched = [*rows, *(row[at] for row in rows for at in (1, 2, 3))]
            watched += [rows, *(row[1][0] for row in rows), *(row[3][1] for row in rows)]
            assert all(map(gc.is_tracked, watched))
            del watched
            for row in rows:
                row[1].append(row)  # a cycle
            gc.collect()
            del row, rows
            assert gc.collect() >= 2000
    dicts: Any = reader.dicts(body, 0, 1000, tuple("abcd"))
    assert all(map(gc.is_tracked, [*dicts, dicts, *(row["b"] for row in dicts)]))


def test_large_pages_that_are_wrong_leave_nothing_to_the_collector() -> None:
    body, reader = many_containers(), make_reader(NESTED, ReadOptions())
    for call in (reader.read, partial(reader.dicts, names=tuple("abcd"))):
        gc.collect()
        before = len(gc.get_objects())
        for end in (len(body) - 1, len(body) // 2, 100):
            assert call(body[:end] + bytes(len(body) - end - 1), 0, 1000) is None
        gc.collect()
        assert abs(len(gc.get_objects()) - before) < 20


def _calls() -> list[Callable[[], object]]:
    """Return what reads pages of all kinds, right and wrong ones."""
    user = UserType("ks", "u", [("a", INT), ("b", TEXT)])
    types = (BIGINT, TEXT, UUID, TIMESTAMP, DATE, ListType(TEXT), MapType(TEXT, UUID), user)
    cells = [bytes(8), b"text", bytes(16), struct.pack(">q", 1 << 62), GOOD]
    cells += [GOOD + flat([b"abc"]), GOOD + flat([b"key", bytes(16)]), flat([GOOD, b"xyz"])]
    body = flat(cells) * 20
    calls: list[Callable[[], object]] = []
    for options in (ReadOptions(), ReadOptions(udt_classes={("ks", "u"): refuse})):
        reader = make_reader(types, options)
        for end in (len(body), len(body) - 1, len(body) // 2, 3):
            for more in (None, named_tuple_maker(tuple("abcdefgh")), list):
                calls.append(partial(reader.read, body[:end], 0, 20, more))
            calls.append(partial(reader.dicts, body[:end], 0, 20, tuple("abcdefgh")))
        wrong = bytearray(body)
        wrong[12 + 4] = 0xFF  # the text is none any more
        calls.append(partial(reader.read, bytes(wrong), 0, 20))
    return calls


def test_nothing_is_left_of_pages_right_or_wrong() -> None:
    calls = _calls()
    tracemalloc.start()
    try:
        for warming in (True, False):
            for call in calls * (3 if warming else 30):
                call()
            gc.collect()
            if warming:
                before = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
