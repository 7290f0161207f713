"""`Encoder`: the CQL text of parameters that the driver writes into a statement itself.

Built on `cql_protocol.literals`, whose rules hold: numbers are exact, text is always quoted,
a subclass is written as what it derives from, and what no rule knows is refused.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import GeneratorType
from uuid import UUID

from cql_driver.errors import InvalidArgumentType
from cql_protocol.errors import InvalidValueType
from cql_protocol.identifiers import quote_text
from cql_protocol.literals import LiteralEncoder, ValueSequence, scalars
from cql_protocol.values import Date, Duration, OrderedMap, SortedSet, Time, Timestamp

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Function = Callable[[Any], str]

__all__ = ["Encoder", "ValueSequence"]

_NO_TEXT = (str, bytes, bytearray, memoryview)


class Encoder:
    """Turns Python values into the CQL text that stands for them, for ``%s`` markers.

    `mapping` says by which function a class is written. It may be changed: a function put
    in for a class gets a value and returns its text, and is used for the subclasses too, also
    within collections. What it returns goes into the statement as it is: build it by methods
    of the encoder, never of the value's own text. A tuple is written as a list, as most tables
    need it; for tuples of CQL put ``encoder.mapping[tuple] = encoder.cql_encode_tuple``.

    Example::

        >>> encoder = Encoder()
        >>> encoder.cql_encode_all_types({"it's": [1, None, Decimal("2.50")]})
        "{'it''s': [1, NULL, 2.50]}"
        >>> class Celsius:
        ...     degrees = 21.5
        >>> encoder.mapping[Celsius] = lambda value: encoder.cql_encode_float(value.degrees)
        >>> encoder.cql_encode_all_types((Celsius(),))
        '[21.5]'
    """

    mapping: dict[type, Function]

    def __init__(self) -> None:
        # Scalars of C and all that is unusual are left to LiteralEncoder's own rules.
        self._plain = LiteralEncoder(tuple_as_list=True)
        self._literals: LiteralEncoder | None = None
        self._has_shapes = False
        own: dict[type, Function] = {
            type(None): self.cql_encode_none,
            bool: self.cql_encode_object,
            int: self.cql_encode_object,
            float: self.cql_encode_float,
            Decimal: self.cql_encode_decimal,
            str: self.cql_encode_str,
            bytes: self.cql_encode_bytes,
            bytearray: self.cql_encode_bytes,
            memoryview: self.cql_encode_bytes,
            UUID: self.cql_encode_object,
            datetime.datetime: self.cql_encode_datetime,
            datetime.date: self.cql_encode_date,
            datetime.time: self.cql_encode_time,
            datetime.timedelta: self.cql_encode_object,
            Timestamp: self.cql_encode_object,
            Date: self.cql_encode_date_ext,
            Time: self.cql_encode_time,
            Duration: self.cql_encode_object,
            dict: self.cql_encode_map_collection,
            OrderedMap: self.cql_encode_map_collection,
            list: self.cql_encode_list_collection,
            tuple: self.cql_encode_list_collection,
            GeneratorType: self.cql_encode_list_collection,
            set: self.cql_encode_set_collection,
            frozenset: self.cql_encode_set_collection,
            SortedSet: self.cql_encode_set_collection,
            ValueSequence: self.cql_encode_sequence,
        }
        self._own = frozenset(own.items())
        self.mapping = own

    def _changed(self) -> None:
        self._literals = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "mapping":
            value = _Mapping(value, self._changed)
            self._literals = None
        object.__setattr__(self, name, value)

    # --- by the class of the value

    def cql_encode_all_types(self, val: Any, as_text_type: bool = False) -> str:
        """Return the CQL text of `val`, by its class; `as_text_type` has no meaning any more.

        Raises `InvalidValueType` when nothing says how its class is written, `ValueOutOfRange`
        for values that CQL has no text for.
        """
        if not self._has_shapes and "cql_protocol.geo" in sys.modules:
            self._register_shapes()
        return (self._literals or self._build()).literal(val)

    def cql_encode_object(self, val: Any) -> str:
        """Return the text of a value by the rules that hold without `mapping`.

        It is what writes integers, UUIDs and the like. An object of a class that those rules
        do not know is refused by `InvalidValueType`: its own text is never used.
        """
        return self._plain.literal(val)

    def _build(self) -> LiteralEncoder:
        literals = LiteralEncoder(tuple_as_list=True)
        for cls, function in self.mapping.items():
            own = (cls, function) in self._own
            literals.register(cls, function if own else _checked(cls, function))
        self._literals = literals
        return literals

    def _register_shapes(self) -> None:
        """Add the geometries once their module is loaded: before, there are no values of them."""
        from cql_protocol.geo import LineString, Point, Polygon

        self._has_shapes = True
        for cls in (Point, LineString, Polygon):
            self.mapping.setdefault(cls, self.cql_encode_str_quoted)

    # --- single values

    def cql_encode_none(self, val: None) -> str:
        """Return ``NULL``."""
        return "NULL"

    def cql_encode_str(self, val: str) -> str:
        """Return text in quotes."""
        return scalars.text_literal(_only(val, str))

    def cql_encode_unicode(self, val: str) -> str:
        """Return text in quotes."""
        return scalars.text_literal(_only(val, str))

    def cql_encode_str_quoted(self, val: Any) -> str:
        """Return the text of a value in quotes, as the geometries are written."""
        return scalars.text_literal(val) if isinstance(val, str) else quote_text(str(val))

    def cql_encode_bytes(self, val: bytes | bytearray | memoryview) -> str:
        """Return bytes as ``0x…``."""
        return scalars.blob_literal(_only(val, (bytes, bytearray, memoryview)))

    def cql_encode_float(self, val: float) -> str:
        """Return a number with all its digits, or ``NaN``, ``Infinity``, ``-Infinity``."""
        try:
            return scalars.float_literal(val)
        except (TypeError, ValueError):
            raise InvalidValueType(f"expected a number, got {type(val).__name__}") from None

    def cql_encode_decimal(self, val: Decimal) -> str:
        """Return the exact number."""
        return scalars.decimal_literal(_only(val, Decimal))

    def cql_encode_datetime(self, val: datetime.datetime) -> str:
        """Return milliseconds since the epoch; naive datetimes are UTC."""
        return scalars.datetime_literal(_only(val, datetime.datetime))

    def cql_encode_date(self, val: datetime.date) -> str:
        """Return ``'YYYY-MM-DD'``."""
        return scalars.ordinary_date_literal(_only(val, datetime.date))

    def cql_encode_date_ext(self, val: Date) -> str:
        """Return a `Date`, for years that have no such form as the server's day number."""
        return scalars.date_literal(_only(val, Date))

    def cql_encode_time(self, val: datetime.time | Time) -> str:
        """Return a quoted time of day, to the nanosecond."""
        if isinstance(val, Time):
            return scalars.time_literal(val)
        return scalars.ordinary_time_literal(_only(val, datetime.time))

    def cql_encode_ipaddress(self, val: Any) -> str:
        """Return an `ipaddress` address in quotes."""
        if not hasattr(val, "packed"):
            raise InvalidValueType(f"expected an address of ipaddress, got {type(val).__name__}")
        return scalars.address_literal(val)

    # --- collections

    def cql_encode_list_collection(self, val: Iterable[Any]) -> str:
        """Return ``[a, b]``."""
        return f"[{self._join(val)}]"

    def cql_encode_tuple(self, val: Iterable[Any]) -> str:
        """Return ``(a, b)``, a tuple of CQL."""
        return f"({self._join(val)})"

    def cql_encode_sequence(self, val: Iterable[Any]) -> str:
        """Return ``(a, b)``, as ``IN`` takes it."""
        return f"({self._join(val)})"

    def cql_encode_set_collection(self, val: Iterable[Any]) -> str:
        """Return ``{a, b}``."""
        return f"{{{self._join(val)}}}"

    def cql_encode_map_collection(self, val: Mapping[Any, Any]) -> str:
        """Return ``{a: b}``."""
        encode = self.cql_encode_all_types
        items = _only(val, Mapping).items()
        return f"{{{', '.join([f'{encode(key)}: {encode(value)}' for key, value in items])}}}"

    def _join(self, values: Iterable[Any]) -> str:
        if isinstance(values, _NO_TEXT) or not isinstance(values, Iterable):
            raise InvalidValueType(f"expected a collection, got {type(values).__name__}")
        encode = self.cql_encode_all_types
        return ", ".join([encode(value) for value in values])


