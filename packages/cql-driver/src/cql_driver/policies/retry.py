"""What to do when an attempt of a request failed: policies that decide, and nothing else."""

from __future__ import annotations

from cql_driver.errors import ConnectionBusy, InvalidArgument, NoConnectionsAvailable
from cql_driver.policies.base import check_count, check_seconds, jittered
from cql_protocol import enums
from cql_protocol.enums import ConsistencyLevel
from cql_protocol.errors import IsBootstrapping, Overloaded, StreamsExhausted

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, Final

__all__ = [
    "DowngradingConsistencyRetryPolicy",
    "ExponentialBackoffRetryPolicy",
    "FallthroughRetryPolicy",
    "NeverRetryPolicy",
    "RetryPolicy",
    "may_repeat",
    "was_not_applied",
]

Decision = tuple[int, int | None] | tuple[int, int | None, float | None]
"""What to do, at which consistency level (None: the same), after how many seconds."""

_NOT_CARRIED_OUT = (IsBootstrapping, ConnectionBusy, NoConnectionsAvailable, StreamsExhausted)
_BATCH_LOG = 4
"""`WriteType.BATCH_LOG`"""


def may_repeat(query: Any) -> bool:
    """Say whether running the statement twice does no harm: it reads, or is idempotent."""
    return bool(getattr(query, "is_idempotent", False) or getattr(query, "is_read", False))


def was_not_applied(query: Any, error: BaseException | None) -> bool:
    """Say whether the attempt that failed with `error` surely changed nothing."""
    if isinstance(error, Overloaded):
        # A coordinator refuses a mutation before it sends any of it on. Of a batch it may
        # have sent on the mutations before.
        return getattr(query, "batch_type", None) is None
    return isinstance(error, _NOT_CARRIED_OUT)


class RetryPolicy:
    """Retries once where that promises well and cannot harm; the default.

    Each method is asked about one failed attempt, and returns ``(decision, consistency)``
    or ``(decision, consistency, delay)``: the consistency level for the next attempt (None:
    as before), and the seconds to wait before it. `query` is the statement, `retry_num` how
    many times it was retried so far. Subclass it to decide otherwise; what the methods
    here would retry is what the server's answer shows to be safe.

    Example::

        class PatientReads(RetryPolicy):
            def on_read_timeout(self, query, consistency, required_responses,
                                received_responses, data_retrieved, retry_num):
                if retry_num < 3:
                    return self.RETRY, consistency, 0.1 * (retry_num + 1)
                return self.RETHROW, None
    """

    RETRY: Final = 0
    """Try the same host again."""
    RETHROW: Final = 1
    """Raise the error."""
    IGNORE: Final = 2
    """Return a result without rows, as if the request had succeeded."""
    RETRY_NEXT_HOST: Final = 3
    """Try the next host of the query plan; when there is none, the request fails."""

    def on_read_timeout(
        self,
        query: Any,
        consistency: int,
        required_responses: int,
        received_responses: int,
        data_retrieved: bool,
        retry_num: int,
    ) -> Decision:
        """Decide about a `ReadTimeout`.

        Retried once if enough replicas responded but not the one asked for the data: the
        coordinator has noticed by now that this one is slow, and asks another one.
        """
        if retry_num == 0 and received_responses >= required_responses and not data_retrieved:
            return self.RETRY, consistency
        return self.RETHROW, None

    def on_write_timeout(
        self,
        query: Any,
        consistency: int,
        write_type: int,
        required_responses: int,
        received_responses: int,
        retry_num: int,
    ) -> Decision:
        """Decide about a `WriteTimeout`; `write_type` is a `WriteType`.

        Retried once if the batch log was not written in time, because then nothing of the
        batch was. Any other write may have been applied.
        """
        if retry_num == 0 and write_type == _BATCH_LOG:
            return self.RETRY, consistency
        return self.RETHROW, None

    def on_unavailable(
        self,
        query: Any,
        consistency: int,
        required_replicas: int,
        alive_replicas: int,
        retry_num: int,
    ) -> Decision:
        """Decide about `Unavailable`: nothing was read or written.

        Retried once on the next host, since this one may be cut off from the others.
        """
        return (self.RETRY_NEXT_HOST if retry_num == 0 else self.RETHROW), None

    def on_request_error(
        self, query: Any, consistency: int, error: BaseException, retry_num: int
    ) -> Decision:
        """Decide about any other error of a host or of the connection to it.

        The next host is tried if the request may be repeated (`may_repeat`) or surely changed
        nothing (`was_not_applied`); mark statements with ``is_idempotent=True`` where it
        holds, to have them retried.
        """
        again = may_repeat(query) or was_not_applied(query, error)
        return (self.RETRY_NEXT_HOST if again else self.RETHROW), None


class FallthroughRetryPolicy(RetryPolicy):
    """Never retries: every error goes to the caller."""

    def on_read_timeout(self, *args: Any, **kwargs: Any) -> Decision:
        """Raise the error."""
        return self.RETHROW, None

    def on_write_timeout(self, *args: Any, **kwargs: Any) -> Decision:
        """Raise the error."""
        return self.RETHROW, None

    def on_unavailable(self, *args: Any, **kwargs: Any) -> Decision:
        """Raise the error."""
        return self.RETHROW, None

    def on_request_error(self, *args: Any, **kwargs: Any) -> Decision:
        """Raise the error."""
        return self.RETHROW, None


