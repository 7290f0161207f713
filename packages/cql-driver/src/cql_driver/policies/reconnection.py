"""How long to wait between attempts to reach a node that is down."""

from __future__ import annotations

from itertools import repeat

from cql_driver.errors import InvalidArgument
from cql_driver.policies.chance import jittered
from cql_driver.policies.checks import check_count, check_seconds

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ConstantReconnectionPolicy", "ExponentialReconnectionPolicy", "ReconnectionPolicy"]


class ReconnectionPolicy:
    """Says when to try again to reach a node that is down; subclass it for other schedules."""

    def new_schedule(self) -> Iterator[float]:
        """Return the delays before each attempt, in seconds; where they end, attempts end."""
        raise NotImplementedError


class ConstantReconnectionPolicy(ReconnectionPolicy):
    """Waits `delay` seconds before every attempt.

    `max_attempts` ends it; with None, the default, it goes on until the node answers, which
    is what you want unless something else tells the driver of the node. Raises
    `InvalidArgument` or `InvalidArgumentType` for arguments that cannot be used.
    """

    def __init__(self, delay: float, max_attempts: int | None = None) -> None:
        self.delay = check_seconds("delay", delay)
        self.max_attempts = _check_attempts(max_attempts)

    def new_schedule(self) -> Iterator[float]:
        """Return the delay again and again."""
        if self.max_attempts is None:
            return repeat(self.delay)
        return repeat(self.delay, self.max_attempts)


class ExponentialReconnectionPolicy(ReconnectionPolicy):
    """Waits `base_delay` seconds, then each time twice as long, `max_delay` at most.

    Each delay is varied by up to 15 %, so that many clients do not all come back at once,
    but stays within the two. See `ConstantReconnectionPolicy` for `max_attempts`. Raises
    `InvalidArgument` or `InvalidArgumentType` for arguments that cannot be used.

    Example::

        policy = ExponentialReconnectionPolicy(base_delay=1, max_delay=60)
    """

    def __init__(
        self, base_delay: float, max_delay: float, max_attempts: int | None = None
    ) -> None:
        self.base_delay = check_seconds("base_delay", base_delay)
        self.max_delay = check_seconds("max_delay", max_delay)
        if max_delay < base_delay:
            raise InvalidArgument(
                f"max_delay is {max_delay}: give base_delay, {base_delay}, or more"
            )
        self.max_attempts = _check_attempts(max_attempts)

    def new_schedule(self) -> Iterator[float]:
        """Return the growing delays."""
        delay = self.base_delay
        attempts = repeat(None) if self.max_attempts is None else repeat(None, self.max_attempts)
        for _ in attempts:
            yield jittered(delay, self.base_delay, self.max_delay)
            # Doubling what is capped never overflows, unlike a power of the attempt's number.
            delay = min(delay * 2, self.max_delay)


def _check_attempts(max_attempts: int | None) -> int | None:
    return None if max_attempts is None else check_count("max_attempts", max_attempts)
