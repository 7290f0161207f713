"""Vectors: a fixed number of elements without counts or nulls."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from struct import Struct
from struct import error as StructError

from cql_protocol.errors import DecodeError, InvalidValue, InvalidValueType, ValueOutOfRange
from cql_protocol.types.base import (
    MARSHAL,
    CqlType,
    bad_size,
    may_be_infinite,
    pack_unsigned,
    prefixed,
    put,
    unpack_unsigned,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.types.base import Reader, ReadOptions

__all__ = ["VectorType"]

# Keeps a forged type from making a Struct of that many items; the server allows 8,192 (5.0).
_MAX_DIMENSION = 1 << 20
# The letters of `array` that hold what `struct` calls i, q, f and d, on this machine.
_ARRAY_CODES = {
    code: next((each for each in letters if array(each).itemsize == Struct(">" + code).size), "")
    for code, letters in {"i": "il", "q": "ql", "f": "f", "d": "d"}.items()
}


class VectorType(CqlType):
    """``vector<element, dimension>``: exactly so many elements, none of them null.

    Read as a list. Made of any sequence of the right length; of `array.array` and numpy arrays
    of the element's own type at the speed of copying them. Elements of fixed size follow one
    another directly, others have their length before them.
    """

    __slots__ = ("element", "dimension")

    element: CqlType
    """The type of the elements."""
    dimension: int
    """The number of elements."""

    def __init__(self, element: CqlType, dimension: int) -> None:
        if not 0 < dimension <= _MAX_DIMENSION:
            raise ValueOutOfRange(f"a vector cannot have {dimension} elements")
        put(self, "element", element)
        put(self, "dimension", dimension)
        each = element.fixed_size
        super().__init__(
            (element, dimension),
            f"vector<{element.name}, {dimension}>",
            f"{MARSHAL}VectorType({element.class_name} , {dimension})",
            fixed_size=None if each is None else each * dimension,
            hashable=False,
            children=(element,),
        )

    # --- Python to bytes

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a vector."""
        packed = self._encode_array(value)
        if packed is not None:
            return packed
        if isinstance(value, (str, bytes, bytearray, memoryview)) or not _is_sequence(value):
            return self._encode_other(value, f"a sequence of {self.dimension} elements")
        if len(value) != self.dimension:
            raise ValueOutOfRange(f"{self.name}: {len(value)} elements instead of {self.dimension}")
        if self._packs_at_once:
            try:
                packed = self._struct.pack(*value)
                if not may_be_infinite(self.element.struct_code, packed):
                    return packed
            except (StructError, OverflowError, ValueError):
                pass  # the loop below finds the element and says what is wrong with it
        return b"".join(self._cells(value))

    def _encode_array(self, value: Any) -> bytes | None:
        """Return the bytes of an array of just this type, None for anything else."""
        packed: bytes
        code = self.element.struct_code
        if isinstance(value, array):
            if value.typecode != _ARRAY_CODES.get(code) or len(value) != self.dimension:
                return None
            if sys.byteorder == "little":
                value = array(value.typecode, value)
                value.byteswap()
            packed = value.tobytes()
            return packed
        dtype = getattr(value, "dtype", None)
        if dtype is None or getattr(value, "shape", None) != (self.dimension,):
            return None
        if code not in _ARRAY_CODES or str(dtype.str)[1:] != _NUMPY_CODES[code]:
            return None
        packed = value.astype(">" + _NUMPY_CODES[code]).tobytes()
        return packed

    @property
    def _packs_at_once(self) -> bool:
        # A list of smallints is of variable size to the server; a boolean takes more than bools.
        return self.element.fixed_size is not None and self.element.struct_code in _ARRAY_CODES

    @property
    def _struct(self) -> Struct:
        return Struct(f">{self.dimension}{self.element.struct_code}")

    def _cells(self, value: Any) -> list[bytes]:
        encode, fixed = self.element.encode, self.element.fixed_size
        parts: list[bytes] = []
        for number, element in enumerate(value):
            where = f"element {number} of {self.name}"
            if element is None:
                raise InvalidValueType(f"{where}: a vector cannot hold null")
            try:
                cell = encode(element)
            except InvalidValue as error:
                raise prefixed(error, where, self.element) from None
            if fixed is None:
                cell = pack_unsigned(len(cell)) + cell
            elif len(cell) != fixed:
                raise ValueOutOfRange(f"{where}: an element has {fixed} bytes, not {len(cell)}")
            parts.append(cell)
        return parts

    # --- bytes to Python

    def _make_reader(self, options: ReadOptions) -> Reader:
        fixed = self.element.fixed_size
        if fixed is None:
            return self._variable_reader(options)
        size, empty, name = fixed * self.dimension, options.empty, self.name
        if self.element.struct_code:
            # Names the size of what it unpacks, so a cell of another size is an error of it.
            unpack = self._struct.unpack

            def read_packed(cell: bytes) -> Any:
                try:
                    return list(unpack(cell))
                except StructError:
                    return bad_size(name, cell, str(size)) if cell else empty

            return read_packed
        read_one = self.element.reader(options)

        def read(cell: bytes) -> Any:
            if not cell:
                return empty
            if len(cell) != size:
                bad_size(name, cell, str(size))
            return [read_one(cell[at : at + fixed]) for at in range(0, size, fixed)]

        return read

    def _variable_reader(self, options: ReadOptions) -> Reader:
        read_one, empty = self.element.reader(options), options.empty
        name, dimension = self.name, self.dimension

        def read(cell: bytes) -> Any:
            size = len(cell)
            if not size:
                return empty
            elements: list[Any] = []
            at = 0
            try:
                for _ in range(dimension):
                    length, at = unpack_unsigned(cell, at)
                    end = at + length
                    if end > size:
                        raise IndexError
                    elements.append(read_one(cell[at:end]))
                    at = end
            except IndexError:
                raise DecodeError(f"{name}: the value ends early") from None
            if at != size:
                raise DecodeError(f"{name}: {size - at} bytes follow the last element")
            return elements

        return read


_NUMPY_CODES = {"i": "i4", "q": "i8", "f": "f4", "d": "f8"}


def _is_sequence(value: Any) -> bool:
    # numpy arrays are no Sequence, but are sequences here when they have one dimension.
    if isinstance(value, (Sequence, array)):
        return True
    shape = getattr(value, "shape", None)
    return isinstance(shape, tuple) and len(shape) == 1
