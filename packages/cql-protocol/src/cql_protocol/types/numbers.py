"""Integers, floating-point numbers, decimals and booleans."""

from __future__ import annotations

from functools import cache
from math import inf, isinf
from operator import index
from struct import Struct
from struct import error as StructError

from cql_protocol.errors import DecodeError, ValueOutOfRange
from cql_protocol.types.base import SimpleType, bad_size, put, show

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.types.base import Reader, ReadOptions

__all__ = [
    "BIGINT",
    "BOOLEAN",
    "COUNTER",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "SMALLINT",
    "TINYINT",
    "VARINT",
    "decode_varint",
    "encode_varint",
]


class _PackedType(SimpleType):
    """A number that the module `struct` packs and unpacks."""

    __slots__ = ("_pack", "_unpack")

    _expected = "an int"
    _pack: Any
    _unpack: Any

    def __init__(
        self, code: int, name: str, class_name: str, struct_code: str, fixed_size: int | None = None
    ) -> None:
        super().__init__(code, name, class_name, fixed_size, struct_code)
        packer = Struct(">" + struct_code)
        put(self, "_pack", packer.pack)
        put(self, "_unpack", packer.unpack)

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a number."""
        try:
            packed: bytes = self._pack(value)
        except (StructError, OverflowError, ValueError):
            return self._encode_other(value, self._expected)
        return packed

    def _make_reader(self, options: ReadOptions) -> Reader:
        unpack, name, empty = self._unpack, self.name, options.empty
        size = Struct(">" + self.struct_code).size

        def read(cell: bytes) -> Any:
            try:
                return unpack(cell)[0]
            except StructError:
                if not cell:
                    return empty
                bad_size(name, cell, str(size))

        return read


class _IntType(_PackedType):
    __slots__ = ()

    def _encode_other(self, value: Any, expected: str) -> bytes:
        try:
            index(value)
        except TypeError:
            return super()._encode_other(value, expected)
        top = 1 << 8 * Struct(">" + self.struct_code).size - 1
        raise ValueOutOfRange(f"{self.name}: {_number(value)} is out of range {-top}..{top - 1}")


class _FloatType(_PackedType):
    __slots__ = ()

    _expected = "a float"

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a number; numbers that would become infinite are refused."""
        try:
            packed: bytes = self._pack(value)
        except (StructError, OverflowError, ValueError):
            return self._encode_other(value, self._expected)
        # Numbers such as a Decimal turn into an infinite float without an error.
        if type(value) is not float and isinf(self._unpack(packed)[0]) and abs(value) != inf:
            return self._encode_other(value, self._expected)
        return packed

    def _encode_other(self, value: Any, expected: str) -> bytes:
        # Text has no __float__, so that '1.5' is no number here.
        if hasattr(value, "__float__") or hasattr(value, "__index__"):
            try:
                float(value)
            except TypeError:  # an array of several numbers
                return super()._encode_other(value, expected)
            except (OverflowError, ValueError):
                pass
            raise ValueOutOfRange(f"{self.name}: {_number(value)} is out of range")
        return super()._encode_other(value, expected)


