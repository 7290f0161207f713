"""What is tried again, where, and what is never repeated."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.errors import (
    ConnectionBusy,
    ConnectionShutdown,
    InvalidArgument,
    InvalidArgumentType,
    NoConnectionsAvailable,
)
from cql_driver.policies import (
    DowngradingConsistencyRetryPolicy,
    ExponentialBackoffRetryPolicy,
    FallthroughRetryPolicy,
    NeverRetryPolicy,
    RetryPolicy,
    may_repeat,
    was_not_applied,
)
from cql_protocol.enums import ConsistencyLevel, WriteType
from cql_protocol.errors import (
    IsBootstrapping,
    Overloaded,
    ServerError,
    StreamsExhausted,
    TruncateError,
)

QUORUM = ConsistencyLevel.QUORUM
RETRY, RETHROW, IGNORE, NEXT = 0, 1, 2, 3

PLAIN = SimpleNamespace(is_idempotent=False, is_read=False)
IDEMPOTENT = SimpleNamespace(is_idempotent=True, is_read=False)
READ = SimpleNamespace(is_idempotent=False, is_read=True)
BATCH = SimpleNamespace(is_idempotent=False, batch_type=1)

HARMLESS = [
    Overloaded(""),
    IsBootstrapping(""),
    ConnectionBusy(""),
    NoConnectionsAvailable(""),
    StreamsExhausted(""),
]
UNCLEAR = [ServerError(""), TruncateError(""), ConnectionShutdown("")]


def downgrading() -> DowngradingConsistencyRetryPolicy:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        return DowngradingConsistencyRetryPolicy()


def test_decisions_have_the_known_numbers() -> None:
    numbers = (
        RetryPolicy.RETRY,
        RetryPolicy.RETHROW,
        RetryPolicy.IGNORE,
        RetryPolicy.RETRY_NEXT_HOST,
    )
    assert numbers == (RETRY, RETHROW, IGNORE, NEXT)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (PLAIN, False),
        (IDEMPOTENT, True),
        (READ, True),
        (BATCH, False),
        (None, False),
        (object(), False),
    ],
)
def test_what_may_be_repeated(query: Any, expected: bool) -> None:
    assert may_repeat(query) is expected


def test_what_was_not_applied() -> None:
    assert all(was_not_applied(PLAIN, error) for error in HARMLESS)
    assert not any(was_not_applied(PLAIN, error) for error in [*UNCLEAR, None])
    # The coordinator may have refused the second mutation of a batch only.
    assert not was_not_applied(BATCH, Overloaded(""))
    assert was_not_applied(BATCH, IsBootstrapping(""))


# --- the default --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "data", "retry_num", "expected"),
    [
        (2, False, 0, (RETRY, QUORUM)),
        (3, False, 0, (RETRY, QUORUM)),
        (2, False, 1, (RETHROW, None)),
        (2, True, 0, (RETHROW, None)),
        (1, False, 0, (RETHROW, None)),
    ],
)
def test_a_read_is_repeated_once_when_only_the_data_is_missing(
    received: int, data: bool, retry_num: int, expected: object
) -> None:
    policy = RetryPolicy()
    assert policy.on_read_timeout(PLAIN, QUORUM, 2, received, data, retry_num) == expected


@pytest.mark.parametrize("kind", list(WriteType))
@pytest.mark.parametrize("query", [PLAIN, IDEMPOTENT, None])
def test_of_writes_only_the_batch_log_is_repeated_and_once(kind: WriteType, query: Any) -> None:
    policy = RetryPolicy()
    expected = (RETRY, QUORUM) if kind == WriteType.BATCH_LOG else (RETHROW, None)
    assert policy.on_write_timeout(query, QUORUM, kind, 2, 1, 0) == expected
    assert policy.on_write_timeout(query, QUORUM, kind, 2, 1, 1) == (RETHROW, None)


def test_unavailable_leads_to_the_next_host_once() -> None:
    policy = RetryPolicy()
    assert policy.on_unavailable(PLAIN, QUORUM, 2, 1, 0) == (NEXT, None)
    assert policy.on_unavailable(PLAIN, QUORUM, 2, 1, 1) == (RETHROW, None)


@pytest.mark.parametrize("error", HARMLESS + UNCLEAR, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("retry_num", [0, 5])
def test_other_errors_lead_to_the_next_host_where_that_is_harmless(
    error: Exception, retry_num: int
) -> None:
    policy = RetryPolicy()
    for query in (READ, IDEMPOTENT):
        assert policy.on_request_error(query, QUORUM, error, retry_num) == (NEXT, None)
    expected = (NEXT, None) if error in HARMLESS else (RETHROW, None)
    for query in (PLAIN, None, object()):
        assert policy.on_request_error(query, QUORUM, error, retry_num) == expected


# --- never --------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [FallthroughRetryPolicy, NeverRetryPolicy])
def test_never_means_never(cls: Any) -> None:
    policy = cls()
    assert policy.on_read_timeout(READ, QUORUM, 2, 2, False, 0) == (RETHROW, None)
    assert policy.on_write_timeout(READ, QUORUM, WriteType.BATCH_LOG, 2, 1, 0) == (RETHROW, None)
    assert policy.on_unavailable(READ, QUORUM, 2, 1, 0) == (RETHROW, None)
    assert policy.on_request_error(IDEMPOTENT, QUORUM, Overloaded(""), 0) == (RETHROW, None)


# --- with growing delays ------------------------------------------------------------------


@given(retry_num=st.integers(0, 5000))
def test_delays_grow_and_stay_within_their_bounds(retry_num: int) -> None:
    policy = ExponentialBackoffRetryPolicy(10_000, 0.1, 5)
    decision, consistency, delay = _three(policy.on_unavailable(PLAIN, QUORUM, 2, 1, retry_num))
    middle = min(0.1 * 2 ** min(retry_num, 10), 5)
    assert (decision, consistency) == (NEXT, None)
    assert delay is not None
    assert max(0.1, middle * 0.85) <= delay <= min(5, middle * 1.15)


def _three(decision: Any) -> tuple[int, int | None, float | None]:
    first, second, third = decision
    return first, second, third


def test_the_number_of_retries_ends_them() -> None:
    policy = ExponentialBackoffRetryPolicy(2)
    calls: list[Any] = [
        lambda n: policy.on_read_timeout(PLAIN, QUORUM, 2, 2, False, n),
        lambda n: policy.on_write_timeout(PLAIN, QUORUM, WriteType.BATCH_LOG, 2, 1, n),
        lambda n: policy.on_unavailable(PLAIN, QUORUM, 2, 1, n),
        lambda n: policy.on_request_error(IDEMPOTENT, QUORUM, ServerError(""), n),
    ]
    for call, expected in zip(calls, (RETRY, RETRY, NEXT, NEXT), strict=True):
        assert call(0)[0] == call(1)[0] == expected
        assert call(2) == (RETHROW, None, None)


def test_delays_do_not_make_unsafe_retries_safe() -> None:
    policy = ExponentialBackoffRetryPolicy(9)
    for error in UNCLEAR:
        assert policy.on_request_error(PLAIN, QUORUM, error, 0)[0] == RETHROW
    assert policy.on_request_error(PLAIN, QUORUM, Overloaded(""), 0)[0] == NEXT
    assert policy.on_write_timeout(PLAIN, QUORUM, WriteType.SIMPLE, 2, 1, 0)[0] == RETHROW
    assert policy.on_read_timeout(PLAIN, QUORUM, 2, 1, False, 0)[0] == RETHROW


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ((-1,), InvalidArgument, "max_num_retries"),
        (("3",), InvalidArgumentType, "max_num_retries"),
        ((3, -0.1), InvalidArgument, "min_interval"),
        ((3, 0.1, "10"), InvalidArgumentType, "max_interval"),
        ((3, 2, 1), InvalidArgument, "max_interval"),
        ((3, float("nan")), InvalidArgument, "min_interval"),
    ],
)
def test_arguments_of_the_backoff(arguments: Any, error: Any, named: str) -> None:
    with pytest.raises(error, match=named):
        ExponentialBackoffRetryPolicy(*arguments)


# --- at a lower level ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alive", "level"),
    [
        (1, ConsistencyLevel.ONE),
        (2, ConsistencyLevel.TWO),
        (3, ConsistencyLevel.THREE),
        (7, ConsistencyLevel.THREE),
    ],
)
def test_the_level_is_what_the_replicas_alive_can_meet(alive: int, level: int) -> None:
    policy = downgrading()
    assert policy.on_unavailable(PLAIN, ConsistencyLevel.ALL, 9, alive, 0) == (RETRY, level)
    assert policy.on_read_timeout(PLAIN, ConsistencyLevel.ALL, 9, alive, False, 0) == (RETRY, level)


def test_nothing_is_tried_with_no_replica_or_twice() -> None:
    policy = downgrading()
    for answer in (
        policy.on_unavailable(PLAIN, QUORUM, 2, 0, 0),
        policy.on_unavailable(PLAIN, QUORUM, 2, 1, 1),
        policy.on_read_timeout(PLAIN, QUORUM, 2, 0, False, 0),
        policy.on_read_timeout(PLAIN, QUORUM, 2, 1, False, 1),
        policy.on_read_timeout(PLAIN, QUORUM, 2, 2, True, 0),
        policy.on_write_timeout(IDEMPOTENT, QUORUM, WriteType.UNLOGGED_BATCH, 2, 1, 1),
    ):
        assert answer == (RETHROW, None)
    assert policy.on_read_timeout(PLAIN, QUORUM, 2, 2, False, 0) == (RETRY, QUORUM)


@pytest.mark.parametrize("serial", [ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL])
def test_a_serial_level_is_never_lowered(serial: ConsistencyLevel) -> None:
    policy = downgrading()
    assert policy.on_unavailable(READ, serial, 2, 1, 0) == (NEXT, None)
    assert policy.on_read_timeout(READ, serial, 2, 1, False, 0) == (RETHROW, None)
    assert policy.on_read_timeout(READ, serial, 2, 2, False, 0) == (RETRY, serial)
    answer = policy.on_write_timeout(IDEMPOTENT, serial, WriteType.UNLOGGED_BATCH, 2, 1, 0)
    assert answer == (RETHROW, None)


@pytest.mark.parametrize(
    ("kind", "received", "query", "expected"),
    [
        (WriteType.SIMPLE, 1, PLAIN, (IGNORE, None)),
        (WriteType.BATCH, 1, PLAIN, (IGNORE, None)),
        (WriteType.COUNTER, 0, PLAIN, (RETHROW, None)),
        (WriteType.UNLOGGED_BATCH, 1, PLAIN, (RETHROW, None)),
        (WriteType.UNLOGGED_BATCH, 1, IDEMPOTENT, (RETRY, ConsistencyLevel.ONE)),
        (WriteType.BATCH_LOG, 0, PLAIN, (RETRY, QUORUM)),
        (WriteType.CAS, 1, IDEMPOTENT, (RETHROW, None)),
    ],
)
def test_timeouts_of_writes_by_their_kind(
    kind: WriteType, received: int, query: Any, expected: object
) -> None:
    assert downgrading().on_write_timeout(query, QUORUM, kind, 2, received, 0) == expected


def test_other_errors_are_judged_as_by_default() -> None:
    policy = downgrading()
    assert policy.on_request_error(PLAIN, QUORUM, ServerError(""), 0) == (RETHROW, None)
    assert policy.on_request_error(READ, QUORUM, ServerError(""), 0) == (NEXT, None)
