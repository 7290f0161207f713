"""Checks of what users give to statements: what is wrong is told at once, with its remedy."""

from __future__ import annotations

from collections.abc import Mapping

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.enums import ConsistencyLevel
from cql_protocol.types.base import show

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "CHECKS",
    "FETCH_SIZE_UNSET",
    "MOST_ITEMS",
    "FetchSizeUnset",
    "check_custom_payload",
    "check_encodable",
    "check_query_string",
    "packed_routing_key",
]

MOST_ITEMS = 65535
"""Statements of a batch, or entries of a custom payload: what the protocol can count."""

_METHODS = ("on_read_timeout", "on_write_timeout", "on_unavailable")
_LEVELS = frozenset(int(level) for level in ConsistencyLevel)
_INT32_MAX = 2**31 - 1
_MOST_BYTES = 65535


class FetchSizeUnset:
    """The class of `FETCH_SIZE_UNSET`, its only instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "FETCH_SIZE_UNSET"

    def __reduce__(self) -> str:
        return "FETCH_SIZE_UNSET"


FETCH_SIZE_UNSET = FetchSizeUnset()
"""The `fetch_size` of a statement that goes by the session's `default_fetch_size`."""


def _type_name(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def check_query_string(value: object) -> None:
    """Raise unless `value` is the text of a statement."""
    if isinstance(value, str):
        check_encodable("query_string", value)
        return
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise InvalidArgumentType(
            f"query_string is text, not {type(value).__name__}: decode it first, "
            "as in query.decode('utf-8')"
        )
    raise InvalidArgumentType(f"query_string is text (str), not {_type_name(value)}")


def check_encodable(name: str, text: str) -> None:
    """Raise unless a text can be sent: lone surrogates cannot be written in UTF-8."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise InvalidArgument(
                f"{name} {show(text)} cannot be written in UTF-8: {exc.reason} at {exc.start}"
            ) from exc


def check_consistency(value: object) -> None:
    """Raise unless `value` is a level of `ConsistencyLevel`, or None."""
    _check_level(value, "consistency_level", _LEVELS, "use one of ConsistencyLevel")


def check_serial_consistency(value: object) -> None:
    """Raise unless `value` is a level of the serial phase, or None."""
    remedy = "use ConsistencyLevel.SERIAL or ConsistencyLevel.LOCAL_SERIAL"
    _check_level(value, "serial_consistency_level", frozenset((8, 9)), remedy)


def _check_level(value: object, what: str, allowed: frozenset[int], remedy: str) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        if isinstance(value, str) and value.upper() in ConsistencyLevel.name_to_value:
            remedy = f"use ConsistencyLevel.{value.upper()}"
        raise InvalidArgumentType(f"{what} is a ConsistencyLevel, not {show(value)}: {remedy}")
    if value not in allowed:
        shown = ConsistencyLevel.value_to_name.get(value, value)
        raise InvalidArgument(f"{what} cannot be {shown}: {remedy}")


def check_fetch_size(value: object) -> None:
    """Raise unless `value` is a number of rows, None (no paging) or `FETCH_SIZE_UNSET`."""
    if value is None or value is FETCH_SIZE_UNSET:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidArgumentType(
            f"fetch_size is a number of rows (int) or None, not {_type_name(value)}"
        )
    if not 0 < value <= _INT32_MAX:
        raise InvalidArgument(
            f"fetch_size is {value}, but a page has 1 to {_INT32_MAX} rows: use None for all rows "
            "at once, without pages"
        )


def check_retry_policy(value: object) -> None:
    """Raise unless `value` is an instance of a retry policy, or None."""
    if value is None:
        return
    if isinstance(value, type):
        raise InvalidArgumentType(
            f"retry_policy is an instance, not the class {value.__name__}: use {value.__name__}()"
        )
    missing = [name for name in _METHODS if not callable(getattr(value, name, None))]
    if missing:
        raise InvalidArgumentType(
            f"retry_policy is a {type(value).__name__}, which has no {', '.join(missing)}: "
            "derive it from cql_driver.policies.RetryPolicy"
        )


def check_name(value: object, what: str) -> None:
    """Raise unless `value` is the name of a keyspace or table, or None."""
    if value is None:
        return
    if not isinstance(value, str):
        raise InvalidArgumentType(f"{what} is a name (str), not {_type_name(value)}")
    if not value or "\0" in value:
        raise InvalidArgument(f"{value!r} cannot be the name of a {what}: use None for none")


def check_custom_payload(value: object) -> None:
    """Raise unless `value` is a mapping of str to bytes (or None) that fits a request."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise InvalidArgumentType(f"custom_payload is a dict, not {_type_name(value)}")
    if len(value) > MOST_ITEMS:
        raise InvalidArgument(
            f"custom_payload has {len(value):,} entries; a request carries at most {MOST_ITEMS:,}"
        )
    for key, content in value.items():
        if not isinstance(key, str):
            raise InvalidArgumentType(f"a key of custom_payload is str, not {_type_name(key)}")
        check_encodable("a key of custom_payload", key)
        if len(key.encode()) > _MOST_BYTES:
            raise InvalidArgument(
                f"a key of custom_payload has at most {_MOST_BYTES:,} bytes: {show(key)}"
            )
        if content is not None and not isinstance(content, (bytes, bytearray, memoryview)):
            raise InvalidArgumentType(
                f"custom_payload[{key!r}] is bytes, not {_type_name(content)}: encode it"
            )


def packed_routing_key(value: object) -> bytes | None:
    """Return the routing key given as bytes, or as the encoded values of the key's columns."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        from cql_protocol.tokens import composite_key

        return composite_key(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise InvalidArgumentType(
        "routing_key is bytes, or a list or tuple of bytes, one for each column of the partition "
        f"key, not {_type_name(value)}: encode each value by its column's type"
    )


CHECKS: dict[str, Callable[[Any], None]] = {
    "consistency_level": check_consistency,
    "serial_consistency_level": check_serial_consistency,
    "fetch_size": check_fetch_size,
    "retry_policy": check_retry_policy,
    "keyspace": lambda value: check_name(value, "keyspace"),
    "table": lambda value: check_name(value, "table"),
    "custom_payload": check_custom_payload,
}
"""The check of each attribute that users set on statements."""
