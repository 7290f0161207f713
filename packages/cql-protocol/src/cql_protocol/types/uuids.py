"""UUIDs and IP addresses."""

from __future__ import annotations

from functools import cache, partial

from cql_protocol.errors import ValueOutOfRange
from cql_protocol.types.base import SimpleType, bad_size, show

TYPE_CHECKING = False

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable
    from typing import Any

    from cql_protocol.types.base import Reader, ReadOptions

__all__ = ["INET", "TIMEUUID", "UUID", "uuid_maker", "uuid_parts"]


_classes: tuple[type[uuid.UUID], ...] = ()
"""`uuid.UUID`, once a value is to be encoded: the module takes longer to import than to connect."""


def _load_class() -> None:
    global _classes
    from uuid import UUID

    _classes = (UUID,)


@cache
def uuid_parts() -> tuple[Any, ...] | None:
    """Return what fills a UUID's two slots, in a third of the time of its `__init__`.

    That is: what makes an empty one, what sets its number and how safe it is, and the latter.
    How a UUID keeps its number is its own affair, so the result is tried once, and None is
    returned where it is not right.
    """
    import uuid

    new, unknown = partial(object.__new__, uuid.UUID), uuid.SafeUUID.unknown
    try:
        set_int = vars(uuid.UUID)["int"].__set__
        set_safe = vars(uuid.UUID)["is_safe"].__set__
        made, plain = new(), uuid.UUID(bytes=bytes(range(16)))
        set_int(made, plain.int)
        set_safe(made, unknown)
        right = made == plain and made.is_safe is plain.is_safe and hash(made) == hash(plain)
        right = right and str(made) == str(plain) and type(made) is type(plain)
    except (KeyError, AttributeError, TypeError):
        return None
    return (new, set_int, set_safe, unknown) if right else None


@cache
def uuid_maker() -> Callable[[bytes], uuid.UUID]:
    """Return what makes the UUID of 16 bytes; who calls it has checked that they are 16."""
    from_bytes = int.from_bytes
    parts = uuid_parts()
    if parts is None:
        from uuid import UUID

        return lambda data: UUID(int=from_bytes(data, "big"))
    new, set_int, set_safe, unknown = parts

    def make(data: bytes) -> Any:
        made = new()
        set_int(made, from_bytes(data, "big"))
        set_safe(made, unknown)
        return made

    return make


class _UUIDType(SimpleType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return the 16 bytes of a `uuid.UUID`, or of its text form."""
        if isinstance(value, _classes):
            return value.int.to_bytes(16, "big")
        if isinstance(value, str):
            return self._from_text(value).bytes
        if not _classes:
            _load_class()
            return self.encode(value)
        return self._encode_other(value, "a UUID")

    def _from_text(self, value: str) -> uuid.UUID:
        from uuid import UUID

        try:
            return UUID(value)
        except ValueError:
            raise ValueOutOfRange(f"{self.name}: {show(value)} is not a UUID") from None

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, name, make = options.empty, self.name, uuid_maker()

        def read(cell: bytes) -> Any:
            if len(cell) == 16:
                return make(cell)
            return bad_size(name, cell, "16") if cell else empty

        return read


class _TimeUUIDType(_UUIDType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return the 16 bytes of a UUID of version 1, or of its text form."""
        if isinstance(value, str):
            value = self._from_text(value)
        if not isinstance(value, _classes):
            if not _classes:
                _load_class()
                return self.encode(value)
            return self._encode_other(value, "a UUID of version 1")
        data = value.int.to_bytes(16, "big")
        if data[6] >> 4 != 1:
            raise ValueOutOfRange(
                f"{self.name}: {value} is a UUID of version {data[6] >> 4}, not of version 1"
            )
        return data


class _InetType(SimpleType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return the 4 or 16 bytes of an `ipaddress` object, or of an address in text."""
        # Imported where it is needed: a program without inet columns need not load it.
        from ipaddress import IPv4Address, IPv6Address, ip_address

        if isinstance(value, str):
            try:
                value = ip_address(value)
            except ValueError:
                raise ValueOutOfRange(f"{self.name}: {show(value)} is not an IP address") from None
        if not isinstance(value, (IPv4Address, IPv6Address)):
            return self._encode_other(value, "an IP address")
        if isinstance(value, IPv6Address) and value.scope_id is not None:
            raise ValueOutOfRange(f"{self.name}: {value} has a zone, which cannot be stored")
        return value.packed

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, name = options.empty, self.name
        if options.inet_text:
            return self._make_text_reader(empty)
        from ipaddress import IPv4Address, IPv6Address

        def read(cell: bytes) -> Any:
            if len(cell) == 4:
                return IPv4Address(cell)
            if len(cell) == 16:
                return IPv6Address(cell)
            return bad_size(name, cell, "4 or 16") if cell else empty

        return read

    def _make_text_reader(self, empty: Any) -> Reader:
        name = self.name

        def read(cell: bytes) -> Any:
            if len(cell) == 4:
                return ".".join(map(str, cell))
            if len(cell) == 16:
                from ipaddress import IPv6Address

                return str(IPv6Address(cell))
            return bad_size(name, cell, "4 or 16") if cell else empty

        return read


UUID = _UUIDType(0x0C, "uuid", "UUIDType", 16)
TIMEUUID = _TimeUUIDType(0x0F, "timeuuid", "TimeUUIDType", 16)
INET = _InetType(0x10, "inet", "InetAddressType")
