"""Cells that need care, the errors of bad ones, and `ReadOptions`."""

from __future__ import annotations

import datetime
import pickle
import tracemalloc

import pytest

from cql_protocol import types
from cql_protocol.errors import DecodeError, RemoteProtocolError
from cql_protocol.messages import type_options
from cql_protocol.types import (
    ASCII,
    BIGINT,
    BLOB,
    BOOLEAN,
    DATE,
    DECIMAL,
    DOUBLE,
    DURATION,
    EMPTY_TYPE,
    INET,
    INT,
    TEXT,
    TIME,
    TIMESTAMP,
    TINYINT,
    UUID,
    VARINT,
    FrozenType,
    ListType,
    MapType,
    ReadOptions,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.types.uuids import uuid_maker
from cql_protocol.values import (
    EMPTY,
    OrderedMap,
    OrderedMapSerializedKey,
    SortedSet,
)

ADDRESS = UserType("ks", "addr", [("zip", INT), ("street", TEXT)])


def h(text: str) -> bytes:
    return bytes.fromhex(text)


BAD_CELLS = [
    (INT, "00", "int: a value has 4 bytes, not 1"),
    (TINYINT, "0000", "tinyint: a value has 1 bytes, not 2"),
    (DOUBLE, "00" * 9, "double: a value has 8 bytes, not 9"),
    (BOOLEAN, "0000", "boolean: a value has 1 bytes, not 2"),
    (DECIMAL, "00000000", "decimal: a value has 5 or more bytes, not 4"),
    (TEXT, "61ff", "text: the bytes are no utf-8, at 1"),
    (TEXT, "eda080", "text: the bytes are no utf-8, at 0"),
    (ASCII, "80", "ascii: the bytes are no ascii, at 0"),
    (UUID, "00", "uuid: a value has 16 bytes, not 1"),
    (INET, "000000", "inet: a value has 4 or 16 bytes, not 3"),
    (TIMESTAMP, "00", "timestamp: a value has 8 bytes, not 1"),
    (DATE, "00", "date: a value has 4 bytes, not 1"),
    (TIME, "00", "time: a value has 8 bytes, not 1"),
    (TIME, "ff" * 8, "time: -1 nanoseconds are no time of a day"),
    (DURATION, "02", "duration: the value ends early"),
    (DURATION, "0204ff", "duration: the value ends early"),
    (DURATION, "02040600", "duration: 1 bytes follow the value"),
    (DURATION, "020306",
     "duration: months, days and nanoseconds of a duration must have one sign, not (1, -2, 3)"),
    (DURATION, "ff" * 9 + "0000",
     "duration: months of a duration must be -2147483648 to 2147483647"),
    (EMPTY_TYPE, "00", "empty: a value has no bytes, not 1"),
    (ListType(INT), "0000", "list<int>: the value ends early"),
    (ListType(INT), "7fffffff", "list<int>: 2147483647 elements do not fit 4 bytes"),
    (ListType(INT), "ffffffff", "list<int>: -1 elements do not fit 4 bytes"),
    (ListType(INT), "00000001 00000004 0000", "int: a value has 4 bytes, not 2"),
    (ListType(TEXT), "00000001 7fffffff 61", "list<text>: the value ends early"),
    (ListType(INT), "00000001 00000004 00000001 00", "list<int>: 1 bytes follow the last element"),
    (ListType(INT), "00000002 00000004 00000001", "list<int>: the value ends early"),
    (MapType(INT, INT), "7fffffff", "map<int, int>: 2147483647 entries do not fit 4 bytes"),
    (MapType(TEXT, TEXT), "00000001 00000001 61 00000005 61",
     "map<text, text>: the value ends early"),
    (MapType(TEXT, TEXT), "00000000 00", "map<text, text>: 1 bytes follow the last element"),
    (TupleType(INT, INT), "000000", "tuple<int, int>: the value ends early"),
    (TupleType(TEXT), "7fffffff 61", "tuple<text>: the value ends early"),
    (ADDRESS, "ffffffff ffffffff 7fffffff", "udt ks.addr: the value ends early"),
    (VectorType(INT, 2), "00000001", "vector<int, 2>: a value has 8 bytes, not 4"),
    (VectorType(UUID, 2), "00", "vector<uuid, 2>: a value has 32 bytes, not 1"),
    (VectorType(TEXT, 2), "0161", "vector<text, 2>: the value ends early"),
    (VectorType(TEXT, 1), "05 61", "vector<text, 1>: the value ends early"),
    (VectorType(TEXT, 1), "0161 00", "vector<text, 1>: 1 bytes follow the last element"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cql_type", "cell", "text"), BAD_CELLS, ids=[f"{n}-{c[0]}" for n, c in enumerate(BAD_CELLS)]
)
def test_cells_that_do_not_fit_their_type(cql_type, cell, text):
    with pytest.raises(DecodeError) as caught:
        cql_type.decode(h(cell))
    assert str(caught.value) == text
    assert isinstance(caught.value, RemoteProtocolError)


@pytest.mark.parametrize(
    "cql_type",
    [
        ListType(INT), ListType(BIGINT), SetType(TEXT), MapType(INT, INT),
        VectorType(TEXT, 1 << 20),
        ListType(FrozenType(ListType(INT))), TupleType(*[ListType(INT)] * 10),
    ],
    ids=str,
)  # fmt: skip
def test_forged_counts_allocate_nothing(cql_type):
    read = cql_type.reader()
    tracemalloc.start()
    try:
        for count in ("7fffffff", "00ffffff"):
            with pytest.raises(DecodeError):
                read(h(count) * 4)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000


NO_VALUE_OF_ZERO_BYTES = (
    INT, DOUBLE, BOOLEAN, DECIMAL, VARINT, UUID, INET, TIMESTAMP, DATE, TIME, DURATION, EMPTY_TYPE,
    ListType(INT), ListType(TEXT), SetType(INT), MapType(INT, INT), TupleType(INT), ADDRESS,
    VectorType(INT, 2), VectorType(TEXT, 2), VectorType(UUID, 2),
)  # fmt: skip


@pytest.mark.parametrize("cql_type", NO_VALUE_OF_ZERO_BYTES, ids=str)
def test_zero_bytes_are_none_or_empty(cql_type):
    assert cql_type.decode(b"") is None
    assert cql_type.decode(b"", ReadOptions(empty_values=True)) is EMPTY


def test_zero_bytes_are_values_of_texts_and_blobs():
    options = ReadOptions(empty_values=True)
    assert (TEXT.decode(b"", options), ASCII.decode(b""), BLOB.decode(b"")) == ("", "", b"")


def test_zero_bytes_within_a_collection():
    cell = h("00000001 00000000")
    assert ListType(INT).decode(cell) == [None]
    assert ListType(INT).decode(cell, ReadOptions(empty_values=True)) == [EMPTY]


def test_booleans_are_true_for_any_byte_but_zero():
    assert BOOLEAN.decode(b"\x05") is True
    assert ListType(BOOLEAN).decode(h("00000002 00000001 05 00000001 00")) == [True, False]


def test_nulls_within_collections():
    assert ListType(INT).decode(h("00000002 ffffffff 00000004 00000001")) == [None, 1]
    assert SetType(INT).decode(h("00000001 ffffffff")) == {None}
    assert MapType(TEXT, INT).decode(h("00000001 00000001 61 ffffffff")) == {"a": None}
    assert MapType(TEXT, INT).decode(h("00000001 ffffffff 00000004 00000001")) == {None: 1}


def test_a_value_may_have_fewer_fields_than_its_type():
    assert ADDRESS.decode(h("00000004 00000007")) == (7, None)
    assert TupleType(INT, INT, INT).decode(h("00000004 00000007")) == (7, None, None)


def test_fields_added_to_a_type_are_skipped():
    assert ADDRESS.decode(h("00000004 00000007 ffffffff 00000001 61 ffffffff")) == (7, None)


def test_sets_and_maps_of_what_has_no_hash():
    sets, maps = SetType(ListType(INT)), MapType(ListType(INT), TEXT)
    read = sets.decode(sets.encode([[2], [1]]))
    assert isinstance(read, SortedSet)
    assert list(read) == [[1], [2]]
    found = maps.decode(maps.encode(OrderedMap([([1, 2], "a")])))
    assert isinstance(found, OrderedMapSerializedKey)
    assert found[[1, 2]] == found[(1, 2)] == "a"
    assert [3] not in found
    assert "not a key" not in found


def test_keys_of_sets_are_found_whatever_their_order():
    numbers = [1, 70_000, 8, 16, 24, 1 << 30]
    kind = MapType(FrozenType(SetType(INT)), INT)
    read = kind.decode(kind.encode(OrderedMap([(set(numbers), 5)])))
    assert read[{1 << 30, 24, 16, 8, 70_000, 1}] == read[frozenset(numbers)] == 5


# --- options


def test_aware_datetimes():
    options = ReadOptions(aware_datetimes=True)
    read = ListType(TIMESTAMP).decode(h("00000001 00000008 00000000 00000000"), options)
    assert read == [datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)]


def test_addresses_as_text():
    assert INET.decode(h("7f000001"), ReadOptions(inet_text=True)) == "127.0.0.1"
    assert INET.decode(bytes(15) + b"\1", ReadOptions(inet_text=True)) == "::1"


def test_factories_of_sets_and_maps():
    options = ReadOptions(set_factory=frozenset, map_factory=tuple)
    kind = SetType(FrozenType(SetType(INT)))
    assert kind.decode(kind.encode([[1], [2]]), options) == {frozenset([1]), frozenset([2])}
    pairs = MapType(TEXT, INT)
    assert pairs.decode(pairs.encode({"b": 1, "a": 2}), options) == (("a", 2), ("b", 1))


class Place:
    def __init__(self, zip, street):
        self.zip, self.street = zip, street

    def __eq__(self, other):
        return isinstance(other, Place) and vars(self) == vars(other)

    __hash__ = None


def test_classes_of_user_types():
    options = ReadOptions(udt_classes={("ks", "addr"): Place})
    place = ADDRESS.decode(ADDRESS.encode((7, "x")), options)
    assert (place.zip, place.street) == (7, "x")
    assert ADDRESS.decode(ADDRESS.encode(place)) == (7, "x")
    assert ADDRESS.decode(h("00000004 00000007"), options).street is None


def test_classes_without_a_hash_in_sets_and_keys():
    options = ReadOptions(udt_classes={("ks", "addr"): Place})
    sets, maps = SetType(FrozenType(ADDRESS)), MapType(FrozenType(ADDRESS), INT)
    assert list(sets.decode(sets.encode([(1, "a")]), options)) == [Place(1, "a")]
    found = maps.decode(maps.encode({(1, "a"): 5}), options)
    assert found[Place(1, "a")] == found[(1, "a")] == 5


def test_what_a_factory_raises_is_not_hidden():
    def refuse(**fields):
        raise ValueError("mine")

    options = ReadOptions(udt_classes={("ks", "addr"): refuse})
    with pytest.raises(ValueError, match="mine"):
        ListType(ADDRESS).decode(ListType(ADDRESS).encode([(1, "a")]), options)


def test_a_reader_is_made_once_per_type_and_options():
    options = ReadOptions()
    assert ListType(INT).reader(options) is ListType(INT).reader(options)
    assert INT.reader(options) is not INT.reader(ReadOptions(empty_values=True))


def test_kept_readers_do_not_grow_without_end():
    options = ReadOptions()
    for dimension in range(1, 5000):
        VectorType(INT, dimension).reader(options)
    assert len(options.readers) <= 4096


def test_options_are_immutable_and_can_be_pickled():
    options = ReadOptions(empty_values=True, set_factory=frozenset)
    twin = pickle.loads(pickle.dumps(options))
    assert (twin.empty_values, twin.set_factory, twin.inet_text) == (True, frozenset, False)
    assert repr(options) == "ReadOptions(empty_values=True, set_factory=<class 'frozenset'>)"
    with pytest.raises(AttributeError, match="immutable"):
        options.empty_values = False


def test_uuids_made_fast_are_ordinary_uuids():
    import uuid

    data = bytes(range(16))
    made, plain = uuid_maker()(data), uuid.UUID(bytes=data)
    assert made == plain
    assert (hash(made), str(made), made.is_safe) == (hash(plain), str(plain), plain.is_safe)
    assert pickle.loads(pickle.dumps(made)) == plain


def test_the_wire_knows_every_simple_type_by_its_id() -> None:
    named = {code: getattr(types, name) for code, name in type_options._SIMPLE.items()}
    assert named == types.SIMPLE_TYPES
