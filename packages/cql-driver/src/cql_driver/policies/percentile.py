"""What goes by latencies: `PercentileSpeculativeExecutionPolicy` and `LatencyAwareness`."""

from __future__ import annotations

from math import exp, log2

from cql_driver.core.observers import Observer
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.policies.base import check_count, check_seconds
from cql_driver.policies.speculative import (
    NO_PLAN,
    LimitedPlan,
    SpeculativeExecutionPlan,
    SpeculativeExecutionPolicy,
)
from cql_protocol.errors import Timeout

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["LatencyAwareness", "LatencyHistogram", "PercentileSpeculativeExecutionPolicy"]

_SMALLEST = 1e-6
_PER_OCTAVE = 8
_BUCKETS = 30 * _PER_OCTAVE  # from 1 µs to 18 minutes, each bucket 9 % wide
_HALVED_AT = 5000
_KEPT_FOR = 64
_LEAST_LAG = 0.001


class LatencyHistogram:
    """Counts durations in buckets of equal ratio, older ones for ever less.

    After each 2500 durations or so all counts are halved. Belongs to one thread at a time.
    """

    __slots__ = ("_counts", "_fresh", "_quantile", "_total", "_value", "seen")

    def __init__(self) -> None:
        self._counts = [0.0] * _BUCKETS
        self._total = 0.0
        self._fresh = 0
        self._quantile = -1.0
        self._value = 0.0
        self.seen = 0
        """How many durations were counted at all."""

    def add(self, seconds: float) -> None:
        """Count a duration."""
        at = int(log2(seconds / _SMALLEST) * _PER_OCTAVE) if seconds > _SMALLEST else 0
        self._counts[min(at, _BUCKETS - 1)] += 1
        self.seen += 1
        self._total += 1
        self._fresh += 1
        if self._total >= _HALVED_AT:
            self._counts = [count * 0.5 for count in self._counts]
            self._total *= 0.5

    def value_at(self, quantile: float) -> float:
        """Return the seconds that this share (0 to 1) of the durations did not exceed.

        It is the upper end of a bucket, at most 9 % too long, and reckoned anew only after
        some more durations were counted.
        """
        if quantile != self._quantile or self._fresh >= _KEPT_FOR:
            self._fresh = 0
            self._quantile = quantile
            self._value = self._reckon(quantile)
        return self._value

    def _reckon(self, quantile: float) -> float:
        counts = self._counts
        left = quantile * sum(counts)
        for at, count in enumerate(counts):
            left -= count
            if count and left <= 1e-9:
                return _upper_end(at)
        return _upper_end(_BUCKETS - 1)


def _upper_end(bucket: int) -> float:
    return float(_SMALLEST * 2.0 ** ((bucket + 1) / _PER_OCTAVE))


class PercentileSpeculativeExecutionPolicy(SpeculativeExecutionPolicy, Observer):
    """Asks one more host when a request takes longer than nearly all requests of late.

    A further host is asked each time `percentile` percent of the latest requests would have
    been answered, up to `max_attempts` besides the first; so with 99.0 about one request in
    a hundred is sent twice, whatever the cluster's speed. Until `min_samples` requests were
    answered nothing is sent twice. With `per_host` each host is measured by itself.

    It watches the cluster as an `Observer`, which the cluster sees to for policies in its
    execution profiles. Raises `InvalidArgument` or `InvalidArgumentType` for arguments that
    cannot be used.

    Example::

        profile = ExecutionProfile(
            speculative_execution_policy=PercentileSpeculativeExecutionPolicy(99.0)
        )
    """

    def __init__(
        self,
        percentile: float = 99.0,
        max_attempts: int = 2,
        min_samples: int = 200,
        per_host: bool = False,
    ) -> None:
        if isinstance(percentile, bool) or not isinstance(percentile, int | float):
            raise InvalidArgumentType(f"percentile is {percentile!r}: give a number such as 99.0")
        if not 0 < percentile < 100:
            raise InvalidArgument(f"percentile is {percentile}: give one between 0 and 100")
        self.percentile = percentile
        self.max_attempts = check_count("max_attempts", max_attempts)
        self.min_samples = check_count("min_samples", min_samples, 1)
        self.per_host = bool(per_host)
        self._of_all = LatencyHistogram()
        self._of_hosts: dict[int, LatencyHistogram] = {}

    def new_plan(self, keyspace: str | None, statement: Any) -> SpeculativeExecutionPlan:
        """Return a plan with the delay that holds now."""
        if self.per_host:
            return _HostPlan(self, self.max_attempts)
        delay = self.current_delay()
        return NO_PLAN if delay is None else LimitedPlan(delay, self.max_attempts)

    def current_delay(self, host: Host | None = None) -> float | None:
        """Return the delay in seconds, after `host` if hosts are measured; None: too few seen."""
        histogram: LatencyHistogram | None = self._of_all
        if self.per_host and host is not None:
            histogram = self._of_hosts.get(host.key)
        if histogram is None or histogram.seen < self.min_samples:
            return None
        return histogram.value_at(self.percentile / 100)

    def attempt_ended(
        self, request: Any, host: Host, error: BaseException | None, duration: float
    ) -> None:
        """Count the attempt, unless it failed otherwise than by taking long."""
        if error is not None and not isinstance(error, Timeout):
            return
        self._of_all.add(duration)
        if self.per_host:
            histogram = self._of_hosts.get(host.key)
            if histogram is None:
                histogram = self._of_hosts[host.key] = LatencyHistogram()
            histogram.add(duration)

    def host_changed(self, host: Host, change: str) -> None:
        """Forget the latencies of a host that is gone, or was."""
        if change in ("removed", "down"):
            self._of_hosts.pop(host.key, None)


