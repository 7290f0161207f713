"""The simple CQL types: their edges, and random values of them."""

from __future__ import annotations

import datetime
import struct
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from random import Random
from uuid import UUID

from cql_protocol.values import Date, Duration, Time, Timestamp
from tests.integration import expected
from tests.integration.kinds import Kind

EPOCH = datetime.datetime(1970, 1, 1)
NS_PER_DAY = 86_400_000_000_000


def _integer(cql: str, bits: int) -> Kind:
    top = 1 << bits - 1
    near = [0, 1, -1, 2, -2, 127, -128, 100, top - 1, -top, top - 2, 1 - top, top // 2, -top // 2]
    edges = [number for number in dict.fromkeys(near) if -top <= number < top]

    def make(rng: Random) -> int:
        return rng.randrange(-top, top) >> rng.randrange(bits)

    # The server has no empty smallint and tinyint.
    takes_empty = bits > 16
    return Kind(cql, edges, make, expected.integer, takes_empty=takes_empty)


def _varint(rng: Random) -> int:
    return rng.randrange(-(1 << 1100), 1 << 1100) >> rng.randrange(1100)


_VARINTS = [
    *(sign * (1 << bits) + more for bits in (7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 999, 1000)
      for sign in (1, -1) for more in (-1, 0, 1)),
    0, 1, -1, 10**100, -(10**100), 3**700,
]  # fmt: skip


def _decimal(rng: Random) -> Decimal:
    unscaled = rng.randrange(-(10**60), 10**60) // 10 ** rng.randrange(60)
    return Decimal(f"{unscaled}E{rng.randrange(-70, 70)}")


_DECIMALS = [
    Decimal(text)
    for text in (
        "0", "0.0", "0.00", "0E+3", "1", "-1", "1.0", "1.00", "0.1", "-0.1", "100", "1E+2", "1E-2",
        "123.456", "-123.456", "1E+100", "-1E+100", "1E-100", "9" * 100, "-" + "9" * 100,
        "0." + "9" * 100, "1" * 50 + "." + "2" * 50, "1E+2147483647", "1E-2147483647",
        "7E+2147483648",
        "12E-400", "127", "128", "-128", "-129", "2.55", "2.56", "3.141592653589793238462643383279",
    )
]  # fmt: skip


def _text(rng: Random) -> str:
    planes = ((32, 0x7F), (0, 0x250), (0x370, 0xD800), (0xE000, 0x10000), (0x10000, 0x110000))
    return "".join(chr(rng.randrange(*rng.choice(planes))) for _ in range(rng.randrange(60)))


_TEXTS = [
    "", " ", "a", "it's", "''", '"', "\\", "\\n", "\n", "\r\n\t", "\0", "a\0b", "%s", "$$", "--",
    "/*",
    "é", "ß", "\u0301", "日本語", "😀", "👨‍👩‍👧‍👦", "\U0010ffff", "\ufeff", "\ufffd",
    "\u2028\u2029",
    "\x7f\x80",
    "\u200f עברית", "x" * 255, "x" * 256, "x" * 65_535, "x" * 65_536, "ü" * 40_000, "null", "NULL",
    "true", "0",
]  # fmt: skip


def _ascii(rng: Random) -> str:
    return "".join(chr(rng.randrange(128)) for _ in range(rng.randrange(60)))


def _blob(rng: Random) -> bytes:
    return rng.randbytes(rng.randrange(100))


_BLOBS = [
    b"", b"\0", b"\xff", b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe", bytes(range(256)), b"\0" * 1000,
    b"x" * 65_535, b"x" * 65_536, bytes(200_000), b"\x80abc", b"\xc3\x28", b"'", b"0x00",
]  # fmt: skip

_DOUBLES = [
    0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 1 / 3, 5e-324, -5e-324, 2.2250738585072014e-308,
    2.225073858507201e-308,
    1.7976931348623157e308, -1.7976931348623157e308, float("nan"), float("inf"), float("-inf"),
    2.0**53, 2.0**53 - 1, 1e15, 1e16, 1e17, 1e22, 1e23, 123456.789, 1e-5, 1e-4, 2.0**63,
    9007199254740993.0,
]  # fmt: skip
_TAME_DOUBLES = [number for number in _DOUBLES if str(number) != "-0.0"]


def _double(rng: Random) -> float:
    if rng.random() < 0.5:
        return rng.uniform(-1000, 1000)
    found: float = struct.unpack(">d", rng.randbytes(8))[0]
    return found if found == found else 0.5


def _rounded(number: float) -> float:
    try:
        found: float = struct.unpack(">f", struct.pack(">f", number))[0]
    except OverflowError:
        return _MAX_FLOAT
    return found


_MAX_FLOAT: float = struct.unpack(">f", b"\x7f\x7f\xff\xff")[0]
_FLOATS = [
    0.0, -0.0, 1.0, -1.0, _rounded(0.1), _rounded(1 / 3), _MAX_FLOAT, -_MAX_FLOAT, float("nan"),
    float("inf"), float("-inf"), _rounded(1.4e-45), _rounded(-1.4e-45), _rounded(1.17549435e-38),
    _rounded(1.1754942e-38), 16777216.0, 16777215.0, _rounded(3.14159274), _rounded(1e10),
    _rounded(1e-10),
]  # fmt: skip
_TAME_FLOATS = [number for number in _FLOATS if str(number) != "-0.0"]


def _float(rng: Random) -> float:
    if rng.random() < 0.5:
        return _rounded(rng.uniform(-1000, 1000))
    found: float = struct.unpack(">f", rng.randbytes(4))[0]
    return found if found == found else 0.5


def _uuid(rng: Random) -> UUID:
    return UUID(bytes=rng.randbytes(16))


_UUIDS = [UUID(int=0), UUID(int=(1 << 128) - 1), UUID(int=1), UUID(int=1 << 127)] + [
    UUID(f"01234567-89ab-{version:x}def-8123-456789abcdef") for version in range(16)
]


def _timeuuid(rng: Random) -> UUID:
    number = rng.getrandbits(128)
    return UUID(int=number & ~(0xF << 76) | 1 << 76)


_TIMEUUIDS = [
    UUID("00000000-0000-1000-8080-808080808080"), UUID("ffffffff-ffff-1fff-bf7f-7f7f7f7f7f7f"),
    UUID("00000000-0000-1000-0000-000000000000"), UUID("ffffffff-ffff-1fff-ffff-ffffffffffff"),
    UUID("13814000-1dd2-11b2-8080-808080808080"), UUID("c232ab00-9414-11ec-b3c8-9f6bdeced846"),
]  # fmt: skip

_IPV4 = ("0.0.0.0", "127.0.0.1", "255.255.255.255", "10.0.0.1", "1.2.3.4", "224.0.0.1")
_IPV6 = (
    "::", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::1", "fe80::1", "ff02::1",
    "::1.2.3.4",
    "64:ff9b::1.2.3.4", "1:0:0:2::3", "1::2:0:0:3", "abcd:ef01:2345:6789:abcd:ef01:2345:6789",
    "::fffe:1.2.3.4",
)  # fmt: skip
_ADDRESSES = [*map(IPv4Address, _IPV4), *map(IPv6Address, _IPV6)]


def _inet(rng: Random) -> IPv4Address | IPv6Address:
    if rng.random() < 0.5:
        return IPv4Address(rng.getrandbits(32))
    return IPv6Address(rng.getrandbits(128) >> rng.choice((0, 16, 64)))


_DAYS = [
    0, 1, -1, 59, 60, 365, 789, -(1 << 31), (1 << 31) - 1, 1 - (1 << 31), (1 << 31) - 2, 10957,
    11016, 11017,
    -719162, -719163, -719164, -719528, -719529, 2932896, 2932897, -141428, -141427, -141438,
    -25567, 36525,
]  # fmt: skip


def _date(rng: Random) -> Date:
    return Date(rng.randrange(-(1 << 31), 1 << 31) >> rng.randrange(31))


_TIMES = [
    0, 1, 999, 1000, 999_999, 10**6, 10**9 - 1, 10**9, 60 * 10**9, 3600 * 10**9, NS_PER_DAY - 1,
    NS_PER_DAY // 2, NS_PER_DAY // 2 - 1, 3723 * 10**9 + 4_005_006, 86_399 * 10**9, 120_000_000,
]  # fmt: skip


def _time(rng: Random) -> Time:
    return Time(rng.randrange(NS_PER_DAY) // 10 ** rng.randrange(12))


def _moment(milliseconds: int) -> datetime.datetime | Timestamp:
    try:
        return EPOCH + datetime.timedelta(milliseconds=milliseconds)
    except OverflowError:
        return Timestamp(milliseconds)


_MOMENTS = [
    _moment(milliseconds)
    for milliseconds in (
        0, 1, -1, 999, 1000, -999, -1000, 86_399_999, 86_400_000, -86_400_000, 1_700_000_000_123,
        (1 << 63) - 1,
        -(1 << 63), -(1 << 63) + 1, (1 << 63) - 2, 253_402_300_799_999, 253_402_300_800_000,
        -62_135_596_800_000, -62_135_596_800_001, -62_167_219_200_000, -62_167_219_200_001,
        -12_219_292_800_000, -12_219_292_800_001, (1 << 31) * 1000, -(1 << 31) * 1000, 1 << 53,
        -(1 << 53),
        951_782_400_000, 951_868_799_999, 4_107_542_400_000, 8_640_000_000_000_000,
        -8_640_000_000_000_000,
    )
]  # fmt: skip


def _timestamp(rng: Random) -> datetime.datetime | Timestamp:
    return _moment(rng.randrange(-(1 << 63), 1 << 63) >> rng.randrange(63))


_HIGH = (1 << 31) - 1
_LONGEST = (1 << 63) - 1
_DURATIONS = [
    Duration(months, days, nanoseconds)
    for months, days, nanoseconds in (
        (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0), (0, -1, 0), (0, 0, -1), (1, 2, 3),
        (-1, -2, -3),
        (12, 0, 0), (11, 0, 0), (13, 7, 3600 * 10**9), (-13, -7, -3600 * 10**9),
        (_HIGH, _HIGH, _LONGEST),
        (-_HIGH, -_HIGH, -_LONGEST), (0, 0, _LONGEST), (0, 0, -_LONGEST), (_HIGH, 0, 0),
        (0, _HIGH, 0),
        (0, 0, 999), (0, 0, 1000), (0, 0, 10**6), (0, 0, 10**9), (0, 0, 60 * 10**9),
        (0, 0, NS_PER_DAY),
        (63, 64, 65), (-64, -65, -63), (8191, 8192, 8193), (0, 31, 86_399_999_999_999), (1, 0, 1),
        (-1, 0, -1),
    )
]  # fmt: skip


def _duration(rng: Random) -> Duration:
    sign = rng.choice((1, -1))
    months, days = rng.getrandbits(rng.randrange(32)), rng.getrandbits(rng.randrange(32))
    return Duration(sign * months, sign * days, sign * rng.getrandbits(rng.randrange(64)))


ASCII = Kind(
    "ascii",
    [text for text in _TEXTS if text.isascii()],
    _ascii,
    expected.text,
    tame=["", "a", "it's", "\0"],
)
TEXT = Kind("text", _TEXTS, _text, expected.text, tame=[*_TEXTS[:24], "😀", "\U0010ffff"])
VARCHAR = Kind("varchar", _TEXTS, _text, expected.text, tame=TEXT.tame)
BLOB = Kind("blob", _BLOBS, _blob, expected.blob, tame=_BLOBS[:6])
BOOLEAN = Kind(
    "boolean", [True, False], lambda rng: rng.random() < 0.5, expected.integer, takes_empty=True
)
TINYINT, SMALLINT = _integer("tinyint", 8), _integer("smallint", 16)
INT, BIGINT = _integer("int", 32), _integer("bigint", 64)
VARINT = Kind("varint", _VARINTS, _varint, expected.integer, tame=_VARINTS[:30], takes_empty=True)
DECIMAL = Kind(
    "decimal",
    _DECIMALS,
    _decimal,
    expected.decimal,
    tame=[Decimal("1.0"), Decimal("-3E+9")],
    takes_empty=True,
)
DOUBLE = Kind("double", _DOUBLES, _double, expected.double, tame=_TAME_DOUBLES, takes_empty=True)
FLOAT = Kind("float", _FLOATS, _float, expected.single, tame=_TAME_FLOATS, takes_empty=True)
UUID_ = Kind("uuid", _UUIDS, _uuid, expected.uuid, takes_empty=True)
TIMEUUID = Kind("timeuuid", _TIMEUUIDS, _timeuuid, expected.uuid, takes_empty=True)
INET = Kind("inet", _ADDRESSES, _inet, expected.inet, takes_empty=True)
DATE = Kind("date", list(map(Date, _DAYS)), _date, expected.date)
TIME = Kind("time", list(map(Time, _TIMES)), _time, expected.time)
TIMESTAMP = Kind("timestamp", _MOMENTS, _timestamp, expected.timestamp, takes_empty=True)
DURATION = Kind("duration", _DURATIONS, _duration, expected.duration)

SCALARS = (
    ASCII, TEXT, VARCHAR, BLOB, BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, VARINT, DECIMAL, DOUBLE,
    FLOAT, UUID_,
    TIMEUUID, INET, DATE, TIME, TIMESTAMP, DURATION,
)  # fmt: skip