class _BooleanType(_PackedType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return the byte of a bool, of 0 or 1, or of numpy's bool."""
        if value is True:
            return b"\x01"
        if value is False:
            return b"\x00"
        kind = type(value)
        if kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_"):
            return b"\x01" if value else b"\x00"
        try:
            number = index(value)
        except TypeError:
            return self._encode_other(value, "a bool")
        if number not in (0, 1):
            raise ValueOutOfRange(f"{self.name}: {_number(value)} is neither 0 nor 1")
        return b"\x01" if number else b"\x00"


class _VarintType(SimpleType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return the shortest two's complement form of an int (spec section 6.24)."""
        try:
            number = index(value)
        except TypeError:
            return self._encode_other(value, "an int")
        return encode_varint(number)

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, from_bytes = options.empty, int.from_bytes

        def read(cell: bytes) -> Any:
            return from_bytes(cell, "big", signed=True) if cell else empty

        return read


def encode_varint(number: int) -> bytes:
    """Return the shortest two's complement form of an int; zero is one byte."""
    # The sign takes a bit of its own; the bits of -128 are those of 127 turned over.
    bits = number.bit_length() if number >= 0 else (~number).bit_length()
    return number.to_bytes(bits // 8 + 1, "big", signed=True)


def decode_varint(data: bytes) -> int:
    """Return the int of a two's complement form of any length."""
    return int.from_bytes(data, "big", signed=True)


@cache
def _decimal() -> tuple[Any, Any, Any]:
    """Return what decimals are made by; many programs have none, and `decimal` is large."""
    from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, DecimalException, Inexact

    # Exact, for numbers of any size; nothing is rounded silently.
    exact = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])
    return Decimal, DecimalException, exact


# Up to here the digits go through text, which is faster; Python refuses texts of ints above
# 4,300 digits.
_TEXT_BYTES = 64


class _DecimalType(SimpleType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return scale and unscaled value of a number, exactly (spec section 6.6).

        A float is taken as the decimal its repr shows, so 0.1 is sent as 0.1.
        """
        Decimal = _decimal()[0]  # noqa: N806
        if not isinstance(value, Decimal):
            if isinstance(value, float):
                value = Decimal(float.__repr__(value))
            else:
                try:
                    value = Decimal(index(value))
                except TypeError:
                    return self._encode_other(value, "a Decimal, an int or a float")
        sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):  # 'n', 'N', 'F' stand for what is no finite number
            raise ValueOutOfRange(f"{self.name}: {show(value)} is not a finite number")
        if not -0x80000000 <= -exponent <= 0x7FFFFFFF:
            raise ValueOutOfRange(f"{self.name}: the scale of {show(value)} is out of range")
        unscaled = int(Decimal((sign, digits, 0)))
        return (-exponent).to_bytes(4, "big", signed=True) + encode_varint(unscaled)

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, name, from_bytes = options.empty, self.name, int.from_bytes
        Decimal, DecimalException, exact = _decimal()  # noqa: N806

        def read(cell: bytes) -> Any:
            size = len(cell)
            if size < 5:
                return bad_size(name, cell, "5 or more") if cell else empty
            scale = from_bytes(cell[:4], "big", signed=True)
            unscaled = from_bytes(cell[4:], "big", signed=True)
            try:
                if size <= _TEXT_BYTES:
                    return Decimal(f"{unscaled}E{-scale}")
                return Decimal(unscaled).scaleb(-scale, exact)
            except DecimalException:  # a Python of 32 bits has shorter exponents
                raise DecodeError(f"{name}: a scale of {scale} is out of range") from None

        return read


def _number(value: Any) -> str:
    """Return a number for an error text; ints above 4,300 digits have no repr."""
    if isinstance(value, int) and value.bit_length() > 300:
        return f"a number of {value.bit_length()} bits"
    return show(value)


BIGINT = _IntType(0x02, "bigint", "LongType", "q", 8)
BOOLEAN = _BooleanType(0x04, "boolean", "BooleanType", "?", 1)
# Of variable size to the server, although it is a bigint.
COUNTER = _IntType(0x05, "counter", "CounterColumnType", "q")
DECIMAL = _DecimalType(0x06, "decimal", "DecimalType")
DOUBLE = _FloatType(0x07, "double", "DoubleType", "d", 8)
FLOAT = _FloatType(0x08, "float", "FloatType", "f", 4)
INT = _IntType(0x09, "int", "Int32Type", "i", 4)
VARINT = _VarintType(0x0E, "varint", "IntegerType")
SMALLINT = _IntType(0x13, "smallint", "ShortType", "h")
TINYINT = _IntType(0x14, "tinyint", "ByteType", "b")
