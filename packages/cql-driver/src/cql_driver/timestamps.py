"""Timestamps that the client gives to its writes."""

from __future__ import annotations

import os
from _thread import allocate_lock
from _weakrefset import WeakSet
from time import monotonic, time_ns

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.logs import get_logger
from cql_protocol._accel import compiled

TYPE_CHECKING = False

__all__ = ["MonotonicTimestampGenerator"]

log = get_logger("cql_driver.timestamps")


class LastTimestamp:
    """The last timestamp of a generator, which many threads take and replace."""

    __slots__ = ("_lock", "last")

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self.last = 0
        """The last timestamp given."""

    def follow(self, now: int) -> int:
        """Return `now`, or one more than the last timestamp where that is later."""
        with self._lock:
            last = self.last
            self.last = last = now if now > last else last + 1
        return last


LastTimestamp = compiled("timestamps", "LastTimestamp", LastTimestamp)  # type: ignore[misc]


class MonotonicTimestampGenerator(LastTimestamp):
    """Gives microseconds since the epoch that never repeat and never go back.

    Where the clock stands still or is set back, each timestamp is one more than the last, and
    once they are more than `warning_threshold` seconds ahead of the clock, a warning is
    logged, at most every `warning_interval` seconds; `warn_on_drift=False` keeps silent. Safe
    to call from any thread. `Cluster(timestamp_generator=...)` takes this or any
    callable that returns an int.

    Example::

        >>> generator = MonotonicTimestampGenerator()
        >>> generator() < generator()
        True
    """

    __slots__ = (
        "__weakref__",
        "_warned_at",
        "warn_on_drift",
        "warning_interval",
        "warning_threshold",
    )

    def __init__(
        self,
        warn_on_drift: bool = True,
        warning_threshold: float = 1,
        warning_interval: float = 1,
    ) -> None:
        if not isinstance(warn_on_drift, bool):
            raise InvalidArgumentType(
                f"warn_on_drift must be True or False, not {type(warn_on_drift).__name__}"
            )
        self.warn_on_drift = warn_on_drift
        self.warning_threshold = _seconds("warning_threshold", warning_threshold)
        self.warning_interval = _seconds("warning_interval", warning_interval)
        super().__init__()
        self._warned_at: float | None = None
        _generators.add(self)

    def __call__(self) -> int:
        """Return the next timestamp."""
        now = time_ns() // 1000
        last = self.follow(now)
        if last > now:
            self.check_drift(last - now)
        return last

    def check_drift(self, drift: int) -> None:
        """Warn when the last timestamp is `drift` microseconds ahead of the clock, if it should.

        Not under the lock: a handler of logs may write to the database as well.
        """
        if drift > self.warning_threshold * 1_000_000 and self._must_warn():
            log.warning(
                "The clock is %.3f s behind the last timestamp, so timestamps count up from "
                "there by 1 µs per write until it has caught up: was it set back?",
                drift / 1_000_000,
            )

    def _must_warn(self) -> bool:
        if not self.warn_on_drift:
            return False
        now = monotonic()
        with self._lock:
            if self._warned_at is not None and now - self._warned_at < self.warning_interval:
                return False
            self._warned_at = now
        return True


_generators: WeakSet[MonotonicTimestampGenerator] = WeakSet()


def _renew_locks() -> None:
    """Forget who held a lock: that thread does not exist in the forked child."""
    for generator in _generators:
        generator._lock = allocate_lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_locks)


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgumentType(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not value >= 0:  # NaN neither
        raise InvalidArgument(f"{name} must be 0 seconds or more, not {value!r}")
    return value
