"""Checks of single values that several parameters share."""

from __future__ import annotations

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.pools.host import Host
from cql_protocol.enums import ProtocolVersion
from cql_protocol.errors import PluginError
from cql_protocol.types.base import show

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = [
    "checked_bool",
    "checked_callable",
    "checked_compression",
    "checked_count",
    "checked_host",
    "checked_name",
    "checked_timestamps",
    "not_a_timestamp",
    "checked_instance",
    "checked_protocol_version",
    "checked_seconds",
    "checked_sockopts",
]


MOST_SECONDS = 10**9
"""Thirty years; clocks and locks cannot wait for much longer."""
_LONGEST_NAME = 65535


def checked_seconds(name: str, value: Any, *, none: bool = True, negative: bool = False) -> Any:
    """Return a number of seconds; raise when it is none, or negative where that has no meaning."""
    if value is None and none:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        also = ", nor None" if none else ""
        raise InvalidArgumentType(f"{name}={value!r} is not a number of seconds{also}")
    if value != value or (value < 0 and not negative):
        raise InvalidArgument(f"{name}={value!r}: seconds cannot be negative, nor NaN")
    if value > MOST_SECONDS:
        also = "; None means no limit" if none else ""
        raise InvalidArgument(f"{name}={value!r}: at most {MOST_SECONDS:,} seconds{also}")
    return value


def checked_count(name: str, value: Any, low: int, high: int) -> int:
    """Return an int between the bounds; raise otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentType(f"{name}={value!r} is not an int")
    if not low <= value <= high:
        raise InvalidArgument(f"{name}={value!r}: it can be {low:,} to {high:,}")
    return value


def checked_name(name: str, value: Any, what: str) -> str:
    """Return the name of a keyspace or a type (`what`); raise for what can be none."""
    if not isinstance(value, str):
        raise InvalidArgumentType(f"{name}={show(value)} is not the name of a {what}: give a str")
    if not value or "\0" in value:
        how = "has a NUL in it" if value else "is empty"
        raise InvalidArgument(f"{name}={show(value)} {how}: no name of a {what} can")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as exc:
        raise InvalidArgument(
            f"{name}={show(value)} is not the name of a {what}: it cannot be written in UTF-8"
        ) from exc
    if size > _LONGEST_NAME:
        raise InvalidArgument(f"{name}={show(value)} is too long for the name of a {what}")
    return value


def checked_timestamps(name: str, value: Any) -> Any:
    """Return a generator of timestamps or None; raise for its class and for anything else."""
    if value is not None and (isinstance(value, type) or not callable(value)):
        given = f" is the class {value.__name__}" if isinstance(value, type) else f"={value!r}"
        raise InvalidArgumentType(
            f"{name}{given}: give an object that returns microseconds since the epoch when it is "
            "called, such as MonotonicTimestampGenerator()"
        )
    return value


def not_a_timestamp(value: Any) -> InvalidArgumentType:
    """Return the error for what a generator of timestamps returned."""
    return InvalidArgumentType(
        f"timestamp_generator returned {show(value)}, which are no microseconds since the epoch"
    )


def checked_host(name: str, value: Any) -> Host:
    """Return a `Host`; raise for anything else, such as its address."""
    if not isinstance(value, Host):
        raise InvalidArgumentType(
            f"{name}={value!r} is not a Host: take one of cluster.metadata.all_hosts()"
        )
    return value


def checked_bool(name: str, value: Any) -> bool:
    """Return a bool; raise when it is something else, which would be taken for true."""
    if not isinstance(value, bool):
        raise InvalidArgumentType(f"{name}={value!r} is neither True nor False")
    return value


def checked_instance(
    name: str, value: Any, methods: Sequence[str], example: str, *, none: bool = True
) -> Any:
    """Return an object that has these methods; raise for its class and for anything else."""
    if value is None and none:
        return None
    if isinstance(value, type):
        raise InvalidArgumentType(
            f"{name} is the class {value.__name__}: give an object, {value.__name__}(...)"
        )
    for method in methods:
        if not callable(getattr(value, method, None)):
            raise InvalidArgumentType(
                f"{name}={value!r} has no method {method}: give an object such as {example}"
            )
    return value


def checked_callable(name: str, value: Any, what: str) -> Callable[..., Any]:
    """Return something that can be called; raise otherwise."""
    if not callable(value):
        raise InvalidArgumentType(f"{name}={value!r} cannot be called: give {what}")
    return value  # type: ignore[no-any-return]


def checked_protocol_version(value: Any) -> int:
    """Return a protocol version this driver speaks; raise for others."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentType(
            f"protocol_version={value!r} is not an int: use 3, 4 or 5, or leave it out to have it "
            "negotiated"
        )
    if value not in ProtocolVersion.SUPPORTED_VERSIONS:
        spoken = ", ".join(map(str, sorted(ProtocolVersion.SUPPORTED_VERSIONS)))
        raise InvalidArgument(
            f"protocol_version={value} is not spoken by this driver; it speaks {spoken}"
        )
    return int(value)


def checked_compression(value: Any) -> bool | str:
    """Return True, False or the name of a compression that can be had; raise otherwise."""
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise InvalidArgumentType(
            f"compression={value!r}: give True, False, or a name such as 'lz4'"
        )
    from cql_protocol.connection.base import load_compressor

    try:
        load_compressor(value, 4)
    except PluginError as exc:
        raise InvalidArgument(f"compression={value!r} cannot be had: {exc}") from exc
    return value


def checked_sockopts(value: Any) -> tuple[tuple[Any, ...], ...]:
    """Return socket options, each the arguments of `socket.setsockopt`; raise otherwise."""
    if value is None:
        return ()
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidArgumentType(
            f"sockopts={value!r}: give a list of tuples (level, option, value)"
        )
    options = []
    for option in value:
        if not isinstance(option, (tuple, list)) or len(option) not in (3, 4):
            raise InvalidArgument(
                f"sockopts has {option!r}: each is a tuple (level, option, value), the arguments "
                "of socket.setsockopt"
            )
        if not all(isinstance(part, int) for part in option[:2]):
            raise InvalidArgumentType(
                f"sockopts has {option!r}: in (level, option, value) the first two are ints, such "
                "as socket.SOL_SOCKET and socket.SO_KEEPALIVE"
            )
        options.append(tuple(option))
    return tuple(options)
