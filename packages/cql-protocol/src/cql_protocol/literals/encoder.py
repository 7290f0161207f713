"""`LiteralEncoder`: which CQL text stands for a Python value, by the value's class."""

from __future__ import annotations

import datetime
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence, Set, ValuesView
from decimal import Decimal
from enum import Enum

from cql_protocol.errors import InvalidValueType
from cql_protocol.literals import scalars
from cql_protocol.literals.markers import substitute
from cql_protocol.values import Date, Duration, Empty, Time, Timestamp, Unset

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    Function = Callable[[Any], str]

    _T = TypeVar("_T")

__all__ = ["LiteralEncoder", "ValueSequence", "bind_literals", "literal"]

_CACHE_LIMIT = 1000


class ValueSequence(list["_T"]):
    """A list that stands in a statement as ``(a, b, c)``, for ``IN``.

    Example::

        >>> LiteralEncoder().bind("SELECT * FROM t WHERE k IN %s", [ValueSequence([1, 2])])
        'SELECT * FROM t WHERE k IN (1, 2)'
    """

    __slots__ = ()


_SCALARS: dict[type, Function] = {
    type(None): scalars.null_literal,
    str: scalars.text_literal,
    bool: scalars.bool_literal,
    int: scalars.int_literal,
    float: scalars.float_literal,
    Decimal: scalars.decimal_literal,
    bytes: scalars.blob_literal,
    bytearray: scalars.blob_literal,
    memoryview: scalars.blob_literal,
    uuid.UUID: scalars.uuid_literal,
    datetime.datetime: scalars.datetime_literal,
    datetime.date: scalars.ordinary_date_literal,
    datetime.time: scalars.ordinary_time_literal,
    datetime.timedelta: scalars.timedelta_literal,
    Timestamp: scalars.timestamp_literal,
    Date: scalars.date_literal,
    Time: scalars.time_literal,
    Duration: scalars.duration_literal,
    Unset: scalars.refuse_unset,
    Empty: scalars.refuse_empty,
}