class NeverRetryPolicy(FallthroughRetryPolicy):
    """Never retries: another name of `FallthroughRetryPolicy`."""


class ExponentialBackoffRetryPolicy(RetryPolicy):
    """Retries what `RetryPolicy` does, up to `max_num_retries` times, waiting longer each time.

    The first wait is `min_interval` seconds, each next one twice as long up to
    `max_interval`, all varied by 15 %. So a cluster in trouble is not hit harder for it.

    Raises `InvalidArgument` or `InvalidArgumentType` for arguments that cannot be used.

    Example::

        policy = ExponentialBackoffRetryPolicy(max_num_retries=5, max_interval=2)
    """

    def __init__(
        self,
        max_num_retries: int,
        min_interval: float = 0.1,
        max_interval: float = 10.0,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.max_num_retries = check_count("max_num_retries", max_num_retries)
        self.min_interval = check_seconds("min_interval", min_interval)
        self.max_interval = check_seconds("max_interval", max_interval)
        if max_interval < min_interval:
            raise InvalidArgument(
                f"max_interval is {max_interval}: give min_interval, {min_interval}, or more"
            )

    def on_read_timeout(
        self,
        query: Any,
        consistency: int,
        required_responses: int,
        received_responses: int,
        data_retrieved: bool,
        retry_num: int,
    ) -> Decision:
        """Retry if enough replicas responded but not the one asked for the data."""
        promising = received_responses >= required_responses and not data_retrieved
        return self._decide(self.RETRY, consistency, promising, retry_num)

    def on_write_timeout(
        self,
        query: Any,
        consistency: int,
        write_type: int,
        required_responses: int,
        received_responses: int,
        retry_num: int,
    ) -> Decision:
        """Retry if it was the batch log that was not written in time."""
        return self._decide(self.RETRY, consistency, write_type == _BATCH_LOG, retry_num)

    def on_unavailable(
        self,
        query: Any,
        consistency: int,
        required_replicas: int,
        alive_replicas: int,
        retry_num: int,
    ) -> Decision:
        """Retry on the next host."""
        return self._decide(self.RETRY_NEXT_HOST, None, True, retry_num)

    def on_request_error(
        self, query: Any, consistency: int, error: BaseException, retry_num: int
    ) -> Decision:
        """Retry on the next host if the request may be repeated or surely changed nothing."""
        again = may_repeat(query) or was_not_applied(query, error)
        return self._decide(self.RETRY_NEXT_HOST, None, again, retry_num)

    def _decide(
        self, decision: int, consistency: int | None, again: bool, retry_num: int
    ) -> Decision:
        if not again or retry_num >= self.max_num_retries:
            return self.RETHROW, None, None
        # 2**1024 is no float; 64 doublings lead from any sensible interval to any other.
        delay = min(self.min_interval * 2.0 ** min(retry_num, 64), self.max_interval)
        return decision, consistency, jittered(delay, self.min_interval, self.max_interval)


class DowngradingConsistencyRetryPolicy(RetryPolicy):
    """Retries once at the consistency level that the replicas alive can meet; deprecated.

    Reads may then miss what was written before, and writes be lost that seemed safe: it is
    better to choose a lower level knowingly. Never lowers a serial level, and repeats no
    write that is not idempotent.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        import warnings

        warnings.warn(
            "DowngradingConsistencyRetryPolicy is deprecated: choose the consistency level that "
            "the request needs, or retry in the application",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)

    def on_read_timeout(
        self,
        query: Any,
        consistency: int,
        required_responses: int,
        received_responses: int,
        data_retrieved: bool,
        retry_num: int,
    ) -> Decision:
        """Retry at a lower level if too few responded, at the same if only the data is missing."""
        if retry_num != 0:
            return self.RETHROW, None
        if received_responses < required_responses:
            return self._lowered(consistency, received_responses)
        return (self.RETHROW, None) if data_retrieved else (self.RETRY, consistency)

    def on_write_timeout(
        self,
        query: Any,
        consistency: int,
        write_type: int,
        required_responses: int,
        received_responses: int,
        retry_num: int,
    ) -> Decision:
        """Ignore a timeout if a replica has the write: it will reach the others."""
        if retry_num != 0:
            return self.RETHROW, None
        kinds = enums.WriteType
        if write_type in (kinds.SIMPLE, kinds.BATCH, kinds.COUNTER):
            return (self.IGNORE if received_responses > 0 else self.RETHROW), None
        if write_type == kinds.UNLOGGED_BATCH and may_repeat(query):
            return self._lowered(consistency, received_responses)
        if write_type == _BATCH_LOG:
            return self.RETRY, consistency
        return self.RETHROW, None

    def on_unavailable(
        self,
        query: Any,
        consistency: int,
        required_replicas: int,
        alive_replicas: int,
        retry_num: int,
    ) -> Decision:
        """Retry at the level that the replicas alive can meet."""
        if retry_num != 0:
            return self.RETHROW, None
        if ConsistencyLevel.is_serial(consistency):
            return self.RETRY_NEXT_HOST, None
        return self._lowered(consistency, alive_replicas)

    def _lowered(self, consistency: int, replicas: int) -> Decision:
        if replicas < 1 or ConsistencyLevel.is_serial(consistency):
            return self.RETHROW, None
        levels = (ConsistencyLevel.ONE, ConsistencyLevel.TWO, ConsistencyLevel.THREE)
        return self.RETRY, levels[min(replicas, 3) - 1]
