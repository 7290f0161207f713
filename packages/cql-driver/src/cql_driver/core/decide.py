"""`decide`: what the error of an attempt leads to. Pure: it touches nothing."""

from __future__ import annotations

from cql_driver.errors import ConnectionBusy, ConnectionShutdown, NoConnectionsAvailable
from cql_protocol.enums import ConsistencyLevel
from cql_protocol.errors import (
    ConnectionClosed,
    DriverException,
    IsBootstrapping,
    OperationTimedOut,
    Overloaded,
    PreparedQueryNotFound,
    ReadTimeout,
    ServerError,
    StreamsExhausted,
    TruncateError,
    Unavailable,
    WriteTimeout,
)
from cql_protocol.messages.base import Record

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

__all__ = [
    "FINISH",
    "IGNORE",
    "NEXT_HOST",
    "OF_THE_HOST",
    "REPREPARE",
    "SAME_HOST",
    "Decision",
    "decide",
]

FINISH: Final = 0
"""The error is the request's outcome."""
IGNORE: Final = 1
"""The request ends well, without rows."""
SAME_HOST: Final = 2
"""Try again on this host."""
NEXT_HOST: Final = 3
"""Try the next host of the plan."""
REPREPARE: Final = 4
"""Prepare the statement on this host, then try again there."""


class Decision(Record):
    """What to do, at which consistency level (None: as before), after how many seconds."""

    __slots__ = ("action", "consistency", "delay")

    def __init__(self, action: int, consistency: int | None = None, delay: float = 0.0) -> None:
        self.action = action
        self.consistency = consistency
        self.delay = delay


_FINISH = Decision(FINISH)
_NEXT_HOST = Decision(NEXT_HOST)
_REPREPARE = Decision(REPREPARE)

# What retry policies answer, see `cql_driver.policies.RetryPolicy`.
_ACTIONS = {0: SAME_HOST, 1: FINISH, 2: IGNORE, 3: NEXT_HOST}

OF_THE_HOST = (
    ConnectionClosed,
    ConnectionShutdown,
    IsBootstrapping,
    NoConnectionsAvailable,
    OperationTimedOut,
    Overloaded,
    ServerError,
    StreamsExhausted,
    Unavailable,
)
"""Errors of preparing a statement that another host may not have."""

_NOT_SENT = (ConnectionBusy, NoConnectionsAvailable)
_REQUEST_ERRORS = (
    Overloaded,
    IsBootstrapping,
    TruncateError,
    ConnectionShutdown,
    ConnectionClosed,
)
_MAX_REPREPARES = 2
"""How often one host is asked to prepare a statement that it keeps forgetting."""


def decide(
    error: DriverException,
    policy: Any,
    statement: Any,
    consistency: int,
    retries: int,
    reprepares: int,
) -> Decision:
    """Return what the error of an attempt leads to.

    `retries` counts what the policy had repeated so far, `reprepares` how often the host that
    failed was asked to prepare. What a policy raises is raised from here.
    """
    if isinstance(error, PreparedQueryNotFound):
        return _REPREPARE if reprepares < _MAX_REPREPARES else _FINISH
    if isinstance(error, _NOT_SENT):
        return _NEXT_HOST
    answer: Sequence[Any] | None
    if isinstance(error, ReadTimeout):
        answer = policy.on_read_timeout(
            statement,
            error.consistency,
            error.required_responses,
            error.received_responses,
            bool(error.data_retrieved),
            retries,
        )
    elif isinstance(error, WriteTimeout):
        answer = policy.on_write_timeout(
            statement,
            error.consistency,
            error.write_type,
            error.required_responses,
            error.received_responses,
            retries,
        )
    elif isinstance(error, Unavailable):
        answer = policy.on_unavailable(
            statement,
            error.consistency,
            error.required_replicas,
            error.alive_replicas,
            retries,
        )
    elif isinstance(error, _REQUEST_ERRORS) or type(error) is ServerError:
        answer = policy.on_request_error(statement, consistency, error, retries)
    else:
        return _FINISH
    return _read(answer, consistency)


def _read(answer: Sequence[Any] | None, before: int) -> Decision:
    """Read a policy's ``(decision, consistency)`` or ``(decision, consistency, delay)``."""
    if answer is None:
        return _FINISH
    action = _ACTIONS.get(answer[0], FINISH)
    if action == FINISH:
        return _FINISH
    consistency = answer[1] if len(answer) > 1 else None
    delay = float(answer[2] or 0.0) if len(answer) > 2 else 0.0
    if consistency is not None and _loses_serial(before, consistency):
        consistency = None
    return Decision(action, consistency, delay)


def _loses_serial(before: int, after: int) -> bool:
    """A read at a serial level stays serial, whatever a policy would make of it."""
    return ConsistencyLevel.is_serial(before) and not ConsistencyLevel.is_serial(after)
