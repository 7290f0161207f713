"""The numbers themselves: counters, gauges and the timer, and the registry of all of them."""

from __future__ import annotations

from _thread import allocate_lock
from bisect import bisect_right
from collections.abc import Mapping
from random import random
from weakref import WeakValueDictionary

from cql_driver.errors import InvalidArgument, InvalidArgumentType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterator, Sequence, ValuesView
    from typing import Any

    from cql_driver.metrics.recorder import Metrics

__all__ = ["IntStat", "PmfStat", "Stat", "getStats"]


class Stat:
    """A gauge: a number with a name that is looked up whenever it is read.

    Compares with numbers, and becomes one with ``int()`` and ``float()``.

    Example::

        >>> hosts = Stat("known_hosts", lambda: 3)
        >>> hosts.value, hosts == 3, hosts > 5
        (3, True, False)
    """

    __slots__ = ("_read", "name")

    def __init__(self, name: str, func: Callable[[], int | float]) -> None:
        self.name = name
        self._read = func

    @property
    def value(self) -> int | float:
        """The number as it is now."""
        return self._read()

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == _number(other))

    def __lt__(self, other: object) -> bool:
        return bool(self.value < _number(other))

    def __le__(self, other: object) -> bool:
        return bool(self.value <= _number(other))

    def __gt__(self, other: object) -> bool:
        return bool(self.value > _number(other))

    def __ge__(self, other: object) -> bool:
        return bool(self.value >= _number(other))

    def __hash__(self) -> int:
        return object.__hash__(self)  # the number changes; what it counts does not

    def __repr__(self) -> str:
        return f"<{self.name}: {self.value}>"


class IntStat(Stat):
    """A counter, which any thread may increase."""

    __slots__ = ("_count", "_lock")

    def __init__(self, name: str) -> None:
        self.name = name
        self._count = 0
        # What it counts is rare, and `+=` loses counts where threads run at the same time.
        self._lock = allocate_lock()

    @property
    def value(self) -> int:
        """How many were counted."""
        return self._count

    def add(self, by: int = 1) -> None:
        """Count one more, or `by` more."""
        with self._lock:
            self._count += by


def _number(other: object) -> Any:
    return other.value if isinstance(other, Stat) else other


_PERCENTILES = {
    "median": 0.5,
    "75percentile": 0.75,
    "95percentile": 0.95,
    "98percentile": 0.98,
    "99percentile": 0.99,
    "999percentile": 0.999,
}

_SPAN = 10
"""How many times its size the latest values are from which a sample is drawn."""

BATCH = 256
"""Values that are counted in at once: one by one would cost three times as much."""


class _Counted:
    """What was counted in, and the values that are not yet. Swapped whole: see `fold`."""

    __slots__ = ("count", "total", "smallest", "largest", "within", "filled", "pending")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.smallest = float("inf")
        self.largest = 0.0
        self.within: list[int] = []
        self.filled = 0
        self.pending: list[float] = []

    def plus(self, values: list[float], bounds: Sequence[float], size: int) -> _Counted:
        """Return what it will be with these values counted in, and none pending."""
        new = _Counted()
        ordered = sorted(values)
        new.count = self.count + len(ordered)
        new.total = self.total + sum(ordered)
        new.smallest = min([self.smallest, *ordered[:1]])
        new.largest = max([self.largest, *ordered[-1:]])
        new.within = [
            count + bisect_right(ordered, bound)
            for count, bound in zip(self.within or [0] * len(bounds), bounds, strict=True)
        ]
        new.filled = min(self.filled + len(ordered), size)
        return new


