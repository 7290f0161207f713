"""The attributes of a session: what each may be, and the older way to configure by them."""

from __future__ import annotations

from functools import cached_property

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT
from cql_driver.cluster.values import (
    checked_bool,
    checked_count,
    checked_instance,
    checked_seconds,
    checked_timestamps,
)
from cql_driver.errors import InvalidArgumentType
from cql_driver.handlers import ProtocolHandler
from cql_driver.timestamps import MonotonicTimestampGenerator

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from uuid import UUID

    from cql_driver.cluster.base import ClusterBase
    from cql_driver.encoder import Encoder

__all__ = ["CheckedAttributes", "LegacyAttributes"]

_INT32_MAX = 2**31 - 1


class CheckedAttributes:
    """Checks attributes when they are set, so that what is wrong is not found requests later.

    Those that take a while to make are made when somebody looks at them.
    """

    next_timestamp: Callable[[], int | None]
    """What gives the next request's timestamp, by `timestamp_generator`."""

    if TYPE_CHECKING:
        # What `SessionRequests` has.
        def _next_timestamp(self) -> int | None: ...

    def __setattr__(self, name: str, value: Any) -> None:
        check = _CHECKS.get(name)
        if check is not None:
            value = check(name, value)
        object.__setattr__(self, name, value)
        if name == "timestamp_generator":
            # What our own gives needs no check, so nothing stands between it and each write.
            own = value.__class__ is MonotonicTimestampGenerator
            self.next_timestamp = value.__call__ if own else self._next_timestamp
        if name in _OF_REQUESTS:
            maker = self.__dict__.get("_requests")
            if maker is not None:
                maker.renew()

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

_OF_REQUESTS = frozenset(
    (
        "_listeners",
        "_pools",
        "client_protocol_handler",
        "default_fetch_size",
        "next_timestamp",
        "timestamp_generator",
        "use_client_timestamp",
    )
)
"""What `RequestMaker` may keep for itself, until it is told to `renew` it."""


class LegacyAttributes:
    """Attributes of a session that stand for those of the default execution profile.

    They can be read always, and set only where the cluster was made without execution
    profiles; what they say holds for all sessions of the cluster.
    """

    cluster: ClusterBase

    def _read(self, name: str) -> Any:
        return getattr(self.cluster.profile_manager.profiles[EXEC_PROFILE_DEFAULT], name)

    def _write(self, name: str, legacy_name: str, value: Any) -> None:
        self.cluster.use_legacy_configuration(f"Session.{legacy_name}")
        setattr(self.cluster.profile_manager.default, name, value)

    @property
    def default_timeout(self) -> float | None:
        """Seconds until a request times out, None for never."""
        return self._read("request_timeout")  # type: ignore[no-any-return]

    @default_timeout.setter
    def default_timeout(self, timeout: float | None) -> None:
        self._write("request_timeout", "default_timeout", timeout)

    @property
    def default_consistency_level(self) -> int:
        """The level of statements that have none of their own."""
        return int(self._read("consistency_level"))

    @default_consistency_level.setter
    def default_consistency_level(self, level: int) -> None:
        self._write("consistency_level", "default_consistency_level", level)

    @property
    def default_serial_consistency_level(self) -> int | None:
        """The serial level of statements that have none of their own."""
        return self._read("serial_consistency_level")  # type: ignore[no-any-return]

    @default_serial_consistency_level.setter
    def default_serial_consistency_level(self, level: int | None) -> None:
        self._write("serial_consistency_level", "default_serial_consistency_level", level)

    @property
    def row_factory(self) -> Callable[..., Any]:
        """What rows become, see `cql_driver.query`."""
        return self._read("row_factory")  # type: ignore[no-any-return]

    @row_factory.setter
    def row_factory(self, factory: Callable[..., Any]) -> None:
        self._write("row_factory", "row_factory", factory)
