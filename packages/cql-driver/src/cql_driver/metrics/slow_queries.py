"""`SlowQueryLogger`: one line for each request that took too long."""

from __future__ import annotations

from time import monotonic

from cql_driver.core.observers import Observer
from cql_driver.errors import InvalidArgument
from cql_driver.logs import get_logger
from cql_driver.metrics.texts import parameters_of, text_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["SlowQueryLogger"]

log = get_logger("cql_driver.slow_queries")


class SlowQueryLogger(Observer):
    """Logs requests that took `threshold` seconds or more, as warnings of one line.

    Lines go to the logger ``cql_driver.slow_queries`` and tell duration, coordinator,
    attempts, the error if there was one, and the text of the statement, cut to `max_length`
    characters. Values never appear, not even literals of the text, unless `log_parameters`
    is True; then bound values are shown as they were sent, cut to `max_length` as well.

    At most `rate_limit` lines are written per second (None: no limit); the next line tells
    how many were left out, and `suppressed` is how many there were in all.

    Raises `InvalidArgument` for a negative `threshold`, or a `max_length` or `rate_limit`
    below 1.

    Example::

        cluster = Cluster(observers=[SlowQueryLogger(threshold=0.5)])
    """

    suppressed: int
    """Slow requests that were not logged because of `rate_limit`."""

    def __init__(
        self,
        threshold: float = 1.0,
        log_parameters: bool = False,
        max_length: int = 200,
        rate_limit: int | None = 10,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if threshold < 0:
            raise InvalidArgument(f"threshold is {threshold}: give seconds, 0 or more")
        if max_length < 1:
            raise InvalidArgument(f"max_length is {max_length}: give 1 character or more")
        if rate_limit is not None and rate_limit < 1:
            raise InvalidArgument(f"rate_limit is {rate_limit}: give 1 or more, or None")
        self.threshold = threshold
        self.log_parameters = log_parameters
        self.max_length = max_length
        self.rate_limit = rate_limit
        self.suppressed = 0
        self._untold = 0
        self._clock = clock
        self._second = float("-inf")
        self._written = 0

    def request_ended(self, request: Any, error: BaseException | None, duration: float) -> None:
        """Log the request if it was slow."""
        if duration < self.threshold:
            return
        if not self._may_write():
            self.suppressed += 1
            self._untold += 1
            return
        untold, self._untold = self._untold, 0
        log.warning("%s", self._line(request, error, duration, untold))

    def _may_write(self) -> bool:
        if self.rate_limit is None:
            return True
        now = self._clock()
        if now - self._second >= 1:
            self._second = now
            self._written = 0
        self._written += 1
        return self._written <= self.rate_limit

    def _line(self, request: Any, error: BaseException | None, duration: float, untold: int) -> str:
        attempts = request.attempts
        plural = "" if attempts == 1 else "s"
        parts = [f"{duration:.3f} s", f"host {request.host}", f"{attempts} attempt{plural}"]
        if error is not None:
            parts.append(type(error).__name__)
        statement = request.statement
        text = text_of(statement, self.max_length, literals=self.log_parameters)
        line = f"Slow request: {', '.join(parts)}: {text}"
        if self.log_parameters:
            parameters = parameters_of(statement, self.max_length)
            line += "" if parameters is None else f" with {parameters}"
        return f"{line} ({untold} more not logged)" if untold else line