class LiteralEncoder:
    """Turns Python values into CQL text, for statements that are not prepared.

    A value is written as what its class derives from, so a subclass of `str` is quoted as any
    string; members of an `Enum` by their value; sequences and iterators as ``[…]``, sets as
    ``{…}``, mappings as ``{…: …}``, tuples as ``(…)``, or as ``[…]`` with `tuple_as_list`.
    Classes of your own are told by `register`. What is not known is refused, never guessed.

    Example::

        >>> encoder = LiteralEncoder()
        >>> encoder.literal({"it's": [1, None, 2.5]})
        "{'it''s': [1, NULL, 2.5]}"
    """

    __slots__ = ("_functions", "_known", "tuple_as_list")

    def __init__(self, tuple_as_list: bool = False) -> None:
        self.tuple_as_list = tuple_as_list
        self._known: dict[type, Function] = {
            **_SCALARS,
            Enum: self._by_value,
            list: self._list,
            tuple: self._tuple,
            ValueSequence: self._parentheses,
            dict: self._map,
            set: self._set,
            frozenset: self._set,
        }
        self._functions = dict(self._known)

    def register(self, cls: type, function: Function) -> None:
        """Have `function`, called with the value, return the text of `cls` and its subclasses.

        Whatever it returns goes into the statement as it is: build it of `literal` or
        `typed_literal`, never of the value's own text.

        Example::

            >>> class Celsius:
            ...     degrees = 21.5
            >>> encoder = LiteralEncoder()
            >>> encoder.register(Celsius, lambda value: encoder.literal(value.degrees))
            >>> encoder.literal(Celsius())
            '21.5'
        """
        self._known[cls] = function
        self._functions = dict(self._known)

    def literal(self, value: Any) -> str:
        """Return the CQL text of `value`.

        Raises `InvalidValueType` when nothing says how its class is written, `ValueOutOfRange`
        for values that CQL has no text for.
        """
        function = self._functions.get(type(value))
        if function is None:
            function = self._find(type(value))
        return function(value)

    __call__ = literal

    def bind(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None) -> str:
        """Return `query` with its markers replaced; see `bind_literals`."""
        return substitute(query, params, self.literal)

    def _find(self, cls: type) -> Function:
        """Find the function for a class met for the first time, and remember it."""
        function = next((self._known[base] for base in cls.__mro__ if base in self._known), None)
        function = function or self._find_by_shape(cls)
        # Classes made at run time, such as those of rows, must not fill the memory.
        if len(self._functions) > _CACHE_LIMIT:
            self._functions = dict(self._known)
        self._functions[cls] = function
        return function

    def _find_by_shape(self, cls: type) -> Function:
        ipaddress = sys.modules.get("ipaddress")
        if ipaddress and issubclass(cls, ipaddress.IPv4Address | ipaddress.IPv6Address):
            return scalars.address_literal
        if not hasattr(cls, "__iter__"):  # arrays of numbers can be cast to a number too
            if hasattr(cls, "__index__"):
                return scalars.int_literal
            if hasattr(cls, "__float__"):
                return scalars.float_literal
        if issubclass(cls, Mapping):
            return self._map
        if issubclass(cls, Set):
            return self._set
        if issubclass(cls, Sequence | Iterator | ValuesView):
            return self._list
        if hasattr(cls, "__iter__") and hasattr(cls, "tolist"):
            return self._array
        if cls.__module__ == "numpy" and cls.__name__ in ("bool", "bool_"):
            return scalars.bool_literal
        raise InvalidValueType(
            f"no CQL literal is known for {cls.__module__}.{cls.__qualname__}: register the class "
            "with the encoder, or use a prepared statement"
        )

    def _by_value(self, value: Enum) -> str:
        return self.literal(value.value)

    def _join(self, values: Iterable[Any]) -> str:
        literal = self.literal
        return ", ".join([literal(value) for value in values])

    def _list(self, values: Iterable[Any]) -> str:
        return f"[{self._join(values)}]"

    def _array(self, values: Any) -> str:
        return self._list(values.tolist())

    def _tuple(self, values: Iterable[Any]) -> str:
        return f"[{self._join(values)}]" if self.tuple_as_list else f"({self._join(values)})"

    def _parentheses(self, values: Iterable[Any]) -> str:
        return f"({self._join(values)})"

    def _set(self, values: Iterable[Any]) -> str:
        return f"{{{self._join(values)}}}"

    def _map(self, values: Mapping[Any, Any]) -> str:
        literal = self.literal
        items = [f"{literal(key)}: {literal(value)}" for key, value in values.items()]
        return f"{{{', '.join(items)}}}"


_encoder = LiteralEncoder()

literal = _encoder.literal
"""`LiteralEncoder.literal` of an encoder without registered classes."""


def bind_literals(
    query: str,
    params: Sequence[Any] | Mapping[str, Any] | None,
    encoder: LiteralEncoder = _encoder,
) -> str:
    """Return `query` with its markers replaced by the CQL text of the parameters.

    Markers are ``%s`` for the items of a sequence, or ``%(name)s`` for those of a mapping, whose
    other items are ignored; ``%%`` is a percent sign. Without parameters (None or empty) the
    statement is returned as it is, and a percent sign is not doubled.

    Raises `InvalidValue` when markers and parameters do not match, when another ``%`` stands
    in the statement, or a marker for text stands in quotes; `InvalidValueType` for a value that
    has no CQL text.

    Example::

        >>> bind_literals("INSERT INTO t (a, b) VALUES (%s, %s)", [1, "it's"])
        "INSERT INTO t (a, b) VALUES (1, 'it''s')"
        >>> bind_literals("SELECT * FROM t WHERE a = %(key)s", {"key": None})
        'SELECT * FROM t WHERE a = NULL'
    """
    return encoder.bind(query, params)
