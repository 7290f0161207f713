"""The notations of the specification's section 3, read with bounds and written with checks.

Everything that is read comes through `Reader`, which never looks past the end of a body
and never allocates more than the body holds. What is written comes from the small functions
below; they refuse what does not fit into the notation before anything is sent.
"""

from __future__ import annotations

from struct import Struct

from cql_protocol.errors import LocalProtocolError, RemoteProtocolError
from cql_protocol.values import UNSET

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from cql_protocol.values import Unset

    Value = bytes | None | Unset
    """A [value] of the specification: bytes, null, or not set."""

_short = Struct(">H")
_int = Struct(">i")
_long = Struct(">q")
_unpack_short = _short.unpack_from
unpack_int = _int.unpack_from
_unpack_long = _long.unpack_from

NULL = b"\xff\xff\xff\xff"
NOT_SET = b"\xff\xff\xff\xfe"


class Reader:
    """Reads the notations from `data`, one after the other.

    Every method raises `RemoteProtocolError` when the bytes end too early or a length is
    impossible, and leaves `at` behind what it read.
    """

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.end = len(data)

    def take(self, size: int, what: str) -> int:
        """Step over `size` bytes and return where they begin."""
        start = self.at
        if size < 0 or size > self.end - start:
            raise RemoteProtocolError(
                f"{what} of {size} bytes at offset {start}, "
                f"but the body has {self.end - start} bytes left"
            )
        self.at = start + size
        return start

    def byte(self) -> int:
        """Read a [byte], 0…255."""
        return self.data[self.take(1, "[byte]")]

    def short(self) -> int:
        """Read a [short], 0…65535."""
        value: int = _unpack_short(self.data, self.take(2, "[short]"))[0]
        return value

    def integer(self) -> int:
        """Read a signed [int] of four bytes."""
        value: int = unpack_int(self.data, self.take(4, "[int]"))[0]
        return value

    def long(self) -> int:
        """Read a signed [long] of eight bytes."""
        value: int = _unpack_long(self.data, self.take(8, "[long]"))[0]
        return value

    def _slice(self, size: int, what: str) -> bytes:
        start = self.take(size, what)
        return self.data[start : self.at]

    def _text(self, size: int, what: str) -> str:
        raw = self._slice(size, what)
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError as exc:
            raise RemoteProtocolError(f"{what} at offset {self.at - size}: {exc}") from None

    def string(self) -> str:
        """Read a [string]."""
        return self._text(self.short(), "[string]")

    def long_string(self) -> str:
        """Read a [long string]."""
        return self._text(self.integer(), "[long string]")

    def bytes_(self) -> bytes | None:
        """Read [bytes]: None for a negative length."""
        size = self.integer()
        return None if size < 0 else self._slice(size, "[bytes]")

    def value(self) -> Value:
        """Read a [value]: bytes, None for null, UNSET for not set."""
        size = self.integer()
        if size >= 0:
            return self._slice(size, "[value]")
        if size == -1:
            return None
        if size == -2:
            return UNSET
        raise RemoteProtocolError(f"[value] of length {size}; only -1 and -2 may be negative")

    def short_bytes(self) -> bytes:
        """Read [short bytes]."""
        return self._slice(self.short(), "[short bytes]")

    def uuid(self) -> UUID:
        """Read a [uuid]."""
        from uuid import UUID

        return UUID(bytes=self._slice(16, "[uuid]"))

    def string_list(self) -> list[str]:
        """Read a [string list]."""
        return [self.string() for _ in range(self.count(2, "[string list]"))]

    def string_map(self) -> dict[str, str]:
        """Read a [string map]."""
        return {self.string(): self.string() for _ in range(self.count(4, "[string map]"))}

    def string_multimap(self) -> dict[str, list[str]]:
        """Read a [string multimap]."""
        size = self.count(4, "[string multimap]")
        return {self.string(): self.string_list() for _ in range(size)}

    def bytes_map(self) -> dict[str, bytes | None]:
        """Read a [bytes map]."""
        return {self.string(): self.bytes_() for _ in range(self.count(6, "[bytes map]"))}

    def count(self, least: int, what: str) -> int:
        """Read a [short] count of items that take at least `least` bytes each."""
        size = self.short()
        if size * least > self.end - self.at:
            raise RemoteProtocolError(
                f"{what} of {size} items at offset {self.at - 2}, "
                f"but the body has {self.end - self.at} bytes left"
            )
        return size

    def inetaddr(self) -> str:
        """Read an [inetaddr] and return the address as text."""
        size = self.byte()
        if size not in (4, 16):
            raise RemoteProtocolError(f"address of {size} bytes; 4 (IPv4) or 16 (IPv6) are right")
        return format_address(self._slice(size, "[inetaddr]"))

    def inet(self) -> tuple[str, int]:
        """Read an [inet] and return (address as text, port)."""
        return self.inetaddr(), self.integer()