class _HostPlan(SpeculativeExecutionPlan):
    """Waits as long as fits the host asked last."""

    __slots__ = ("_policy", "_remaining")

    def __init__(self, policy: PercentileSpeculativeExecutionPolicy, max_attempts: int) -> None:
        self._policy = policy
        self._remaining = max_attempts

    def next_execution(self, host: Host | None) -> float:
        delay = self._policy.current_delay(host)
        if self._remaining <= 0 or delay is None:
            return -1
        self._remaining -= 1
        return delay


class LatencyAwareness(Observer):
    """Says which hosts take far longer than others of late: see `TokenAwarePolicy`.

    A host is slow when its average is more than `exclusion_threshold` times that of the
    fastest, and 1 ms more. Averages are moving: what is `scale` seconds older weighs about a
    third. Hosts with fewer than `min_measured` answers are not judged, and slow ones are tried
    again `retry_period` seconds after their last answer.

    It watches the cluster as an `Observer`, which the cluster sees to. Raises
    `InvalidArgument` or `InvalidArgumentType` for arguments that cannot be used.

    Example::

        policy = TokenAwarePolicy(DCAwareRoundRobinPolicy(), latency_awareness=LatencyAwareness())
    """

    def __init__(
        self,
        exclusion_threshold: float = 2.0,
        scale: float = 0.1,
        retry_period: float = 10.0,
        min_measured: int = 50,
    ) -> None:
        self.exclusion_threshold = check_seconds("exclusion_threshold", exclusion_threshold)
        self.scale = check_seconds("scale", scale)
        self.retry_period = check_seconds("retry_period", retry_period)
        self.min_measured = check_count("min_measured", min_measured, 1)
        if exclusion_threshold < 1 or scale == 0:
            raise InvalidArgument("give an exclusion_threshold of 1 or more, and a scale above 0")
        self._averages: dict[int, list[float]] = {}
        """By `Host.key`: the average, when it was answered last, and how many times."""
        self._slow: set[int] = set()
        self._now = self._judged = 0.0

    def is_slow(self, host: Host) -> bool:
        """Say whether other hosts shall be asked before this one."""
        return host.key in self._slow

    def average(self, host: Host) -> float | None:
        """Return the host's average latency in seconds, None before anything is known."""
        found = self._averages.get(host.key)
        return None if found is None else found[0]

    def attempt_ended(
        self, request: Any, host: Host, error: BaseException | None, duration: float
    ) -> None:
        """Take the attempt into account, unless it failed otherwise than by taking long."""
        self._now = now = max(self._now, request.started_at + duration)
        if error is None or isinstance(error, Timeout):
            average = self._averages.setdefault(host.key, [duration, now, 0])
            average[0] += (duration - average[0]) * (1 - exp((average[1] - now) / self.scale))
            average[1] = now
            average[2] += 1
        if now - self._judged >= self.scale:
            self._judged = now
            self._judge()

    def _judge(self) -> None:
        averages = {
            key: average
            for key, (average, answered, count) in self._averages.items()
            if count >= self.min_measured and self._now - answered < self.retry_period
        }
        limit = min(averages.values(), default=0.0) * self.exclusion_threshold + _LEAST_LAG
        self._slow = {key for key, average in averages.items() if average > limit}

    def host_changed(self, host: Host, change: str) -> None:
        """Forget a host that is gone, or was."""
        if change in ("removed", "down"):
            self._averages.pop(host.key, None)
            self._slow.discard(host.key)
