"""Types around others that do not change the bytes, and types known by their class only."""

from __future__ import annotations

from cql_protocol.errors import DecodeError
from cql_protocol.types.base import MARSHAL, CqlType, SimpleType, put
from cql_protocol.types.texts import BytesType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.types.base import Reader, ReadOptions

__all__ = ["EMPTY_TYPE", "CustomType", "EmptyType", "FrozenType", "ReversedType"]


class _Wrapper(CqlType):
    """A type whose values and bytes are those of the type within."""

    __slots__ = ("inner", "encode")

    inner: CqlType
    """The type within."""

    def __init__(self, inner: CqlType, name: str, class_name: str) -> None:
        put(self, "inner", inner)
        put(self, "encode", inner.encode)
        super().__init__(
            (inner,),
            name,
            f"{MARSHAL}{class_name}({inner.class_name})",
            code=inner.code,
            fixed_size=inner.fixed_size,
            struct_code=inner.struct_code,
            children=(inner,),
        )

    def _make_reader(self, options: ReadOptions) -> Reader:
        return self.inner.reader(options)


class FrozenType(_Wrapper):
    """``frozen<inner>``: a value that is only written as a whole. Its bytes are `inner`'s."""

    __slots__ = ()

    def __init__(self, inner: CqlType) -> None:
        super().__init__(inner, f"frozen<{inner.name}>", "FrozenType")


class ReversedType(_Wrapper):
    """A clustering column of descending order. Its bytes, and its name in CQL, are `inner`'s."""

    __slots__ = ()

    def __init__(self, inner: CqlType) -> None:
        super().__init__(inner, inner.name, "ReversedType")


class CustomType(BytesType):
    """A type of a class of the server that is not known here: bytes go through as they are.

    `class_name` is the class with its package and parameters, as the server writes it.
    """

    __slots__ = ()

    def __init__(self, class_name: str) -> None:
        super().__init__((class_name,), f"'{class_name}'", class_name)


class EmptyType(SimpleType):
    """The type of the columns that a compact table without regular columns has: no value at all."""

    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return zero bytes for `EMPTY`, the only value."""
        return self._encode_other(value, "EMPTY")

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty = options.empty

        def read(cell: bytes) -> Any:
            if cell:
                raise DecodeError(f"empty: a value has no bytes, not {len(cell)}")
            return empty

        return read


EMPTY_TYPE = EmptyType(0, "empty", "EmptyType", 0)
