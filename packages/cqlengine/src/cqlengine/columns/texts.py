"""Columns of text and bytes, and of IP addresses."""

from __future__ import annotations

from cqlengine.columns.base import Column
from cqlengine.columns.scalars import ScalarColumn, shown
from cqlengine.errors import ColumnDefinitionException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address
    from typing import Any

__all__ = ["Ascii", "Blob", "Bytes", "Inet", "Text"]


class Text(Column[str]):
    """``text``.

    `min_length` and `max_length` are counts of characters. A required text has at least one,
    unless `min_length` says otherwise. Raises `ColumnDefinitionException`, a ValueError, for
    lengths that no text can have.

    Example::

        name = columns.Text(required=True, max_length=100)
    """

    db_type = "text"

    def __init__(
        self, min_length: int | None = None, max_length: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if min_length is None and self.required:
            min_length = 1
        for name, length in (("min_length", min_length), ("max_length", max_length)):
            if length is not None and length < 0:
                raise ColumnDefinitionException(f"{name}={length}: a length is 0 or more")
        if max_length is not None and max_length < (min_length or 0):
            raise ColumnDefinitionException(
                f"max_length={max_length} is below the minimum, {min_length}: no text would fit"
            )
        self.min_length = min_length
        self.max_length = max_length

    @property
    def plain_type(self) -> type | None:
        """`str` where any text will do."""
        is_free = self.min_length is None and self.max_length is None
        return str if is_free and type(self).validate is Text.validate else None

    def validate(self, value: Any) -> str | None:
        """Return the text; raise `ValidationError` for what is none, or too short or long."""
        if value is None:
            super().validate(None)
            return None
        text = self._text_of(value)
        if self.min_length is not None and len(text) < self.min_length:
            raise self.refusal(
                f"{shown(text)} has {len(text)} characters, fewer than {self.min_length}"
            )
        if self.max_length is not None and len(text) > self.max_length:
            raise self.refusal(
                f"{shown(text)} has {len(text)} characters, more than {self.max_length}"
            )
        return text

    def _text_of(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if not isinstance(value, bytearray):
            raise self.refusal(f"{shown(value)} is no str")
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise self.refusal(f"{shown(value)} is no UTF-8") from None


class Ascii(Text):
    """``ascii``: text of the characters U+0000 to U+007F."""

    db_type = "ascii"

    def validate(self, value: Any) -> str | None:
        """Return the text; raise `ValidationError` for what is none, or not ASCII."""
        text = super().validate(value)
        if text is not None and not text.isascii():
            raise self.refusal(f"{shown(text)} has a character that is not ASCII: take a Text")
        return text


class Blob(ScalarColumn[bytes]):
    """``blob``: bytes. A bytearray or a memoryview is copied into bytes."""

    db_type = "blob"

    if TYPE_CHECKING:

        def __set__(
            self, instance: object, value: bytes | bytearray | memoryview | None
        ) -> None: ...

    def cast(self, value: Any) -> bytes:
        """Return bytes."""
        if type(value) is bytes:
            return value
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise self.refusal(f"{shown(value)} is not bytes: encode text first")
        return bytes(value)


class Bytes(Blob):
    """``blob``, as `Blob`."""


class Inet(ScalarColumn["IPv4Address | IPv6Address"]):
    """``inet``: an IP address, as an object of the module `ipaddress`. Accepts text, too.

    Example::

        host.address = "10.0.0.1"
        host.save()
        assert host.address.is_private
    """

    db_type = "inet"

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: IPv4Address | IPv6Address | str | None) -> None:
            """Accept text, too."""

    def cast(self, value: Any) -> IPv4Address | IPv6Address:
        """Return an address."""
        from ipaddress import IPv4Address, IPv6Address, ip_address

        if isinstance(value, str):
            try:
                value = ip_address(value)
            except ValueError:
                raise self.refusal(f"{shown(value)} is no IP address") from None
        if not isinstance(value, (IPv4Address, IPv6Address)):
            raise self.refusal(f"{shown(value)} is no IP address: give its text")
        if isinstance(value, IPv6Address) and value.scope_id is not None:
            raise self.refusal(f"{shown(str(value))} has a zone, which cannot be stored")
        return value
