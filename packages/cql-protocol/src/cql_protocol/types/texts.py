"""Text and bytes."""

from __future__ import annotations

from enum import Enum

from cql_protocol.errors import DecodeError, ValueOutOfRange
from cql_protocol.types.base import CqlType, SimpleType, show

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.types.base import Reader, ReadOptions

__all__ = ["ASCII", "BLOB", "TEXT", "VARCHAR", "BytesType"]


class _TextType(SimpleType):
    __slots__ = ()

    _codec = "utf-8"

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a str, or of an enum member whose value is one."""
        if not isinstance(value, str):
            if not (isinstance(value, Enum) and isinstance(value.value, str)):
                return self._encode_other(value, "a str")
            value = value.value
        try:
            encoded: bytes = value.encode(self._codec)
        except UnicodeEncodeError as error:
            raise ValueOutOfRange(
                f"{self.name}: {show(value)} has a character that is no {self._codec}, "
                f"at {error.start}"
            ) from None
        return encoded

    def _make_reader(self, options: ReadOptions) -> Reader:
        name, codec = self.name, self._codec

        def read(cell: bytes) -> Any:
            try:
                return cell.decode(codec)
            except UnicodeDecodeError as error:
                raise DecodeError(f"{name}: the bytes are no {codec}, at {error.start}") from None

        return read


class BytesType(CqlType):
    """A type whose values are the bytes as they are."""

    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return bytes, or what a bytearray or a memoryview holds."""
        if type(value) is bytes:
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        return self._encode_other(value, "bytes")

    def _make_reader(self, options: ReadOptions) -> Reader:
        def read(cell: bytes) -> Any:
            return cell

        return read


class _BlobType(BytesType, SimpleType):
    __slots__ = ()


class _AsciiType(_TextType):
    __slots__ = ()

    _codec = "ascii"


ASCII = _AsciiType(0x01, "ascii", "AsciiType")
BLOB = _BlobType(0x03, "blob", "BytesType")
TEXT = _TextType(0x0D, "text", "UTF8Type")
VARCHAR = TEXT