def format_address(raw: bytes) -> str:
    """Return the usual text of an address of 4 or 16 bytes.

    >>> format_address(b"\\x7f\\x00\\x00\\x01")
    '127.0.0.1'
    """
    if len(raw) == 4:
        return ".".join(map(str, raw))
    from ipaddress import IPv6Address

    return str(IPv6Address(raw))


# --- writing -----------------------------------------------------------------------------

pack_byte = Struct(">B").pack
pack_short = _short.pack
pack_int = _int.pack
pack_long = _long.pack


def _fits_short(size: int, what: str) -> bytes:
    if size > 0xFFFF:
        raise LocalProtocolError(f"{what} of {size:,} exceeds the protocol's 65,535")
    return pack_short(size)


def encode_text(value: str, what: str) -> bytes:
    """Return the UTF-8 of `value`; a lone surrogate is a `LocalProtocolError`."""
    try:
        return value.encode()
    except UnicodeEncodeError as exc:
        raise LocalProtocolError(f"{what} is not valid Unicode: {exc}") from None
    except AttributeError:
        raise LocalProtocolError(f"{what} must be str, not {type(value).__name__}") from None


def write_string(value: str) -> bytes:
    """Write a [string]; over 65,535 bytes of UTF-8 is a `LocalProtocolError`."""
    raw = encode_text(value, "a [string]")
    return _fits_short(len(raw), "[string] with a length in bytes") + raw


def write_long_string(value: str) -> bytes:
    """Write a [long string]."""
    raw = encode_text(value, "a [long string]")
    return pack_int(len(raw)) + raw


def _not_bytes(value: object, allowed: str) -> LocalProtocolError:
    return LocalProtocolError(
        f"a value must be {allowed}, not {type(value).__name__}: encode it by its type first"
    )


def write_bytes(value: bytes | None) -> bytes:
    """Write [bytes]; None becomes null."""
    if value is None:
        return NULL
    try:
        return pack_int(len(value)) + value
    except TypeError:
        raise _not_bytes(value, "bytes or None") from None


def write_value(value: Value) -> bytes:
    """Write a [value]: bytes, None for null, UNSET for not set."""
    if value is None:
        return NULL
    if value is UNSET:
        return NOT_SET
    try:
        return pack_int(len(value)) + value  # type: ignore[arg-type, operator]
    except TypeError:
        raise _not_bytes(value, "bytes, None or UNSET") from None


def write_short_bytes(value: bytes) -> bytes:
    """Write [short bytes]."""
    try:
        return _fits_short(len(value), "[short bytes] with a length") + value
    except TypeError:
        raise _not_bytes(value, "bytes") from None


def write_string_list(values: Sequence[str]) -> bytes:
    """Write a [string list]."""
    if isinstance(values, str):
        raise LocalProtocolError(f"the text {values!r} where a list of texts must be")
    return _write_items("[string list]", len(values), map(write_string, values))


def write_string_map(values: Mapping[str, str]) -> bytes:
    """Write a [string map]."""
    items = (write_string(key) + write_string(value) for key, value in values.items())
    return _write_items("[string map]", len(values), items)


def write_string_multimap(values: Mapping[str, Sequence[str]]) -> bytes:
    """Write a [string multimap]."""
    items = (write_string(key) + write_string_list(value) for key, value in values.items())
    return _write_items("[string multimap]", len(values), items)


def write_bytes_map(values: Mapping[str, bytes | None]) -> bytes:
    """Write a [bytes map]."""
    items = (write_string(key) + write_bytes(value) for key, value in values.items())
    return _write_items("[bytes map]", len(values), items)


def _write_items(what: str, count: int, items: Iterable[bytes]) -> bytes:
    return _fits_short(count, f"{what} with a number of items") + b"".join(items)


def write_inetaddr(address: str) -> bytes:
    """Write an [inetaddr] from the address's text."""
    from ipaddress import ip_address

    try:
        raw = ip_address(str(address)).packed
    except ValueError as exc:
        raise LocalProtocolError(f"not an IP address: {exc}") from None
    return pack_byte(len(raw)) + raw


def write_inet(address: str, port: int) -> bytes:
    """Write an [inet] from the address's text and the port."""
    if port not in range(1 << 16):
        raise LocalProtocolError(f"port {port!r} is not an integer of 0…65535")
    return write_inetaddr(address) + pack_int(port)