class PmfStat(Mapping[str, float]):
    """How a quantity is distributed: a mapping from the names of statistics to their values.

    The names are ``count, min, max, mean, stddev, median, 75percentile, 95percentile,
    98percentile, 99percentile`` and ``999percentile``. `count`, `min` and `max` are of all
    values; the others are of a random sample of `size` values, in which old values fade:
    it speaks for about the latest ten times `size`. All are 0 while there is no value.
    With `bounds`, values are also counted by class: see `buckets`.

    `add` belongs to one thread at a time (the loop's); any thread may read, and never waits.

    Example::

        >>> timer = PmfStat("request_timer")
        >>> for seconds in (0.1, 0.2, 0.3):
        ...     timer.add(seconds)
        >>> timer["count"], timer["median"], timer["max"]
        (3, 0.2, 0.3)
    """

    __slots__ = ("name", "bounds", "pending", "_counted", "_sample")

    pending: list[float]
    """For the loop: append here, and `fold` when there are `BATCH`. The same as `add`."""

    def __init__(self, name: str, size: int = 10000, bounds: Sequence[float] = ()) -> None:
        if size < 1:
            raise InvalidArgument(f"size is {size}: a sample needs at least one value")
        self.name = name
        self.bounds = tuple(bounds)
        self._sample = [0.0] * size
        self._counted = _Counted()
        self.pending = self._counted.pending

    def add(self, value: float) -> None:
        """Add a value, of 0 or above; for the loop."""
        pending = self.pending
        pending.append(value)
        if len(pending) >= BATCH:
            self.fold()

    def fold(self) -> None:
        """Count the pending values in; for the loop."""
        old = self._counted
        values = old.pending
        new = old.plus(values, self.bounds, len(self._sample))
        self._draw(values, old.filled, new)
        # Whoever reads holds the old one with its values, or the new one without: never half.
        self._counted = new
        self.pending = new.pending

    def _draw(self, values: list[float], filled: int, new: _Counted) -> None:
        """Put values into the sample: all while there is room, then some, at random places."""
        sample = self._sample
        size = len(sample)
        sample[filled : new.filled] = values[: new.filled - filled]
        left = values[new.filled - filled :]
        # As in a reservoir, but the chance to be taken never falls below 1 / _SPAN.
        wanted = len(left) * max(size / new.count, 1 / _SPAN)
        for _ in range(int(wanted + random())):
            sample[int(random() * size)] = left[int(random() * len(left))]

    def addValue(self, value: float) -> None:  # noqa: N802
        """Do as `add`; the name that users of scales know."""
        self.add(value)

    @property
    def count(self) -> int:
        """How many values were added."""
        counted = self._counted
        return counted.count + len(counted.pending)

    @property
    def total(self) -> float:
        """The sum of all values."""
        return self._now()[0].total

    def buckets(self) -> tuple[list[tuple[float, int]], float]:
        """Return how many values lie within each of `bounds`, and the sum of all values.

        The former is a list of (bound, count) that ends with infinity; counts are cumulative,
        as Prometheus has them.
        """
        now = self._now()[0]
        found = list(zip(self.bounds, now.within, strict=True))
        return [*found, (float("inf"), now.count)], now.total

    def _now(self) -> tuple[_Counted, list[float]]:
        """Return everything of this moment: the counts, and the sample in order."""
        counted = self._counted
        size = len(self._sample)
        pending = counted.pending[:]
        sample = self._sample[: counted.filled] + pending[: size - counted.filled]
        return counted.plus(pending, self.bounds, size), sorted(sample)

    def snapshot(self) -> dict[str, float]:
        """Return all statistics at once: cheaper than one by one, and of one moment."""
        now, sample = self._now()
        if not sample:
            return dict.fromkeys(self, 0)
        size = len(sample)
        mean = sum(sample) / size
        deviation = 0.0
        if size > 1:
            deviation = (sum((value - mean) ** 2 for value in sample) / (size - 1)) ** 0.5
        found: dict[str, float] = {
            "count": now.count,
            "min": now.smallest,
            "max": now.largest,
            "mean": mean,
            "stddev": deviation,
        }
        for name, part in _PERCENTILES.items():
            found[name] = _percentile(sample, part)
        return found

    def __getitem__(self, key: str) -> float:
        if key == "count":
            return self.count
        return self.snapshot()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("count", "min", "max", "mean", "stddev", *_PERCENTILES))

    def __len__(self) -> int:
        return 5 + len(_PERCENTILES)

    def items(self) -> ItemsView[str, float]:
        """Return names and values, all of one moment."""
        return self.snapshot().items()

    def values(self) -> ValuesView[float]:
        """Return the values, all of one moment."""
        return self.snapshot().values()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.snapshot()}>"


def _percentile(ordered: list[float], part: float) -> float:
    """Return the value below which this part of the values lies, interpolated between two."""
    at = part * (len(ordered) - 1)
    lower = int(at)
    if lower + 1 >= len(ordered):
        return ordered[-1]
    return ordered[lower] + (at - lower) * (ordered[lower + 1] - ordered[lower])


# --- the registry ------------------------------------------------------------------------------

_FIRST = "cassandra"

# Weak: a cluster that is dropped without shutdown() leaves nothing behind.
_registered: WeakValueDictionary[str, Metrics] = WeakValueDictionary()
_registry_lock = allocate_lock()
_next_number = 0


def getStats() -> dict[str, dict[str, Any]]:  # noqa: N802
    """Return the statistics of every `Metrics` of this process, by name.

    Names are ``cassandra-0``, ``cassandra-1``, … unless `Metrics.set_stats_name` chose
    others. ``cassandra`` is the oldest one that is not shut down.

    Example::

        getStats()["cassandra"]["request_timer"]["95percentile"]
    """
    with _registry_lock:
        registered = dict(_registered)
    found = {name: metrics.get_stats() for name, metrics in registered.items()}
    if registered and _FIRST not in found:
        found[_FIRST] = found[next(iter(registered))]
    return found


def register(metrics: Metrics) -> str:
    """Enter it under the next name that is free, and return the name."""
    global _next_number
    with _registry_lock:
        name = f"{_FIRST}-{_next_number}"
        while name in _registered:
            _next_number += 1
            name = f"{_FIRST}-{_next_number}"
        _next_number += 1
        _registered[name] = metrics
    return name


def rename(metrics: Metrics, old: str, new: str) -> None:
    """Enter it under another name; raise `InvalidArgument` when that is taken."""
    if not isinstance(new, str):
        raise InvalidArgumentType(f"stats_name is {new!r}: it must be a string")
    with _registry_lock:
        if new == old:
            return
        if new in _registered or new == _FIRST:
            raise InvalidArgument(f"stats_name {new!r} is taken: choose one that is not")
        if _registered.get(old) is metrics:
            # Anew and in the old order, as the oldest is the first.
            entries = list(_registered.items())
            _registered.clear()
            for name, held in entries:
                _registered[new if held is metrics else name] = held


def unregister(metrics: Metrics, name: str) -> None:
    """Forget it; again does nothing."""
    with _registry_lock:
        if _registered.get(name) is metrics:
            del _registered[name]
