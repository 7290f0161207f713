"""The exception tree: texts, fields, and that each error survives pickling and copying."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from cql_protocol import errors
from cql_protocol.enums import ConsistencyLevel, OperationType, WriteType
from cql_protocol.errors import (
    AlreadyExists,
    CASWriteUnknown,
    CDCWriteFailure,
    CoordinationFailure,
    DependencyException,
    DriverException,
    FunctionFailure,
    NoHostAvailable,
    OperationTimedOut,
    PreparedQueryNotFound,
    ProtocolVersionUnsupported,
    RateLimitReached,
    ReadFailure,
    ReadTimeout,
    Timeout,
    Unavailable,
    WriteFailure,
    WriteTimeout,
)

RESPONSES = {
    "consistency": ConsistencyLevel.QUORUM,
    "required_responses": 2,
    "received_responses": 1,
}
FAILURES: dict[str, Any] = {
    **RESPONSES,
    "failures": 1,
    "error_code_map": {"10.0.0.1": 0, "::1": 0x0102},
}

ARGUMENTS: dict[type[DriverException], tuple[tuple[Any, ...], dict[str, Any]]] = {
    OperationTimedOut: (({"host": "slow"}, "10.0.0.1", 0.5, 12), {}),
    NoHostAvailable: (("nobody", {"10.0.0.1": "refused"}), {}),
    DependencyException: (("no lz4", [ImportError("No module named 'lz4'")]), {}),
    CDCWriteFailure: (("cdc is full",), {}),
    Unavailable: (("too few", ConsistencyLevel.ALL, 3, 2), {}),
    Timeout: (("slow",), RESPONSES),
    ReadTimeout: (("slow", False), RESPONSES),
    WriteTimeout: (("slow", WriteType.CAS), RESPONSES),
    CASWriteUnknown: (("who knows",), RESPONSES),
    CoordinationFailure: (("failed",), FAILURES),
    ReadFailure: (("failed", True), FAILURES),
    WriteFailure: (("failed", WriteType.BATCH), FAILURES),
    FunctionFailure: (("division by zero", "ks", "f", ["int", "text"]), {}),
    PreparedQueryNotFound: (("unprepared", b"\x01\x02"), {}),
    AlreadyExists: (("ks", "t"), {}),
    RateLimitReached: ((OperationType.Write, True), {}),
}
"""How to make those that take more than a message."""

CLASSES = [getattr(errors, name) for name in errors.__all__]


def _make(cls: type[DriverException]) -> DriverException:
    arguments, named = ARGUMENTS.get(cls, (("the message",), {}))
    error = cls(*arguments, **named)
    error.code = 0x2200
    error.tracing_id = UUID(int=7)
    error.warnings = ["careful"]
    error.custom_payload = {"key": b"\x00"}
    return error


def _fields(error: DriverException) -> dict[str, Any]:
    """Return the attributes; exceptions among them have no equality, so by their texts."""
    return {name: repr(value) for name, value in vars(error).items()}


def test_all_names_every_class_of_the_module() -> None:
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BaseException) and name[0] != "_"
    }
    assert classes == set(errors.__all__)


@pytest.mark.parametrize("cls", CLASSES)
def test_one_root(cls: type[DriverException]) -> None:
    assert issubclass(cls, DriverException)
    assert cls.__doc__
    assert cls.code is None
    assert cls.warnings == ()


def _pickled(error: DriverException, protocol: int) -> Any:
    return pickle.loads(pickle.dumps(error, protocol))


COPIES = [
    pytest.param(partial(_pickled, protocol=protocol), id=f"pickle {protocol}")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
] + [pytest.param(copy.copy, id="copy"), pytest.param(copy.deepcopy, id="deepcopy")]


@pytest.mark.parametrize("duplicate", COPIES)
@pytest.mark.parametrize("cls", CLASSES)
def test_errors_can_be_pickled_and_copied(cls: type[DriverException], duplicate: Any) -> None:
    error = _make(cls)
    again = duplicate(error)
    assert type(again) is cls
    assert again is not error
    assert (str(again), again.message) == (str(error), error.message)
    assert repr(again) == repr(error)
    assert _fields(again) == _fields(error)


@pytest.mark.parametrize("cls", CLASSES)
def test_notes_travel_along(cls: type[DriverException]) -> None:
    error = _make(cls)
    error.add_note("while reading page 2")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while reading page 2"]


def test_a_copy_does_not_share_its_fields() -> None:
    error = _make(NoHostAvailable)
    again = copy.copy(error)
    again.tracing_id = None
    assert error.tracing_id == UUID(int=7)


def test_an_error_of_the_caller_can_derive_from_ours() -> None:
    class Mine(DriverException):
        def __init__(self, message: str, detail: int) -> None:
            super().__init__(message)
            self.detail = detail

    error = copy.copy(Mine("text", 5))
    assert (str(error), error.detail) == ("text", 5)


# --- texts and fields --------------------------------------------------------------------


@pytest.mark.parametrize("cls", [c for c in CLASSES if c not in ARGUMENTS])
def test_a_plain_error_is_its_message(cls: type[DriverException]) -> None:
    assert str(cls("what happened")) == "what happened"
    assert cls("what happened").message == "what happened"
    assert cls().message == ""


def test_the_text_shows_the_fields_and_the_message_does_not() -> None:
    error = Unavailable("Cannot achieve consistency", ConsistencyLevel.ALL, 3, 2)
    assert error.message == "Cannot achieve consistency"
    assert str(error) == (
        "Cannot achieve consistency info={'consistency': 'ALL', "
        "'required_replicas': 3, 'alive_replicas': 2}"
    )
    assert (error.consistency, error.required_replicas, error.alive_replicas) == (5, 3, 2)


def test_fields_that_are_unknown_are_said_to_be() -> None:
    error = Unavailable("few")
    assert "'consistency': 'Not Set'" in str(error)
    assert (error.consistency, error.required_replicas, error.alive_replicas) == (None, None, None)


def test_a_consistency_without_name_is_shown_as_number() -> None:
    assert "'consistency': '77'" in str(Timeout("slow", 77))


def test_a_read_timeout_tells_whether_the_data_came() -> None:
    error = ReadTimeout("slow", data_retrieved=True, **RESPONSES)
    assert error.data_retrieved is True
    assert (error.required_responses, error.received_responses) == (2, 1)
    assert "'consistency': 'QUORUM'" in str(error)
    assert error.message == "slow"


@pytest.mark.parametrize(
    ("kind", "shown"),
    [(WriteType.BATCH_LOG, "'BATCH_LOG'"), (None, "None"), (99, "'99'"), (-1, "'OTHER'")],
)
@pytest.mark.parametrize("cls", [WriteTimeout, WriteFailure])
def test_the_type_of_a_write_is_shown_by_name(cls: Any, kind: int | None, shown: str) -> None:
    error = cls("slow", write_type=kind)
    assert error.write_type == kind
    assert f"'write_type': {shown}" in str(error)


def test_a_write_timeout_has_room_for_contentions() -> None:
    error = WriteTimeout("slow", WriteType.CAS)
    assert error.contentions is None
    error.contentions = 4
    assert pickle.loads(pickle.dumps(error)).contentions == 4


def test_failures_show_the_reason_of_each_replica() -> None:
    error = ReadFailure("failed", **FAILURES)
    assert "'failures': 1" in str(error)
    assert "'error_code_map': {'10.0.0.1': '0x0000', '::1': '0x0102'}" in str(error)
    assert error.error_code_map == {"10.0.0.1": 0, "::1": 0x0102}
    assert error.data_retrieved is None


def test_failures_without_reasons_do_not_show_any() -> None:
    assert "error_code_map" not in str(WriteFailure("failed", failures=2))


def test_a_function_failure_names_the_function() -> None:
    error = FunctionFailure("division by zero", "ks", "f", ("int", "text"))
    assert (error.keyspace, error.function, error.arg_types) == ("ks", "f", ["int", "text"])
    assert str(error) == "division by zero"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("ks", "t"), "Table 'ks.t' already exists"),
        (("ks", None), "Keyspace 'ks' already exists"),
        (("ks", ""), "Keyspace 'ks' already exists"),
        (("ks", "t", "so the server says"), "so the server says"),
    ],
)
def test_what_exists_already(arguments: tuple[Any, ...], text: str) -> None:
    error = AlreadyExists(*arguments)
    assert str(error) == error.message == text
    assert (error.keyspace, error.table) == arguments[:2]


def test_a_rate_limit_says_whose_it_is() -> None:
    error = RateLimitReached(OperationType.Read, True)
    assert "OpType=Read" in str(error)
    assert "RejectedByCoordinator=True" in str(error)
    assert str(RateLimitReached(message="too fast")) == "too fast"
    assert "OpType=None" in str(RateLimitReached())


def test_a_client_timeout_shows_what_is_known() -> None:
    full = OperationTimedOut({"10.0.0.1": "slow"}, "10.0.0.1", timeout=0.5, in_flight=3)
    assert (
        str(full) == "errors={'10.0.0.1': 'slow'}, last_host=10.0.0.1 (timeout=0.5s, in_flight=3)"
    )
    assert str(OperationTimedOut()) == "errors=None, last_host=None"
    assert "(in_flight=0)" in str(OperationTimedOut(in_flight=0))
    assert (full.errors, full.last_host) == ({"10.0.0.1": "slow"}, "10.0.0.1")


def test_no_host_keeps_the_errors_of_all() -> None:
    refused = ConnectionRefusedError("refused")
    error = NoHostAvailable("nobody answers", {"10.0.0.1": refused})
    assert error.errors == {"10.0.0.1": refused}
    assert error.message == "nobody answers"
    assert "refused" in str(error)


def test_a_missing_dependency_shows_its_causes() -> None:
    cause = ImportError("No module named 'lz4'")
    error = DependencyException("cannot compress", [cause])
    assert error.excs == [cause]
    assert str(error) == "cannot compress; ImportError: No module named 'lz4'"
    assert DependencyException("alone").excs == []


def test_an_unknown_statement_keeps_its_id() -> None:
    assert PreparedQueryNotFound("unprepared", b"\x01").query_id == b"\x01"
    assert PreparedQueryNotFound("unprepared").query_id == b""


def test_versions_of_a_refusal() -> None:
    error = ProtocolVersionUnsupported("use 4")
    assert (error.requested, error.offered) == (0, 0)
    error.requested, error.offered = 5, 4
    again = copy.copy(error)
    assert (again.requested, again.offered) == (5, 4)


# --- who can catch it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("StreamsExhausted", ["LocalProtocolError"]),
        ("FrameTooLarge", ["RemoteProtocolError"]),
        ("DecodeError", ["RemoteProtocolError"]),
        ("InvalidValueType", ["InvalidValue", "TypeError"]),
        ("ValueOutOfRange", ["InvalidValue", "ValueError"]),
        ("InvalidTypeName", ["DriverException", "ValueError"]),
        ("ProtocolVersionUnsupported", ["ProtocolViolation"]),
        ("CASWriteUnknown", ["Timeout"]),
        ("RateLimitReached", ["ConfigurationException"]),
        ("AlreadyExists", ["ConfigurationException"]),
        ("NoHostAvailable", ["DriverException"]),
    ],
)
def test_bases(name: str, bases: list[str]) -> None:
    assert [base.__name__ for base in getattr(errors, name).__bases__] == bases


def test_whose_fault_is_never_both() -> None:
    ours = {cls for cls in CLASSES if issubclass(cls, errors.LocalProtocolError)}
    theirs = {cls for cls in CLASSES if issubclass(cls, errors.RemoteProtocolError)}
    assert ours
    assert theirs
    assert not ours & theirs
