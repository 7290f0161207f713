"""`RequestOptions`: how requests of one execution profile are run, resolved once.

Deadlines are counted in ticks of the engine, so that arming one costs an addition.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["NEVER", "TICK", "RequestOptions", "ticks"]

TICK = 0.02
"""Seconds between two looks for requests that ran out of time."""
NEVER = 1 << 62
"""The deadline, in ticks, of what has none."""


def ticks(timeout: float | None) -> int:
    """Return how many ticks a request with this time-out may take, at least."""
    return NEVER if timeout is None else int(timeout / TICK) + 1


class RequestOptions:
    """What a profile says, in the form the core asks for.

    `timeout` is in seconds or None; `pick` is the cheap way to the first host, or None when
    the policy has none that fits its plan.
    """

    __slots__ = (
        "consistency_level",
        "load_balancing_policy",
        "pick",
        "retry_policy",
        "row_factory",
        "serial_consistency_level",
        "speculative_execution_policy",
        "ticks",
        "timeout",
    )

    def __init__(
        self,
        *,
        load_balancing_policy: Any,
        pick: Callable[[str | None, Any], Host | None] | None,
        retry_policy: Any,
        consistency_level: int,
        serial_consistency_level: int | None,
        timeout: float | None,
        row_factory: Callable[..., Any],
        speculative_execution_policy: Any = None,
    ) -> None:
        self.load_balancing_policy = load_balancing_policy
        self.pick = pick
        self.retry_policy = retry_policy
        self.consistency_level = consistency_level
        self.serial_consistency_level = serial_consistency_level
        self.timeout = timeout
        self.ticks = ticks(timeout)
        self.row_factory = row_factory
        self.speculative_execution_policy = speculative_execution_policy
