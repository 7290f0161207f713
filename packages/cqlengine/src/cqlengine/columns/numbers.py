"""Columns of booleans and numbers, and of counters."""

from __future__ import annotations

from operator import index

from cqlengine.columns.managers import BaseValueManager, CounterValueManager
from cqlengine.columns.scalars import ScalarColumn, shown
from cqlengine.statements.updates import increment

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal as _Decimal
    from typing import Any

    from cqlengine.statements.updates import Update

__all__ = [
    "BaseFloat",
    "BigInt",
    "Boolean",
    "Counter",
    "Decimal",
    "Double",
    "Float",
    "Integer",
    "SmallInt",
    "TinyInt",
    "VarInt",
]


class Boolean(ScalarColumn[bool]):
    """``boolean``. Any object's truth is taken, except that of text: ``"False"`` would be true."""

    db_type = "boolean"
    _plain_type = bool

    def cast(self, value: Any) -> bool:
        """Return a bool."""
        if type(value) is bool:
            return value
        if isinstance(value, (str, bytes, bytearray)):
            raise self.refusal(f"{shown(value)} is no bool: give True or False")
        return bool(value)


class VarInt(ScalarColumn[int]):
    """``varint``: an int of any size. Accepts what is a whole number, and the text of one."""

    db_type = "varint"
    _plain_type = int

    def cast(self, value: Any) -> int:
        """Return an int."""
        if type(value) is int:
            return value
        try:
            return index(value)
        except TypeError:
            pass  # a float, a Decimal or a text
        try:
            made = int(value)
        except (TypeError, ValueError, OverflowError):
            raise self.refusal(f"{shown(value)} is no whole number") from None
        if not isinstance(value, (str, bytes, bytearray)) and made != value:
            raise self.refusal(f"{shown(value)} has a fraction: round it first")
        return made


class Integer(VarInt):
    """``int``: a number of 32 bits, -2147483648 to 2147483647.

    Accepts what is a whole number, and the text of one. Raises `ValidationError` for numbers
    out of the range and for those with a fraction.
    """

    db_type = "int"
    plain_limits = (-(1 << 31), (1 << 31) - 1)
    _plain_type = int

    def cast(self, value: Any) -> int:
        """Return an int that fits the type."""
        if type(value) is not int:
            value = super().cast(value)
        least, greatest = self.plain_limits
        if least <= value <= greatest:
            return value  # type: ignore[no-any-return] # an int by now
        raise self.refusal(
            f"{shown(value)} is out of the range of {self.db_type}, {least} to {greatest}"
        )


class TinyInt(Integer):
    """``tinyint``: a number of 8 bits, -128 to 127."""

    db_type = "tinyint"
    plain_limits = (-(1 << 7), (1 << 7) - 1)


class SmallInt(Integer):
    """``smallint``: a number of 16 bits, -32768 to 32767."""

    db_type = "smallint"
    plain_limits = (-(1 << 15), (1 << 15) - 1)


class BigInt(Integer):
    """``bigint``: a number of 64 bits."""

    db_type = "bigint"
    plain_limits = (-(1 << 63), (1 << 63) - 1)


class Counter(Integer):
    """``counter``: a number of 64 bits that is only ever added to.

    Saving an instance adds the difference to what was read; ``Model.filter(...).update(n=5)``
    adds 5. A counter that was never added to is 0, and None counts as 0.
    Tables of counters have no other columns but those of the key.
    """

    db_type = "counter"
    is_counter = True
    value_manager: type[BaseValueManager] = CounterValueManager
    plain_limits = (-(1 << 63), (1 << 63) - 1)

    def __init__(
        self, index: bool = False, db_field: str | None = None, required: bool = False
    ) -> None:
        super().__init__(index=index, db_field=db_field, default=0, required=required)

    def validate(self, value: Any) -> int:
        """Return the number, 0 for None."""
        return 0 if value is None else self.cast(value)

    @property
    def loads(self) -> Any:
        """What makes 0 of null."""
        return _or_zero

    def changed(self, value: Any, previous: Any) -> bool:
        """Say whether the number differs."""
        return (value or 0) != (previous or 0)

    def assignments(self, value: Any, previous: Any) -> Sequence[Update]:
        """Return the addition of the difference, be it 0: that makes the row if there is none."""
        return (increment(self.quoted, self.validate(value) - (previous or 0)),)

    def missing(self, instance: object) -> int:
        """Return 0."""
        return 0


def _or_zero(value: int | None) -> int:
    return value or 0


class BaseFloat(ScalarColumn[float]):
    """What `Float` and `Double` share. Accepts numbers, and the text of one."""

    _plain_type = float

    @property
    def stored(self) -> Callable[[float], float]:
        """What makes all NaNs one, which are not equal otherwise."""
        return lambda value: value if value == value else _NAN

    def cast(self, value: Any) -> float:
        """Return a float."""
        if type(value) is float:
            return value
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise self.refusal(f"{shown(value)} is no number, or too large for one") from None


# Above it rounding to the nearest gives infinity (IEEE 754 section 4.3.1); it is itself the
# number before the one half way to 2 ** 128.
_FLOAT_LIMIT = float.fromhex("0x1.fffffefffffffp127")
_INFINITY = float("inf")
_NAN = float("nan")


class Float(BaseFloat):
    """``float``: a number of single precision, so that 0.1 is read as 0.10000000149011612."""

    db_type = "float"
    plain_limits = (-_FLOAT_LIMIT, _FLOAT_LIMIT)
    _plain_type = float

    def cast(self, value: Any) -> float:
        """Return a float that single precision has room for."""
        made = super().cast(value)
        if _FLOAT_LIMIT < abs(made) < _INFINITY:
            raise self.refusal(f"{shown(value)} is out of the range of float: take a Double")
        return made

    @property
    def stored(self) -> Callable[[float], float]:
        """What rounds to single precision."""
        from struct import Struct

        single = Struct("f")
        pack, unpack = single.pack, single.unpack

        def rounded(value: float) -> float:
            made: float = unpack(pack(value))[0]
            return made if made == made else _NAN

        return rounded


class Double(BaseFloat):
    """``double``: a number of double precision, as Python's floats are."""

    db_type = "double"


class Decimal(ScalarColumn["_Decimal"]):
    """``decimal``. Accepts numbers and the text of one; a float is what its repr shows."""

    db_type = "decimal"

    def cast(self, value: Any) -> _Decimal:
        """Return a `decimal.Decimal`."""
        if not _decimals:
            _load_decimals()
        kind, error = _decimals
        if isinstance(value, kind):
            return value  # type: ignore[no-any-return] # a Decimal
        try:
            made: _Decimal = kind(repr(float(value)) if isinstance(value, float) else value)
        except (error, TypeError, ValueError):
            raise self.refusal(f"{shown(value)} is no decimal number") from None
        return made


_decimals: tuple[Any, ...] = ()
"""`Decimal` and its error, once there is a value: a program without decimals need not load it."""


def _load_decimals() -> None:
    global _decimals
    from decimal import Decimal, InvalidOperation

    _decimals = (Decimal, InvalidOperation)
