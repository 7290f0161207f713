"""The notations of section 3: bounds when they are read, checks when they are written."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol import wire
from cql_protocol.errors import LocalProtocolError, RemoteProtocolError
from cql_protocol.values import UNSET
from cql_protocol.wire import Reader

READERS: dict[str, Callable[[Reader], Any]] = {
    "byte": Reader.byte,
    "short": Reader.short,
    "integer": Reader.integer,
    "long": Reader.long,
    "string": Reader.string,
    "long_string": Reader.long_string,
    "bytes_": Reader.bytes_,
    "value": Reader.value,
    "short_bytes": Reader.short_bytes,
    "uuid": Reader.uuid,
    "string_list": Reader.string_list,
    "string_map": Reader.string_map,
    "string_multimap": Reader.string_multimap,
    "bytes_map": Reader.bytes_map,
    "inetaddr": Reader.inetaddr,
    "inet": Reader.inet,
}

ID = UUID("00112233-4455-6677-8899-aabbccddeeff")

EXAMPLES: list[tuple[str, str, Any]] = [
    ("byte", "ff", 255),
    ("short", "0102", 258),
    ("short", "ffff", 65535),
    ("integer", "00000102", 258),
    ("integer", "ffffffff", -1),
    ("long", "8000000000000000", -(2**63)),
    ("string", "0000", ""),
    ("string", "0003c3a97a", "éz"),
    ("long_string", "00000000", ""),
    ("long_string", "00000002c3a9", "é"),
    ("bytes_", "00000000", b""),
    ("bytes_", "000000020102", b"\x01\x02"),
    ("bytes_", "ffffffff", None),
    ("bytes_", "80000000", None),
    ("value", "00000000", b""),
    ("value", "000000020102", b"\x01\x02"),
    ("value", "ffffffff", None),
    ("value", "fffffffe", UNSET),
    ("short_bytes", "00020102", b"\x01\x02"),
    ("uuid", ID.hex, ID),
    ("string_list", "0000", []),
    ("string_list", "000200016100016 2".replace(" ", ""), ["a", "b"]),
    ("string_map", "00010001610001 62".replace(" ", ""), {"a": "b"}),
    ("string_multimap", "000100016100020001620000", {"a": ["b", ""]}),
    ("bytes_map", "00020001610000000101000162ffffffff", {"a": b"\x01", "b": None}),
    ("inetaddr", "047f000001", "127.0.0.1"),
    ("inetaddr", "10" + "00" * 15 + "01", "::1"),
    ("inet", "047f00000100002352", ("127.0.0.1", 9042)),
]

_WRITERS = {"byte": wire.pack_byte, "short": wire.pack_short, "integer": wire.pack_int}
_WRITERS["long"] = wire.pack_long


def _write(notation: str, value: Any) -> bytes:
    if notation in _WRITERS:
        return _WRITERS[notation](value)
    if notation == "uuid":
        return bytes(value.bytes)
    writer = getattr(wire, "write_" + notation.rstrip("_"))
    return bytes(writer(*value) if notation == "inet" else writer(value))


# --- reading -----------------------------------------------------------------------------


def test_every_notation_is_tried() -> None:
    public = {name for name in vars(Reader) if name[0] != "_"} - set(Reader.__slots__)
    assert public - {"take", "count"} == READERS.keys()
    assert {notation for notation, _, _ in EXAMPLES} == READERS.keys()


@pytest.mark.parametrize(("notation", "text", "value"), EXAMPLES)
def test_a_notation_is_read_where_it_stands(notation: str, text: str, value: Any) -> None:
    raw = bytes.fromhex(text)
    reader = Reader(b"\xaa\xbb" + raw + b"\xcc", 2)
    assert READERS[notation](reader) == value
    assert reader.at == 2 + len(raw)


@pytest.mark.parametrize(("notation", "text", "value"), EXAMPLES)
def test_a_notation_that_ends_too_early(notation: str, text: str, value: Any) -> None:
    raw = bytes.fromhex(text)
    for size in range(len(raw)):
        with pytest.raises(RemoteProtocolError, match="left"):
            READERS[notation](Reader(raw[:size]))


OVERLONG = [
    ("string", "ffff61"),
    ("long_string", "7fffffff61"),
    ("bytes_", "7fffffff61"),
    ("value", "7fffffff61"),
    ("short_bytes", "ffff61"),
    ("string_list", "ffff0000"),
    ("string_map", "ffff00000000"),
    ("string_multimap", "ffff00000000"),
    ("string_multimap", "00010000ffff"),
    ("bytes_map", "ffff000000000000"),
]


@pytest.mark.parametrize(("notation", "text"), OVERLONG)
def test_a_length_beyond_the_body_is_refused_before_anything_is_made(
    notation: str, text: str
) -> None:
    raw = bytes.fromhex(text)
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError, match="left"):
            READERS[notation](Reader(raw))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000


@pytest.mark.parametrize("items", [3, 1000, 65535])
@pytest.mark.parametrize(
    ("notation", "least"),
    [("string_list", 2), ("string_map", 4), ("string_multimap", 4), ("bytes_map", 6)],
)
def test_a_count_is_checked_against_what_the_items_take_at_least(
    notation: str, least: int, items: int
) -> None:
    reader = Reader(items.to_bytes(2, "big") + bytes(items * least - 1))
    with pytest.raises(RemoteProtocolError, match=f"of {items} items at offset 0"):
        READERS[notation](reader)
    assert reader.at == 2  # nothing of the items was looked at


@pytest.mark.parametrize("size", [-1, -2, -(2**31)])
def test_a_long_string_cannot_have_a_negative_length(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match=r"\[long string\] of -"):
        Reader(wire.pack_int(size)).long_string()


@pytest.mark.parametrize("size", [-3, -100, -(2**31)])
def test_a_value_knows_two_negative_lengths_only(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"length {size}"):
        Reader(wire.pack_int(size)).value()


@pytest.mark.parametrize("size", [0, 1, 3, 5, 15, 17, 255])
def test_an_address_of_another_size(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"address of {size} bytes"):
        Reader(bytes([size]) + bytes(300)).inetaddr()


@pytest.mark.parametrize(
    ("notation", "text"),
    [("string", "0001ff"), ("string", "0003eda080"), ("long_string", "00000001c3")],
)
def test_text_that_is_not_utf_8(notation: str, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="utf-8"):
        READERS[notation](Reader(bytes.fromhex(text)))


def test_stepping_over() -> None:
    reader = Reader(b"abcdef", 1)
    assert (reader.take(3, "thing"), reader.at) == (1, 4)
    assert (reader.take(0, "thing"), reader.at) == (4, 4)
    with pytest.raises(RemoteProtocolError, match="thing of 3 bytes at offset 4"):
        reader.take(3, "thing")
    with pytest.raises(RemoteProtocolError, match="thing of -1 bytes"):
        reader.take(-1, "thing")
    assert reader.at == 4


@given(st.binary(max_size=200), st.sampled_from(sorted(READERS)))
def test_arbitrary_bytes_raise_nothing_but_protocol_errors(data: bytes, notation: str) -> None:
    reader = Reader(data)
    try:
        READERS[notation](reader)
    except RemoteProtocolError:
        pass
    assert 0 <= reader.at <= len(data)


@given(st.binary(max_size=100), st.lists(st.sampled_from(sorted(READERS)), max_size=20))
def test_a_row_of_notations_never_leaves_the_body(data: bytes, notations: list[str]) -> None:
    reader = Reader(data)
    for notation in notations:
        before = reader.at
        try:
            READERS[notation](reader)
        except RemoteProtocolError:
            break
        assert before < reader.at <= len(data)


# --- writing -----------------------------------------------------------------------------


@pytest.mark.parametrize(("notation", "text", "value"), EXAMPLES)
def test_a_notation_is_written_as_it_is_read(notation: str, text: str, value: Any) -> None:
    # Every negative length of [bytes] means null; -1 is the one that is written.
    wanted = "ffffffff" if text == "80000000" else text
    assert _write(notation, value).hex() == wanted


TEXTS = st.text(max_size=20)
ROUND_TRIPS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=300),
    "long_string": st.text(max_size=300),
    "bytes_": st.none() | st.binary(max_size=300),
    "value": st.none() | st.just(UNSET) | st.binary(max_size=300),
    "short_bytes": st.binary(max_size=300),
    "string_list": st.lists(TEXTS),
    "string_map": st.dictionaries(TEXTS, TEXTS),
    "string_multimap": st.dictionaries(TEXTS, st.lists(TEXTS)),
    "bytes_map": st.dictionaries(TEXTS, st.none() | st.binary(max_size=20)),
    "inetaddr": st.ip_addresses().map(str),
    "inet": st.tuples(st.ip_addresses().map(str), st.integers(0, 65535)),
}


@given(st.data(), st.sampled_from(sorted(ROUND_TRIPS)))
def test_what_is_written_is_read_back(data: st.DataObject, notation: str) -> None:
    value = data.draw(ROUND_TRIPS[notation])
    raw = _write(notation, value)
    reader = Reader(raw)
    assert READERS[notation](reader) == value
    assert reader.at == len(raw)


LONG = "x" * 65535
MANY = [str(number) for number in range(65536)]


def test_the_longest_that_fits() -> None:
    assert Reader(wire.write_string(LONG)).string() == LONG
    assert Reader(wire.write_short_bytes(LONG.encode())).short_bytes() == LONG.encode()
    assert len(Reader(wire.write_string_list(MANY[1:])).string_list()) == 65535


@pytest.mark.parametrize(
    ("write", "value"),
    [
        (wire.write_string, LONG + "x"),
        (wire.write_string, "é" * 32768),  # bytes count, not characters
        (wire.write_short_bytes, b"x" * 65536),
        (wire.write_string_list, MANY),
        (wire.write_string_list, ["ok", LONG + "x"]),
        (wire.write_string_map, dict.fromkeys(MANY, "")),
        (wire.write_string_map, {LONG + "x": ""}),
        (wire.write_string_map, {"": LONG + "x"}),
        (wire.write_string_multimap, dict.fromkeys(MANY, ())),
        (wire.write_string_multimap, {"key": MANY}),
        (wire.write_bytes_map, dict.fromkeys(MANY)),
        (wire.write_bytes_map, {LONG + "x": None}),
    ],
)
def test_what_does_not_fit_is_refused(write: Callable[[Any], bytes], value: Any) -> None:
    with pytest.raises(LocalProtocolError, match="exceeds the protocol's 65,535"):
        write(value)


@pytest.mark.parametrize("write", [wire.write_string, wire.write_long_string])
def test_text_that_cannot_be_encoded(write: Callable[[Any], bytes]) -> None:
    with pytest.raises(LocalProtocolError, match="not valid Unicode"):
        write("lone \ud800 surrogate")


@pytest.mark.parametrize("write", [wire.write_string, wire.write_long_string])
@pytest.mark.parametrize("value", [None, 5, b"bytes", ["text"]])
def test_text_that_is_none(write: Callable[[Any], bytes], value: Any) -> None:
    with pytest.raises(LocalProtocolError, match="must be str, not "):
        write(value)


@pytest.mark.parametrize("value", ["text", 5, 1.5, ["list"]])
def test_a_value_must_have_been_encoded(value: Any) -> None:
    with pytest.raises(LocalProtocolError, match="must be bytes, None or UNSET"):
        wire.write_value(value)


@pytest.mark.parametrize("write", [wire.write_bytes, wire.write_short_bytes])
def test_bytes_must_be_bytes(write: Callable[[Any], bytes]) -> None:
    with pytest.raises(LocalProtocolError, match="must be bytes"):
        write("text")


def test_a_list_of_texts_is_no_text() -> None:
    with pytest.raises(LocalProtocolError, match="where a list of texts must be"):
        wire.write_string_list("abc")


@pytest.mark.parametrize("port", [-1, 1 << 16, 1 << 31, "9042", None])
def test_a_port_has_16_bits(port: Any) -> None:
    with pytest.raises(LocalProtocolError, match="is not an integer of"):
        wire.write_inet("127.0.0.1", port)


@pytest.mark.parametrize(
    "address", ["", "localhost", "1.2.3", "1.2.3.4.5", "::g", "1.2.3.4:9042", 5]
)
def test_an_address_must_be_one(address: Any) -> None:
    with pytest.raises(LocalProtocolError, match="not an IP address"):
        wire.write_inetaddr(address)


@given(st.ip_addresses())
def test_addresses_read_as_people_write_them(address: Any) -> None:
    assert wire.format_address(address.packed) == str(address)
