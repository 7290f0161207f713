"""Checks of what users write as addresses and ports."""

from __future__ import annotations

from cql_driver.errors import InvalidArgument, InvalidArgumentType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["checked_address", "checked_port"]

_LONGEST_NAME, _LONGEST_LABEL = 253, 63  # RFC 1035 section 2.3.4


def checked_port(port: Any, name: str = "port") -> int:
    """Return `port`, an int or its digits as text, as an int from 1 to 65535.

    `name` is what the message calls it. Raises `InvalidArgumentType` or `InvalidArgument`.
    """
    if isinstance(port, bool) or not isinstance(port, (int, str)):
        raise InvalidArgumentType(f"{name} must be an int, not {type(port).__name__}")
    if isinstance(port, str):
        if not (port.isascii() and port.isdigit() and len(port) <= 5):
            raise InvalidArgument(f"{name} must be a number from 1 to 65535, not {port!r}")
        port = int(port)
    if not 1 <= port <= 65535:
        raise InvalidArgument(f"{name} must be from 1 to 65535, not {port}")
    return int(port)


def checked_address(address: Any, name: str = "address") -> str:
    """Return `address`, an IP address or a host name, as text; of IPv6 the shortest form.

    `name` is what the message calls it. Objects of `ipaddress` are taken too. Raises
    `InvalidArgumentType` for other types, and `InvalidArgument` with the remedy for text that
    can be no address. Looks nothing up.
    """
    if type(address).__module__ == "ipaddress" and hasattr(address, "packed"):
        address = str(address)
    if not isinstance(address, str):
        raise InvalidArgumentType(
            f"{name} must be a str such as '10.0.0.1', not {type(address).__name__}"
        )
    text: str = address
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
        if ":" not in text:
            raise InvalidArgument(f"{name} {address!r} is not an IPv6 address")
    _refuse_strange(text, name)
    if ":" in text:
        return _short_ipv6(text, name)
    _check_name(text, name)
    return text


def _refuse_strange(address: str, name: str) -> None:
    told = f"{name} {address!r}"
    if not address:
        raise InvalidArgument(f"{name} is an empty text: give an IP address or a host name")
    if "://" in address:
        raise InvalidArgument(f"{told} is a URL: give the host alone, without scheme and port")
    if "/" in address:
        raise InvalidArgument(
            f"{told} holds a slash: for a unix socket give UnixSocketEndPoint(path)"
        )
    if "," in address:
        raise InvalidArgument(f"{told} holds a comma: give a list with one text per host")
    if any(c.isspace() or not c.isprintable() for c in address):
        raise InvalidArgument(f"{told} holds white space or control characters: strip them")
    host, colon, port = address.rpartition(":")
    if colon and (":" not in host or host.endswith("]")):
        host = host.strip("[]")
        raise InvalidArgument(
            f"{told} holds a port: give a tuple ({host!r}, {port if port.isdigit() else 9042})"
        )


def _short_ipv6(address: str, name: str) -> str:
    """Return the one form of the address that all its spellings share (RFC 5952)."""
    import socket

    bare, percent, zone = address.partition("%")
    try:
        packed = socket.inet_pton(socket.AF_INET6, bare)
    except OSError:
        raise InvalidArgument(f"{name} {address!r} is not an IPv6 address") from None
    return socket.inet_ntop(socket.AF_INET6, packed) + percent + zone


def _check_name(address: str, name: str) -> None:
    """Refuse what the resolver would break at, with an error that is no OSError."""
    try:
        plain = address if address.isascii() else address.encode("idna").decode()
    except UnicodeError as exc:
        raise InvalidArgument(f"{name} {address!r} is not a host name: {exc}") from None
    labels = plain.removesuffix(".").split(".")
    if len(plain) > _LONGEST_NAME or not all(0 < len(label) <= _LONGEST_LABEL for label in labels):
        raise InvalidArgument(
            f"{name} {address!r} is not a host name: one has at most 253 characters, "
            "and 1 to 63 between its dots"
        )
