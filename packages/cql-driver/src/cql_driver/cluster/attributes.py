"""What each attribute of a session may be."""

from __future__ import annotations

from functools import cached_property

from cql_driver.cluster.values import (
    checked_bool,
    checked_count,
    checked_instance,
    checked_seconds,
    checked_timestamps,
)
from cql_driver.errors import InvalidArgumentType
from cql_driver.handlers import ProtocolHandler

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from uuid import UUID

    from cql_driver.encoder import Encoder

__all__ = ["CheckedAttributes"]

_INT32_MAX = 2**31 - 1


class CheckedAttributes:
    """Checks attributes when they are set, so that what is wrong is not found requests later.

    Those that take a while to make are made when somebody looks at them.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        check = _CHECKS.get(name)
        if check is not None:
            value = check(name, value)
        object.__setattr__(self, name, value)

    @cached_property
    def session_id(self) -> UUID:
        """What names this session in the driver's reports."""
        from uuid import uuid4

        return uuid4()

    @cached_property
    def encoder(self) -> Encoder:
        """What writes parameters of statements with ``%s`` markers."""
        from cql_driver.encoder import Encoder

        return Encoder()


def _fetch_size(name: str, value: Any) -> int | None:
    """Return a number of rows, or None for no paging."""
    return None if value is None else checked_count(name, value, 1, _INT32_MAX)


def _handler(name: str, value: Any) -> Any:
    if value is None:
        return ProtocolHandler
    if not callable(getattr(value, "decode_page", None)):
        raise InvalidArgumentType(
            f"{name}={value!r} has no method decode_page: derive it from "
            "cql_driver.protocol.ProtocolHandler"
        )
    check_supported = getattr(value, "check_supported", None)
    if check_supported is not None:
        check_supported()
    return value


def _encoder(name: str, value: Any) -> Any:
    methods = ("cql_encode_all_types",)
    return checked_instance(name, value, methods, "cql_driver.encoder.Encoder()", none=False)


def _trace_wait(name: str, value: Any) -> Any:
    return checked_seconds(name, value, none=False)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "client_protocol_handler": _handler,
    "default_fetch_size": _fetch_size,
    "encoder": _encoder,
    "max_trace_wait": _trace_wait,
    "prefetch_pages": checked_bool,
    "timestamp_generator": checked_timestamps,
    "use_client_timestamp": checked_bool,
}
