"""Columns of tuples and vectors, which have a fixed number of elements."""

from __future__ import annotations

from collections.abc import Sequence

from cqlengine._generic import Generic, TypeVar, overload
from cqlengine.columns.numbers import Float
from cqlengine.columns.parts import BaseCollectionColumn, converted, same_objects
from cqlengine.columns.scalars import shown
from cqlengine.errors import ColumnDefinitionException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cqlengine.columns.base import Column
    from cqlengine.columns.parts import Check, Convert

    _A = TypeVar("_A")
    _B = TypeVar("_B")
    _C = TypeVar("_C")
    _D = TypeVar("_D")

__all__ = ["Tuple", "Vector"]

_T = TypeVar("_T")


class Tuple(BaseCollectionColumn[_T], Generic[_T]):
    """``tuple<…>``: a column for each element. It is always replaced as a whole.

    Accepts tuples and lists; elements that are missing at the end are None. Elements may be
    None, and what is None or empty is kept as it is.

    Example::

        place = columns.Tuple(columns.Double, columns.Double, columns.Text)
    """

    db_type = "tuple"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Tuple[tuple[_A]], first: Column[_A] | type[Column[_A]], /, **kwargs: Any
        ) -> None: ...
        @overload
        def __init__(
            self: Tuple[tuple[_A, _B]],
            first: Column[_A] | type[Column[_A]],
            second: Column[_B] | type[Column[_B]],
            /,
            **kwargs: Any,
        ) -> None: ...
        @overload
        def __init__(
            self: Tuple[tuple[_A, _B, _C]],
            first: Column[_A] | type[Column[_A]],
            second: Column[_B] | type[Column[_B]],
            third: Column[_C] | type[Column[_C]],
            /,
            **kwargs: Any,
        ) -> None: ...
        @overload
        def __init__(
            self: Tuple[tuple[_A, _B, _C, _D]],
            first: Column[_A] | type[Column[_A]],
            second: Column[_B] | type[Column[_B]],
            third: Column[_C] | type[Column[_C]],
            fourth: Column[_D] | type[Column[_D]],
            /,
            **kwargs: Any,
        ) -> None: ...
        @overload
        def __init__(
            self: Tuple[tuple[Any, ...]], /, *args: Column[Any] | type[Column[Any]], **kwargs: Any
        ) -> None: ...

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        if not args:
            raise ColumnDefinitionException(
                "Tuple: it has no elements: give a column for each, Tuple(Integer, Text)"
            )
        super().__init__(args, **kwargs)

    @property
    def cql_type(self) -> str:
        """The type as it stands in CREATE TABLE."""
        return f"frozen<{super().cql_type}>"

    def check_kind(self, value: Any) -> None:
        """Raise `ValidationError` for what is no tuple or list, or has too many elements."""
        if not isinstance(value, (tuple, list)):
            raise self.refusal(f"{shown(value)} is no tuple")
        if len(value) > len(self.types):
            raise self.refusal(
                f"{shown(value)} has {len(value)} elements, more than {len(self.types)}"
            )

    def holds_none(self, value: Any) -> bool:
        """Return False: any element may be None."""
        return False

    def converters(self, value: Any, checks: Sequence[Check]) -> tuple[Convert, ...]:
        """Return what converts each element."""
        return tuple([function for function, _, _ in checks])

    def convert_parts(self, value: Any, functions: Sequence[Convert]) -> Any:
        """Return the tuple with converted elements; itself if none changes."""
        made = tuple(
            element if element is None or function is None else function(element)
            for element, function in zip(value, functions, strict=False)
        ) + (None,) * (len(functions) - len(value))
        if type(value) is tuple and len(value) == len(made) and same_objects(made, value):
            return value
        return made

    @property
    def is_mutable(self) -> bool:
        """Whether an element can change without being replaced."""
        return any(part.is_mutable for part in self.types)

    def snapshot(self, value: Any) -> Any:
        """Return the tuple, or a copy with copies of the elements that are mutable."""
        if value is None or not self.is_mutable:
            return value
        return self.convert_parts(
            value, [part.snapshot if part.is_mutable else None for part in self.types]
        )


class Vector(BaseCollectionColumn[list[_T]], Generic[_T]):
    """``vector<element, dimension>``: always so many elements, none of them None.

    ``Vector(3)`` is one of floats, ``Vector(columns.Double, 3)`` one of doubles.

    Read as a list. Accepts sequences of numbers, `array.array` and arrays of numpy with one
    dimension. Cassandra 5.0 and newer; with an SAI index it can be searched (``ANN OF``).

    Example::

        embedding = columns.Vector(384, custom_index=Index(using="sai"))
    """

    db_type = "vector"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self, element: Column[_T] | type[Column[_T]], dimension: int, **kwargs: Any
        ) -> None: ...
        @overload
        def __init__(self: Vector[float], element: int, **kwargs: Any) -> None: ...

    def __init__(self, element: Any, dimension: Any = None, **kwargs: Any) -> None:
        if dimension is None:
            element, dimension = Float, element
        if isinstance(dimension, bool) or not isinstance(dimension, int) or dimension < 1:
            raise ColumnDefinitionException(
                f"Vector: dimension={dimension!r}: a vector has at least one element"
            )
        super().__init__((element,), **kwargs)
        self.dimension = dimension

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: Sequence[_T] | None) -> None:
            """Accept any sequence."""

    @property
    def value_col(self) -> Column[_T]:
        """The column of the elements."""
        return self.types[0]

    @property
    def cql_type(self) -> str:
        """The type as it stands in CREATE TABLE."""
        return f"vector<{self.types[0].element_type}, {self.dimension}>"

    @property
    def element_type(self) -> str:
        """The type as it stands within a collection; a vector is frozen by itself."""
        return self.cql_type

    def check_kind(self, value: Any) -> None:
        """Raise `ValidationError` for what is no sequence of so many elements."""
        is_array = callable(getattr(value, "tolist", None))
        if isinstance(value, (str, bytes, bytearray)) or not (
            is_array or isinstance(value, Sequence)
        ):
            raise self.refusal(f"{shown(value)} is no sequence of {self.dimension} elements")
        if len(value) != self.dimension:
            raise self.refusal(f"{len(value)} elements instead of {self.dimension}")

    def holds_none(self, value: Any) -> bool:
        """Say whether an element is None."""
        # Arrays hold numbers, and those of numpy compare each with None.
        return isinstance(value, (list, tuple)) and None in value

    def converters(self, value: Any, checks: Sequence[Check]) -> tuple[Convert, ...]:
        """Return what converts the elements."""
        return super().converters(_elements(value), checks)

    def convert_parts(self, value: Any, functions: Sequence[Convert]) -> Any:
        """Return a list of converted elements; the value itself if it is one and none changes."""
        if functions[0] is None and type(value) is list:
            return value
        made = converted(_elements(value), functions[0])
        return value if type(value) is list and same_objects(made, value) else made

    def snapshot(self, value: Any) -> Any:
        """Return a copy."""
        return None if value is None else list(value)


def _elements(value: Any) -> Any:
    """Return the elements of an array as Python's numbers, and any other sequence as it is."""
    listed = getattr(value, "tolist", None)
    return value if listed is None else listed()
