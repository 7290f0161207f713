"""Tokens: where on the ring a partition lives, and the routing keys they are made of.

The classes go by the partitioner of the cluster, which `system.local` names::

    >>> token_class("org.apache.cassandra.dht.Murmur3Partitioner").from_key(b"123")
    Murmur3Token(-7468325962851647638)
"""

from __future__ import annotations

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.murmur3 import murmur3

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

__all__ = [
    "BytesToken",
    "HashToken",
    "MAX_LONG",
    "MD5Token",
    "MIN_LONG",
    "Murmur3Token",
    "Token",
    "composite_key",
    "token_class",
]

MIN_LONG = -(2**63)
"""The lower end of the Murmur3 ring; no partition has it as its token."""
MAX_LONG = 2**63 - 1
"""The highest token of a Murmur3 ring."""


class Token:
    """A place on the ring. Tokens of one class are ordered and can be keys of a dict.

    `value` is an int for the partitioners that hash, bytes for the one that does not. Tokens
    of different classes are never equal, and comparing them raises TypeError.
    """

    __slots__ = ("value",)

    def __init__(self, token: Any) -> None:
        self.value: Any = token

    @classmethod
    def hash_fn(cls, key: bytes) -> Any:
        """Return the value of the token of a partition, given its serialized key."""
        raise NotImplementedError(f"{cls.__name__} has no partitioner; use one of its subclasses")

    @classmethod
    def from_key(cls, key: bytes) -> Self:
        """Return the token of the partition with the routing key `key`.

        A key of several columns is joined by `composite_key` before.
        """
        return cls(cls.hash_fn(key))

    @classmethod
    def from_string(cls, token_string: str) -> Self:
        """Read a token as the server writes it in `system.local` and `system.peers`."""
        raise NotImplementedError(f"{cls.__name__} has no partitioner; use one of its subclasses")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: Token) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.value < other.value)

    def __le__(self, other: Token) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.value <= other.value)

    def __gt__(self, other: Token) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.value > other.value)

    def __ge__(self, other: Token) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.value >= other.value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    __str__ = __repr__


class HashToken(Token):
    """A token that is a number, as the hashing partitioners make it."""

    __slots__ = ()
    value: int

    @classmethod
    def from_string(cls, token_string: str) -> Self:
        """Read a decimal number; anything else raises ValueError."""
        return cls(int(token_string))


class Murmur3Token(HashToken):
    """A token of Murmur3Partitioner, the default of every supported server."""

    __slots__ = ()

    def __init__(self, token: int | str) -> None:
        self.value = int(token)

    @classmethod
    def hash_fn(cls, key: bytes) -> int:
        """Return the token's value: the Murmur3 hash, and `MAX_LONG` where that is `MIN_LONG`.

        The server keeps `MIN_LONG` for the start of the ring and for the empty key.
        """
        value = murmur3(key)
        if value == MIN_LONG:
            return MAX_LONG
        return value if key else MIN_LONG


class MD5Token(HashToken):
    """A token of RandomPartitioner: the absolute value of the signed MD5 of the key."""

    __slots__ = ()

    @classmethod
    def hash_fn(cls, key: bytes) -> int:
        """Return the token's value, 0 to 2**127; the empty key has the ring's start, -1."""
        # Not loaded before it is needed: nobody who runs Murmur3 pays for hashlib, and a
        # Python without MD5 (FIPS) can still import this module.
        from hashlib import md5

        if not key:
            return -1
        return abs(int.from_bytes(md5(key, usedforsecurity=False).digest(), "big", signed=True))


class BytesToken(Token):
    """A token of ByteOrderedPartitioner: the routing key itself."""

    __slots__ = ()
    value: bytes

    @classmethod
    def hash_fn(cls, key: bytes) -> bytes:
        """Return `key`: this partitioner does not hash."""
        return bytes(key)

    @classmethod
    def from_string(cls, token_string: str) -> Self:
        """Read the hexadecimal form that the server stores; anything else raises ValueError."""
        return cls(bytes.fromhex(token_string.removeprefix("0x")))


_CLASSES: dict[str, type[Token]] = {
    "Murmur3Partitioner": Murmur3Token,
    "RandomPartitioner": MD5Token,
    "ByteOrderedPartitioner": BytesToken,
}


def token_class(partitioner: str | None) -> type[Token] | None:
    """Return the class of the tokens of a partitioner, named in full or by its last part.

    Returns None for a partitioner that no class is known for: such a cluster works, but
    requests cannot be sent to the replicas of their partition.
    """
    return _CLASSES.get(partitioner.rpartition(".")[2]) if partitioner else None


def composite_key(components: Sequence[bytes]) -> bytes:
    """Join the serialized values of the partition key columns to the routing key.

    The value of a single column is the key itself. Of several columns each is written as its
    length in two bytes, the value, and a zero byte, as the server stores a composite key.

    Raises `ValueOutOfRange` without any component, or when one of several is longer than 65535
    bytes, and `InvalidValueType` when one is not bytes.

    Example::

        >>> composite_key([b"ab", b"c"])
        b'\\x00\\x02ab\\x00\\x00\\x01c\\x00'
    """
    for index, component in enumerate(components):
        if not isinstance(component, (bytes, bytearray, memoryview)):
            raise InvalidValueType(
                f"component {index} of the partition key is {component!r}, not bytes: "
                "a column of the partition key can be neither null nor unset"
            )
    if len(components) == 1:
        return bytes(components[0])
    if not components:
        raise ValueOutOfRange("a routing key needs the value of at least one column")
    parts: list[bytes] = []
    for index, component in enumerate(components):
        size = len(component)
        if size > 65535:
            raise ValueOutOfRange(
                f"component {index} of the partition key has {size} bytes; "
                "in a key of several columns each may have at most 65535"
            )
        parts += (size.to_bytes(2, "big"), component, b"\x00")
    return b"".join(parts)
