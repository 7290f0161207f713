"""Asking a second host before the first one has answered."""

from __future__ import annotations

from cql_driver.policies.base import check_count, check_seconds

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = [
    "ConstantSpeculativeExecutionPolicy",
    "NoSpeculativeExecutionPlan",
    "NoSpeculativeExecutionPolicy",
    "SpeculativeExecutionPlan",
    "SpeculativeExecutionPolicy",
]


class SpeculativeExecutionPlan:
    """When one request is sent once more; asked again after each time."""

    def next_execution(self, host: Host | None) -> float:
        """Return the seconds to wait before asking another host, below 0 for no more.

        `host` is the one asked last.
        """
        raise NotImplementedError


class SpeculativeExecutionPolicy:
    """Sends a request to more hosts when answers take long; the first answer counts.

    Only statements marked as idempotent are sent more than once.
    """

    def new_plan(self, keyspace: str | None, statement: Any) -> SpeculativeExecutionPlan:
        """Return the plan of one request."""
        raise NotImplementedError


class NoSpeculativeExecutionPlan(SpeculativeExecutionPlan):
    """Waits for the first host."""

    def next_execution(self, host: Host | None) -> float:
        """Return -1."""
        return -1


class NoSpeculativeExecutionPolicy(SpeculativeExecutionPolicy):
    """Sends each request once; the default."""

    def new_plan(self, keyspace: str | None, statement: Any) -> SpeculativeExecutionPlan:
        """Return the plan that waits."""
        return NO_PLAN


NO_PLAN = NoSpeculativeExecutionPlan()


class LimitedPlan(SpeculativeExecutionPlan):
    """Waits the same time before each of a number of further executions."""

    __slots__ = ("delay", "remaining")

    def __init__(self, delay: float, max_attempts: int) -> None:
        self.delay = delay
        self.remaining = max_attempts

    def next_execution(self, host: Host | None) -> float:
        """Return the delay as often as there are attempts, then -1."""
        if self.remaining <= 0:
            return -1
        self.remaining -= 1
        return self.delay


class ConstantSpeculativeExecutionPolicy(SpeculativeExecutionPolicy):
    """Asks one more host every `delay` seconds, up to `max_attempts` besides the first.

    Choose a delay above what most requests take, or all hosts get more work for nothing;
    `PercentileSpeculativeExecutionPolicy` finds it out by itself. Raises `InvalidArgument`
    or `InvalidArgumentType` for arguments that cannot be used.
    """

    class ConstantSpeculativeExecutionPlan(LimitedPlan):
        """The plan of one request."""

    def __init__(self, delay: float, max_attempts: int) -> None:
        self.delay = check_seconds("delay", delay)
        self.max_attempts = check_count("max_attempts", max_attempts)

    def new_plan(self, keyspace: str | None, statement: Any) -> SpeculativeExecutionPlan:
        """Return a plan with all attempts left."""
        return self.ConstantSpeculativeExecutionPlan(self.delay, self.max_attempts)