def _only(value: Any, classes: Any) -> Any:
    """Return the value when it is of the classes, else raise."""
    if isinstance(value, classes):
        return value
    names = [cls.__name__ for cls in (classes if isinstance(classes, tuple) else (classes,))]
    raise InvalidValueType(f"expected {' or '.join(names)}, got {type(value).__name__}")


def _checked(cls: type, function: Function) -> Function:
    """Return a function of a user's, with a check that it returns text."""

    def encode(value: Any) -> str:
        text: Any = function(value)
        if isinstance(text, bytes):
            return text.decode()
        if not isinstance(text, str):
            raise InvalidArgumentType(
                f"Encoder.mapping[{cls.__name__}] returned {type(text).__name__}, "
                "but the CQL text of a value is a str"
            )
        return text

    return encode


class _Mapping(dict[type, "Any"]):
    """A dict that tells when it is changed."""

    def __init__(self, items: Any, changed: Callable[[], None]) -> None:
        super().__init__(items)
        self._told = changed

    def __setitem__(self, cls: type, function: Function) -> None:
        if not isinstance(cls, type) or not callable(function):
            raise InvalidArgumentType(
                "Encoder.mapping has functions by class: encoder.mapping[cls] = function, not "
                f"[{cls!r}] = {function!r}"
            )
        super().__setitem__(cls, function)
        self._told()  # afterwards: what another thread builds meanwhile must not stay

    def update(self, *args: Any, **kwargs: Any) -> None:
        for cls, function in dict(*args, **kwargs).items():
            self[cls] = function

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        self.update(other)
        return self

    def setdefault(self, cls: type, default: Any = None) -> Any:
        if cls not in self:
            self[cls] = default
        return self[cls]

    def __delitem__(self, cls: type) -> None:
        super().__delitem__(cls)
        self._told()

    def pop(self, *args: Any) -> Any:
        try:
            return super().pop(*args)
        finally:
            self._told()

    def popitem(self) -> tuple[type, Any]:
        try:
            return super().popitem()
        finally:
            self._told()

    def clear(self) -> None:
        super().clear()
        self._told()
