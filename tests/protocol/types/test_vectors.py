"""Bytes and values that belong together: from the specification and from Cassandra 5.0.8."""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from decimal import Decimal

import pytest

from cql_protocol.types import (
    ASCII,
    BIGINT,
    BLOB,
    BOOLEAN,
    COUNTER,
    DATE,
    DECIMAL,
    DOUBLE,
    DURATION,
    FLOAT,
    INET,
    INT,
    SMALLINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMEUUID,
    TINYINT,
    UUID,
    VARINT,
    FrozenType,
    ListType,
    MapType,
    ReversedType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.types.base import (
    pack_signed,
    pack_unsigned,
    unpack_signed,
    unpack_unsigned,
)
from cql_protocol.values import Date, Duration, Time, Timestamp

NULL = "ffffffff"
ADDRESS = UserType("ks", "addr", [("zip", INT), ("Street", TEXT)])
SOME_UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
SOME_TIMEUUID = uuid.UUID("e23f1e02-8fe5-11e4-b4a9-0800200c9a66")

VECTORS = [
    (ASCII, "az", "617a"),
    (ASCII, "", ""),
    (BIGINT, 1, "0000000000000001"),
    (BIGINT, -(1 << 63), "8000000000000000"),
    (BLOB, b"\x00\xff", "00ff"),
    (BLOB, b"", ""),
    (BOOLEAN, True, "01"),
    (BOOLEAN, False, "00"),
    (COUNTER, -1, "ffffffffffffffff"),
    (DATE, Date(0), "80000000"),
    (DATE, Date("-5877641-06-23"), "00000000"),
    (DATE, Date("5881580-07-11"), "ffffffff"),
    (DATE, Date("0000-01-01"), "7ff50558"),
    (DATE, Date("-0001-12-31"), "7ff50557"),
    (DATE, Date("+10000-01-01"), "802cc0a1"),
    (DECIMAL, Decimal("-12.345"), "00000003cfc7"),
    (DECIMAL, Decimal("1E+10"), "fffffff601"),
    (DECIMAL, Decimal("0.00"), "0000000200"),
    (DOUBLE, 1.5, "3ff8000000000000"),
    (DURATION, Duration(1, 2, 3), "020406"),
    (DURATION, Duration(-14, -1000, -123456789012345), "1b87cffce0910c1bbef1"),
    (
        DURATION,
        Duration((1 << 31) - 1, (1 << 31) - 1, (1 << 63) - 1),
        "f0fffffffef0fffffffefffffffffffffffffe",
    ),
    (
        DURATION,
        Duration(-(1 << 31), -(1 << 31), -(1 << 63)),
        "f0fffffffff0ffffffffffffffffffffffffff",
    ),
    (FLOAT, -2.0, "c0000000"),
    (INET, ipaddress.ip_address("127.0.0.1"), "7f000001"),
    (INET, ipaddress.ip_address("::1"), "00" * 15 + "01"),
    (INT, 0x01020304, "01020304"),
    (SMALLINT, -2, "fffe"),
    (TEXT, "ß€😀", "c39fe282acf09f9880"),
    (TIME, Time("12:34:56.123456789"), f"{45296123456789:016x}"),
    (TIMESTAMP, datetime.datetime(1970, 1, 1), "0000000000000000"),
    (TIMESTAMP, datetime.datetime(1969, 12, 31, 23, 59, 59, 999000), "ff" * 8),
    (TIMESTAMP, Timestamp((1 << 63) - 1), "7fffffffffffffff"),
    (TIMEUUID, SOME_TIMEUUID, "e23f1e028fe511e4b4a90800200c9a66"),
    (TINYINT, -128, "80"),
    (UUID, SOME_UUID, "00112233445566778899aabbccddeeff"),
    (VARINT, 0, "00"),
    (VARINT, 1, "01"),
    (VARINT, 127, "7f"),
    (VARINT, 128, "0080"),
    (VARINT, 129, "0081"),
    (VARINT, -1, "ff"),
    (VARINT, -128, "80"),
    (VARINT, -129, "ff7f"),
    (ListType(INT), [], "00000000"),
    (ListType(INT), [1, None], f"00000002 00000004 00000001 {NULL}"),
    (ListType(TEXT), ["a", ""], "00000002 0000000161 00000000"),
    (SetType(TEXT), {"b", "a"}, "00000002 0000000161 0000000162"),
    (
        MapType(TEXT, INT),
        {"b": 2, "a": 1},
        "00000002 0000000161 0000000400000001 0000000162 0000000400000002",
    ),
    (TupleType(INT, TEXT), (7, None), f"00000004 00000007 {NULL}"),
    (ADDRESS, (7, "x"), "0000000400000007 0000000178"),
    (VectorType(FLOAT, 2), [1.0, -2.0], "3f800000c0000000"),
    (VectorType(SMALLINT, 2), [1, -2], "02000102fffe"),
    (VectorType(TEXT, 2), ["a", "x" * 200], "016180c8" + "78" * 200),
    (VectorType(UUID, 1), [SOME_UUID], SOME_UUID.hex),
    (VectorType(VectorType(INT, 2), 2), [[1, 2], [3, 4]], "00000001 00000002 00000003 00000004"),
    (FrozenType(ListType(INT)), [], "00000000"),
    (ReversedType(INT), 5, "00000005"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cql_type", "value", "cell"), VECTORS, ids=[f"{t}-{c[:16]}" for t, _, c in VECTORS]
)
def test_bytes_and_value_belong_together(cql_type, value, cell):
    assert cql_type.encode(value) == bytes.fromhex(cell)
    back = cql_type.decode(bytes.fromhex(cell))
    assert back == value


@pytest.mark.parametrize(
    ("number", "data"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8080"),
        (200, "80c8"),
        (16383, "bfff"),
        (16384, "c04000"),
        ((1 << 56) - 1, "fe" + "ff" * 7),
        (1 << 56, "ff01" + "00" * 7),
        ((1 << 64) - 1, "ff" * 9),
    ],
)
def test_unsigned_variable_integers(number, data):
    assert pack_unsigned(number).hex() == data
    assert unpack_unsigned(bytes.fromhex(data), 0) == (number, len(data) // 2)


@pytest.mark.parametrize("number", [0, -1, 1, 63, 64, -64, -65, (1 << 63) - 1, -(1 << 63)])
def test_signed_variable_integers(number):
    data = b"?" + pack_signed(number)
    assert unpack_signed(data, 1) == (number, len(data))


NAMES = [
    (ListType(FrozenType(ListType(INT))), "list<frozen<list<int>>>", 0x20, None),
    (MapType(TEXT, FrozenType(ListType(INT))), "map<text, frozen<list<int>>>", 0x21, None),
    (SetType(UUID), "set<uuid>", 0x22, None),
    (TupleType(INT, TEXT), "tuple<int, text>", 0x31, None),
    (VectorType(FLOAT, 3), "vector<float, 3>", 0, 12),
    (VectorType(TEXT, 3), "vector<text, 3>", 0, None),
    (ReversedType(INT), "int", 0x09, 4),
    (FrozenType(ADDRESS), "frozen<addr>", 0x30, None),
    (UserType("ks", "Addr", []), '"Addr"', 0x30, None),
]


@pytest.mark.parametrize(("cql_type", "name", "code", "fixed_size"), NAMES, ids=str)
def test_names_and_codes(cql_type, name, code, fixed_size):
    assert (cql_type.name, cql_type.code, cql_type.fixed_size) == (name, code, fixed_size)
    assert str(cql_type) == name


@pytest.mark.parametrize(
    ("cql_type", "class_name"),
    [
        (INT, "Int32Type"),
        (
            MapType(TEXT, FrozenType(ListType(INT))),
            "MapType(UTF8Type,FrozenType(ListType(Int32Type)))",
        ),
        (VectorType(FLOAT, 3), "VectorType(FloatType , 3)"),
        (TupleType(INT, BLOB), "TupleType(Int32Type,BytesType)"),
        (
            FrozenType(ADDRESS),
            "FrozenType(UserType(ks,61646472,7a6970:Int32Type,537472656574:UTF8Type))",
        ),
        (ReversedType(DATE), "ReversedType(SimpleDateType)"),
    ],
    ids=str,
)  # fmt: skip
def test_class_names_are_the_servers(cql_type, class_name):
    assert cql_type.class_name.replace("org.apache.cassandra.db.marshal.", "") == class_name


def test_fixed_sizes_are_those_of_the_server():
    from cql_protocol.types import SIMPLE_TYPES

    fixed = {each.name: each.fixed_size for each in SIMPLE_TYPES.values() if each.fixed_size}
    assert fixed == {
        "bigint": 8, "boolean": 1, "double": 8, "float": 4, "int": 4, "timestamp": 8,
        "timeuuid": 16, "uuid": 16,
    }  # fmt: skip


def test_tables_of_types():
    from cql_protocol.types import SIMPLE_TYPES, TYPES_BY_CLASS, TYPES_BY_NAME

    assert SIMPLE_TYPES[0x0A] is SIMPLE_TYPES[0x0D] is TYPES_BY_NAME["varchar"] is TEXT
    assert len(TYPES_BY_NAME) == 22  # 20 types, varchar, empty
    wanted = {
        "DateType": TIMESTAMP, "CounterColumnType": COUNTER, "LexicalUUIDType": UUID,
        "IntegerType": VARINT, "Int32Type": INT, "BytesType": BLOB, "SimpleDateType": DATE,
        "ShortType": SMALLINT, "ByteType": TINYINT, "InetAddressType": INET,
    }  # fmt: skip
    assert {name: TYPES_BY_CLASS[name] for name in wanted} == wanted
