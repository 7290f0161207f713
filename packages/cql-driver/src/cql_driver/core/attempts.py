"""What only some requests need: attempts beside the first, and what is remembered of failures."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from cql_driver.core.execution import Execution
    from cql_driver.core.link import Link
    from cql_driver.pools.host import Host
    from cql_protocol.errors import DriverException
    from cql_protocol.messages import Response

__all__ = ["Attempt", "Details"]


class Attempt:
    """An attempt beside the first: a receiver of its own on a stream of its own."""

    __slots__ = ("execution", "expires", "host", "link", "started_at", "stream")

    def __init__(self, execution: Execution, host: Host) -> None:
        self.execution = execution
        self.expires = execution.expires
        self.host: Host | None = host
        self.link: Link | None = None
        self.stream = -1
        self.started_at = 0.0

    def __call__(self, response: Response | DriverException) -> None:
        """Take the answer."""
        link, self.link = self.link, None
        self.execution.answered(self, link, response)

    def expire(self) -> None:
        """The execution is out of time."""
        self.execution.expire()


class Details:
    """What only some executions need."""

    __slots__ = (
        "agreed",
        "armed",
        "attempt_started_at",
        "attempted",
        "attempts",
        "consistency",
        "context",
        "custom_payload",
        "errors",
        "observed",
        "others",
        "pinned",
        "plan",
        "reprepares",
        "result",
        "retries",
        "speculation",
        "started_at",
        "timer",
        "tracing",
    )

    def __init__(self) -> None:
        self.agreed = True
        self.armed = False
        self.attempt_started_at = 0.0
        self.attempted: list[Host] = []
        self.attempts = 0
        self.consistency: int | None = None
        self.context: dict[Any, Any] | None = None
        self.custom_payload: Mapping[str, bytes | None] | None = None
        self.errors: dict[Any, BaseException] = {}
        self.observed = False
        self.others: list[Attempt] = []
        self.pinned: Host | None = None
        self.plan: Iterator[Host] | None = None
        self.reprepares: dict[int, int] = {}
        self.result: Response | None = None
        self.retries = 0
        self.speculation: Any = None
        self.started_at = 0.0
        self.timer: Any = None
        self.tracing = False
