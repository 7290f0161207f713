"""Maps of numbers whose keys are those of maps before them, read by functions made for that."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from cql_protocol.errors import DecodeError
from cql_protocol.types import ASCII, BIGINT, BOOLEAN, DOUBLE, INT, TEXT, CqlType, MapType
from cql_protocol.types.base import ReadOptions

if TYPE_CHECKING:
    from cql_protocol.types.base import Reader

SOME = {"a": 1, "bc": 2, "d": 3}
OTHERS = {"d": 1, "a": 2, "xy": 3}


def reader(value: CqlType = INT, key: CqlType = TEXT) -> Reader:
    return MapType(key, value).reader(ReadOptions())


def cell(made: dict[Any, Any], value: CqlType = INT, key: CqlType = TEXT) -> bytes:
    return MapType(key, value).encode(made)


@pytest.mark.parametrize(
    ("value", "numbers"),
    [(INT, [1, -2]), (BIGINT, [1 << 40, -1]), (DOUBLE, [0.5, -0.0]), (BOOLEAN, [True, False])],
)
def test_values_differ(value: CqlType, numbers: list[Any]) -> None:
    read = reader(value)
    rng = random.Random(1)
    for _ in range(9):
        made = {name: rng.choice(numbers) for name in ("a", "bc", "d")}
        found = read(cell(made, value))
        assert repr(found) == repr(dict(sorted(made.items())))


def test_each_row_has_a_map_of_its_own() -> None:
    read = reader()
    first, second, third = (read(cell(SOME)) for _ in range(3))
    third["more"] = 4
    assert first == second == SOME
    assert first is not second


def test_maps_of_one_size_with_other_keys() -> None:
    read = reader()
    assert len(cell(SOME)) == len(cell(OTHERS))
    for _ in range(9):
        for made in (SOME, OTHERS, {"a": 1, "b": 2, "cd": 3}, {"": 1, "b": 2, "cde": 3}):
            assert read(cell(made)) == made
            assert list(read(cell(made))) == sorted(made)


def test_many_keys_and_sizes() -> None:
    read = reader()
    for _ in range(3):
        for number in range(200):
            made = {f"{number}{'x' * (number % 50)}": number, "y": -number}
            assert read(cell(made)) == made
            assert read(cell({f"k{at}": at for at in range(number)})) == {
                f"k{at}": at for at in range(number)
            }


def test_keys_that_come_twice() -> None:
    # No server sends that; the last value counts, as of all maps.
    twice = bytes.fromhex("00000002" + "00000001610000000400000001" + "00000001610000000400000002")
    read = reader(key=ASCII)
    for _ in range(9):
        assert read(twice) == {"a": 2}


@pytest.mark.parametrize("place", [3, 7, 12, 20])
def test_what_is_wrong_is_told_as_before(place: int) -> None:
    good = cell({"a": 1, "b": 2})
    bad = bytearray(good)
    bad[place] ^= 0x40
    told = []
    for times in (0, 9):
        read = reader()
        for _ in range(times):
            read(good)
        try:
            told.append(repr(read(bytes(bad))))
        except DecodeError as error:
            told.append(str(error))
    assert told[0] == told[1]


def test_nulls_and_empty_values() -> None:
    read = reader()
    good = cell({"a": 1, "b": 2})
    null = good[:9] + b"\xff\xff\xff\xff" + good[17:]
    for _ in range(9):
        assert read(good) == {"a": 1, "b": 2}
        assert read(null) == {"a": None, "b": 2}
