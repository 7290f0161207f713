"""Readers made for one shape read what the long way reads, and refuse what it refuses."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cql_protocol import rows as rows_module
from cql_protocol.errors import DecodeError
from cql_protocol.rows import RowDecoder
from cql_protocol.types import (
    ASCII,
    BIGINT,
    BLOB,
    BOOLEAN,
    DOUBLE,
    INT,
    SMALLINT,
    TEXT,
    TIMESTAMP,
    UUID,
    ListType,
    ReadOptions,
    VectorType,
)
from cql_protocol.values import EMPTY
from tests.protocol.types.test_rows import page, pages

TYPES = [INT, TEXT, BIGINT, DOUBLE, BOOLEAN, SMALLINT, UUID, TIMESTAMP, BLOB, ASCII]
TYPES += [ListType(INT), VectorType(INT, 2), VectorType(INT, 40)]


class Row(tuple):
    """What `make` makes."""

    __slots__ = ()


make = partial(tuple.__new__, Row)


def in_python(decoder):
    """Have a decoder read by the readers that are to be tested here, compiled ones or not."""
    decoder._compiled = None
    return decoder


def decoders(types, options=None, names=None):
    """Return a decoder that goes the long way, and one that has readers of its own."""
    given_options = () if options is None else (options,)
    both = [in_python(RowDecoder(types, *given_options, names=names)) for _ in range(2)]
    both[0]._seen = -(1 << 40)
    both[1]._seen = rows_module.OFTEN
    for chosen in (None, make):
        both[1].decode(b"", 0, 0, chosen)
    assert both[0]._read is both[0]._makers is None
    assert both[1]._read is not None
    assert both[1]._makers is not None
    return both


def outcome(decoder, *args):
    try:
        return decoder.decode(*args)
    except DecodeError as error:
        return str(error)


@settings(deadline=None)
@given(pages(), st.binary(max_size=5))
def test_pages_come_back(made, before):
    types, rows = made
    body = before + page(types, rows)
    _, own = decoders(types)
    assert own.decode(body, len(before), len(rows)) == rows
    named = own.decode(body, len(before), len(rows), make)
    assert named == rows
    assert {type(row) for row in named} <= {Row}


@settings(max_examples=300, deadline=None)
@given(
    types=st.lists(st.sampled_from(TYPES), min_size=1, max_size=6),
    cells=st.lists(st.none() | st.binary(max_size=18) | st.just(b"\0\0\0\1"), max_size=24),
    more=st.binary(max_size=3),
    empty_values=st.booleans(),
    data=st.data(),
)
def test_any_bytes_are_judged_alike(types, cells, more, empty_values, data):
    body = page([BLOB] * len(cells), [cells]) + more
    body = body[: data.draw(st.integers(0, len(body)) | st.just(len(body)))]
    long, own = decoders(types, ReadOptions(empty_values=empty_values))
    for count in {len(cells) // len(types), data.draw(st.integers(-1, 9))}:
        assert outcome(own, body, 0, count) == outcome(long, body, 0, count)
        assert outcome(own, body, 0, count, make) == outcome(long, body, 0, count, make)


@pytest.mark.parametrize(
    "row",
    [
        (1, "Zoë", None, 2.5),
        (None, "Zoë", 7, 2.5),
        (1, None, 7, None),
        (None, None, None, None),
        (1, "", 7, 2.5),
    ],
)
@pytest.mark.parametrize("following", [0, 1])
def test_nulls_stand_anywhere(row, following):
    types = [INT, TEXT, BIGINT, DOUBLE]
    rows = [row, *[(2, "b", 8, 3.5)] * following]
    _, own = decoders(types)
    assert own.decode(page(types, rows), 0, len(rows)) == rows


def test_options_reach_readers_of_their_own():
    _, own = decoders([INT, BIGINT], ReadOptions(empty_values=True))
    body = b"\0\0\0\0" + b"\0\0\0\x08" + bytes(7) + b"\1"
    assert own.decode(body, 0, 1) == [(EMPTY, 1)]


def test_errors_tell_where_they_are():
    _, own = decoders([INT, TEXT], names=["a", "b"])
    body = page([INT, TEXT], [(1, "a")]) + page([INT, BLOB], [(1, b"\xff")])
    with pytest.raises(DecodeError, match=r"row 1, column 1 \(b\): text: the bytes are no utf-8"):
        own.decode(body, 0, 2)


def test_a_shape_that_is_met_often_gets_its_reader():
    decoder = in_python(RowDecoder([INT]))
    body = page([INT], [(1,)])
    for _ in range(rows_module.OFTEN):
        assert decoder.decode(body, 0, 1) == [(1,)]
    assert decoder._read is not None
    assert decoder.decode(body, 0, 1) == [(1,)]


def test_very_wide_rows_stay_with_the_long_way():
    decoder = in_python(RowDecoder([INT] * 1000))
    body = page([INT] * 1000, [range(1000)] * 300)
    for _ in range(2):
        assert decoder.decode(body, 0, 300) == [tuple(range(1000))] * 300
    assert decoder._read is None


@pytest.mark.parametrize("width", [1, 2, 40])
def test_rows_as_dicts(width):
    rows = [tuple(range(width)), tuple(range(7, width + 7))]
    body = page([INT] * width, rows)
    distinct = [f"column {at}" for at in range(width)]
    for names in (distinct, ["same"] * width, distinct[:-1], [*distinct, "more"], []):
        wanted = [dict(zip(names, row, strict=False)) for row in rows]
        for decoder in decoders([INT] * width):
            assert decoder.decode_dicts(body, 0, 2, names) == wanted
