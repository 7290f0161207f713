"""`decide` as a table: each class of errors, and each thing that a policy may answer."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.core.decide import (
    FINISH,
    IGNORE,
    NEXT_HOST,
    REPREPARE,
    SAME_HOST,
    Decision,
    decide,
)
from cql_driver.errors import (
    ConnectionBusy,
    ConnectionShutdown,
    NoConnectionsAvailable,
    RequestCancelled,
    SessionShutdown,
)
from cql_driver.policies import RetryPolicy
from cql_driver.query import SimpleStatement
from cql_protocol.enums import ConsistencyLevel, WriteType
from cql_protocol.errors import (
    AlreadyExists,
    AuthenticationFailed,
    ConnectionClosed,
    DriverException,
    FunctionFailure,
    InvalidRequest,
    IsBootstrapping,
    OperationTimedOut,
    Overloaded,
    PreparedQueryNotFound,
    ProtocolViolation,
    ReadFailure,
    ReadTimeout,
    RemoteProtocolError,
    ServerError,
    SyntaxException,
    TruncateError,
    Unauthorized,
    Unavailable,
    WriteFailure,
    WriteTimeout,
)

ONE, QUORUM = ConsistencyLevel.ONE, ConsistencyLevel.QUORUM
SERIAL, LOCAL_SERIAL = ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL


class Scripted(RetryPolicy):
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    def on_read_timeout(self, *args: Any) -> Any:
        self.asked.append(("read", *args))
        return self.answer

    def on_write_timeout(self, *args: Any) -> Any:
        self.asked.append(("write", *args))
        return self.answer

    def on_unavailable(self, *args: Any) -> Any:
        self.asked.append(("unavailable", *args))
        return self.answer

    def on_request_error(self, *args: Any) -> Any:
        self.asked.append(("error", *args))
        return self.answer


def fields(error: Any, **values: Any) -> DriverException:
    for name, value in values.items():
        setattr(error, name, value)
    assert isinstance(error, DriverException)
    return error


READ = fields(
    ReadTimeout("r"),
    consistency=QUORUM,
    required_responses=2,
    received_responses=1,
    data_retrieved=True,
)
WRITE = fields(
    WriteTimeout("w"),
    consistency=QUORUM,
    required_responses=2,
    received_responses=1,
    write_type=WriteType.SIMPLE,
)
UNAVAILABLE = Unavailable("u", QUORUM, 2, 1)
STATEMENT = SimpleStatement("SELECT k FROM t")


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (READ, ("read", STATEMENT, QUORUM, 2, 1, True, 3)),
        (WRITE, ("write", STATEMENT, QUORUM, WriteType.SIMPLE, 2, 1, 3)),
        (UNAVAILABLE, ("unavailable", STATEMENT, QUORUM, 2, 1, 3)),
    ],
)
def test_policies_are_asked_what_the_error_says(error: Any, asked: tuple[Any, ...]) -> None:
    policy = Scripted((RetryPolicy.RETHROW, None))
    assert decide(error, policy, STATEMENT, ONE, 3, 0) == Decision(FINISH)
    assert policy.asked == [asked]


@pytest.mark.parametrize(
    "error",
    [
        Overloaded("o"),
        IsBootstrapping("b"),
        TruncateError("t"),
        ServerError("s"),
        ConnectionShutdown("c"),
        ConnectionClosed("c"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_policies_are_asked_about_errors_of_hosts(error: DriverException) -> None:
    policy = Scripted((RetryPolicy.RETRY_NEXT_HOST, None))
    assert decide(error, policy, STATEMENT, ONE, 1, 0) == Decision(NEXT_HOST)
    assert policy.asked == [("error", STATEMENT, ONE, error, 1)]


@pytest.mark.parametrize(
    "error",
    [
        SyntaxException("s"),
        InvalidRequest("i"),
        Unauthorized("u"),
        AlreadyExists("ks"),
        AuthenticationFailed("a"),
        ProtocolViolation("p"),
        RemoteProtocolError("p"),
        fields(ReadFailure("r")),
        fields(WriteFailure("w")),
        fields(FunctionFailure("f", "ks", "fn", ["int"])),
        OperationTimedOut("t"),
        RequestCancelled("c"),
        SessionShutdown("s"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_end_the_request_and_no_policy_is_asked(error: DriverException) -> None:
    policy = Scripted((RetryPolicy.RETRY, None))
    assert decide(error, policy, STATEMENT, ONE, 0, 0) == Decision(FINISH)
    assert policy.asked == []


@pytest.mark.parametrize("error", [ConnectionBusy("b"), NoConnectionsAvailable("n")])
def test_what_was_not_sent_goes_to_the_next_host(error: DriverException) -> None:
    policy = Scripted((RetryPolicy.RETHROW, None))
    assert decide(error, policy, STATEMENT, ONE, 9, 0) == Decision(NEXT_HOST)
    assert policy.asked == []


def test_a_forgotten_statement_is_prepared_twice_at_most() -> None:
    error = PreparedQueryNotFound("p", b"id")
    policy = Scripted((RetryPolicy.RETRY, None))
    actions = [decide(error, policy, STATEMENT, ONE, 0, n).action for n in range(4)]
    assert actions == [REPREPARE, REPREPARE, FINISH, FINISH]
    assert policy.asked == []


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        ((RetryPolicy.RETRY, None), Decision(SAME_HOST)),
        ((RetryPolicy.RETRY, ONE), Decision(SAME_HOST, ONE)),
        ((RetryPolicy.RETRY, ONE, 0.5), Decision(SAME_HOST, ONE, 0.5)),
        ((RetryPolicy.RETRY, None, None), Decision(SAME_HOST)),
        ((RetryPolicy.RETRY_NEXT_HOST, None), Decision(NEXT_HOST)),
        ((RetryPolicy.RETRY_NEXT_HOST, QUORUM, 2), Decision(NEXT_HOST, QUORUM, 2.0)),
        ((RetryPolicy.RETHROW, None), Decision(FINISH)),
        ((RetryPolicy.RETHROW, ONE, 5.0), Decision(FINISH)),
        ((RetryPolicy.IGNORE, None), Decision(IGNORE)),
        ((RetryPolicy.RETRY,), Decision(SAME_HOST)),
        ((99, None), Decision(FINISH)),
        (None, Decision(FINISH)),
    ],
)
@pytest.mark.parametrize("error", [READ, WRITE, UNAVAILABLE, ServerError("s")])
def test_answers_of_policies(error: Any, answer: Any, decision: Decision) -> None:
    assert decide(error, Scripted(answer), STATEMENT, ONE, 0, 0) == decision


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [
        (SERIAL, ONE, None),
        (LOCAL_SERIAL, QUORUM, None),
        (SERIAL, LOCAL_SERIAL, LOCAL_SERIAL),
        (QUORUM, ONE, ONE),
        (ONE, SERIAL, SERIAL),
    ],
)
def test_a_serial_read_stays_serial(before: int, after: int, result: int | None) -> None:
    policy = Scripted((RetryPolicy.RETRY, after))
    assert decide(READ, policy, STATEMENT, before, 0, 0).consistency == result


def test_what_a_policy_raises_comes_out() -> None:
    class Broken(RetryPolicy):
        def on_read_timeout(self, *args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        decide(READ, Broken(), STATEMENT, ONE, 0, 0)
