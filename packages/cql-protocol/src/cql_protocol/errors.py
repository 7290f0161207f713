"""The one exception tree of the driver. Everything it raises derives from `DriverException`.

The exception of a server error *is* the decoded ERROR message: its attributes are the
message's fields (spec section 9), and `code` the number the server sent. Two classes tell
whose fault a breach of the protocol is: `LocalProtocolError` (yours) and
`RemoteProtocolError` (the peer's).
"""

from __future__ import annotations

from cql_protocol import enums
from cql_protocol.enums import consistency_value_to_name

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any
    from uuid import UUID

    from cql_protocol.enums import OperationType

__all__ = [
    "AlreadyExists",
    "AuthenticationFailed",
    "CASWriteUnknown",
    "CDCWriteFailure",
    "ConfigurationException",
    "ConnectionClosed",
    "CoordinationFailure",
    "DecodeError",
    "DependencyException",
    "DriverException",
    "FrameTooLarge",
    "FunctionFailure",
    "InvalidRequest",
    "InvalidTypeName",
    "InvalidValue",
    "InvalidValueType",
    "IsBootstrapping",
    "LocalProtocolError",
    "NoHostAvailable",
    "OperationTimedOut",
    "Overloaded",
    "PluginError",
    "PreparedQueryNotFound",
    "ProtocolVersionUnsupported",
    "ProtocolViolation",
    "RateLimitReached",
    "ReadFailure",
    "ReadTimeout",
    "RemoteProtocolError",
    "RequestExecutionException",
    "RequestValidationException",
    "ServerError",
    "StreamsExhausted",
    "SyntaxException",
    "Timeout",
    "TruncateError",
    "Unauthorized",
    "Unavailable",
    "UnresolvableContactPoints",
    "UnsupportedOperation",
    "ValueOutOfRange",
    "WriteFailure",
    "WriteTimeout",
]


class DriverException(Exception):
    """Base of everything this driver raises: catch it to catch them all."""

    code: int | None = None
    """The error code the server sent (spec section 9); None when no server sent it."""
    tracing_id: UUID | None = None
    """The trace of the request that failed, when tracing was asked for."""
    warnings: Sequence[str] = ()
    """Warnings the server sent along."""
    custom_payload: Mapping[str, bytes | None] | None = None
    """The custom payload the server sent along."""

    _summary: str | None = None

    @property
    def message(self) -> str:
        """The text of the error as the server or the driver wrote it, without the fields."""
        if self._summary is not None:
            return self._summary
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    cls: type[DriverException], args: tuple[Any, ...], fields: dict[str, Any]
) -> DriverException:
    """Make a pickled or copied error again, without the checks and texts of `__init__`."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(fields)
    return error


# --- breaches of the protocol ------------------------------------------------------------


class LocalProtocolError(DriverException):
    """The caller asked for something the protocol or the state of the connection forbids.

    Nothing has been sent, and the connection can still be used.
    """


class StreamsExhausted(LocalProtocolError):
    """No stream id is free: every one waits for an answer of the server."""


class RemoteProtocolError(DriverException):
    """The peer sent bytes that the protocol does not allow."""


class FrameTooLarge(RemoteProtocolError):
    """The peer announced a frame above the configured maximum."""


class DecodeError(RemoteProtocolError):
    """The bytes of a value do not fit its type."""


class ConnectionClosed(DriverException):
    """The connection ended before the request was answered."""


# --- values and names that cannot be sent ------------------------------------------------


class InvalidValue(DriverException):
    """A value cannot be sent as the type its column has."""


class InvalidValueType(InvalidValue, TypeError):
    """The value's Python type cannot be sent as the column's type."""


class ValueOutOfRange(InvalidValue, ValueError):
    """The value's Python type fits, the value itself does not."""


class InvalidTypeName(DriverException, ValueError):
    """The text is not the name of a CQL type, nor of a type class of the server."""


class PluginError(DriverException):
    """A plugin asked for by name is missing, broken, or offered twice."""


# --- errors of the client side -----------------------------------------------------------


class AuthenticationFailed(DriverException):
    """The server did not accept the credentials, or none were given (code 0x0100)."""


class OperationTimedOut(DriverException):
    """The client gave up waiting; the server may still carry the request out.

    `errors` maps hosts to what went wrong there, `last_host` is the one last waited for,
    `timeout` is in seconds, `in_flight` the number of requests the connection carried.
    """

    def __init__(
        self,
        errors: Mapping[Any, Any] | str | None = None,
        last_host: Any = None,
        timeout: float | None = None,
        in_flight: int | None = None,
    ) -> None:
        self.errors = errors
        self.last_host = last_host
        self.timeout = timeout
        self.in_flight = in_flight
        text = f"errors={errors}, last_host={last_host}"
        details = [
            f"timeout={timeout}s" if timeout is not None else "",
            f"in_flight={in_flight}" if in_flight is not None else "",
        ]
        shown = ", ".join(filter(None, details))
        super().__init__(f"{text} ({shown})" if shown else text)


class NoHostAvailable(DriverException):
    """No host could serve the request. `errors` maps each host tried to its error."""

    def __init__(self, message: str, errors: Mapping[Any, Any]) -> None:
        super().__init__(message, errors)
        self.errors = errors

    def __str__(self) -> str:
        # Not the pair of arguments: the message, and what it does not tell of the errors.
        text = self.message
        untold = [
            f"{host}: {type(error).__name__}: {error}"
            for host, error in self.errors.items()
            if str(error) not in text
        ]
        return f"{text} ({'; '.join(untold)})" if untold else text


class UnresolvableContactPoints(DriverException):
    """None of the contact points could be resolved to an address."""


class UnsupportedOperation(DriverException):
    """The operation needs something that this protocol version or server does not have."""


class DependencyException(DriverException):
    """An optional library that the operation needs could not be loaded.

    `excs` holds the errors of the attempts to load it.
    """

    def __init__(self, msg: str, excs: Sequence[BaseException] = ()) -> None:
        self.excs = list(excs)
        causes = "".join(f"; {type(exc).__name__}: {exc}" for exc in self.excs)
        super().__init__(f"{msg}{causes}")


# --- errors of the server: the request was valid, running it failed ----------------------


class RequestExecutionException(DriverException):
    """The server could not carry out a valid request."""


class ServerError(RequestExecutionException):
    """Something unexpected happened in the server (0x0000), or a code we do not know."""


class ProtocolViolation(RequestExecutionException):
    """The server says that the client broke the protocol (0x000A)."""


class ProtocolVersionUnsupported(ProtocolViolation):
    """The server does not speak the version asked for (spec section 2.1).

    `requested` is the version this side asked for, `offered` the one the server answered
    in, 0 when that was ours. Try again on a new connection with a version that both speak.
    """

    requested: int = 0
    offered: int = 0


class Overloaded(RequestExecutionException):
    """The coordinator has too much to do (0x1001)."""


class IsBootstrapping(RequestExecutionException):
    """The coordinator is still joining the cluster and cannot serve reads (0x1002)."""


class TruncateError(RequestExecutionException):
    """A TRUNCATE failed (0x1003)."""


class CDCWriteFailure(RequestExecutionException):
    """A write to a table with change data capture failed (0x1600)."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


class _WithFields(RequestExecutionException):
    """An error whose text shows the fields that came with it."""

    def __init__(self, summary: str, info: Mapping[str, object]) -> None:
        super().__init__(f"{summary} info={dict(info)!r}")
        self._summary = summary


class Unavailable(_WithFields):
    """Too few replicas are alive for the consistency level (0x1000).

    Nothing was read or written.
    """

    def __init__(
        self,
        summary_message: str,
        consistency: int | None = None,
        required_replicas: int | None = None,
        alive_replicas: int | None = None,
    ) -> None:
        self.consistency = consistency
        self.required_replicas = required_replicas
        self.alive_replicas = alive_replicas
        info = {
            "consistency": consistency_value_to_name(consistency),
            "required_replicas": required_replicas,
            "alive_replicas": alive_replicas,
        }
        super().__init__(summary_message, info)


class _Coordinated(_WithFields):
    """An error of a request that the coordinator sent to `required_responses` replicas."""

    def __init__(
        self,
        summary_message: str,
        consistency: int | None = None,
        required_responses: int | None = None,
        received_responses: int | None = None,
        **info: object,
    ) -> None:
        self.consistency = consistency
        self.required_responses = required_responses
        self.received_responses = received_responses
        shown = {
            "consistency": consistency_value_to_name(consistency),
            "required_responses": required_responses,
            "received_responses": received_responses,
            **info,
        }
        super().__init__(summary_message, shown)


class Timeout(_Coordinated):
    """Replicas did not answer the coordinator in time."""


class ReadTimeout(Timeout):
    """Replicas did not answer a read in time (0x1200).

    `data_retrieved` tells whether the replica asked for the data itself had answered.
    """

    def __init__(self, message: str, data_retrieved: bool | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.data_retrieved = data_retrieved


class WriteTimeout(Timeout):
    """Replicas did not acknowledge a write in time (0x1100); it may have been applied.

    `write_type` is a `WriteType`; `contentions` counts those of a conditional write
    (protocol 5, else None).
    """

    contentions: int | None = None

    def __init__(self, message: str, write_type: int | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs, write_type=_write_type_name(write_type))
        self.write_type = write_type


class CASWriteUnknown(Timeout):
    """It is unknown whether a conditional write was applied (0x1700)."""


class CoordinationFailure(_Coordinated):
    """Replicas answered the coordinator with errors.

    `failures` counts them; `error_code_map` (protocol 5) maps the address of each failed
    replica to its reason code.
    """

    def __init__(
        self,
        summary_message: str,
        consistency: int | None = None,
        required_responses: int | None = None,
        received_responses: int | None = None,
        failures: int | None = None,
        error_code_map: Mapping[str, int] | None = None,
        **info: object,
    ) -> None:
        self.failures = failures
        self.error_code_map = error_code_map
        info["failures"] = failures
        if error_code_map is not None:
            info["error_code_map"] = {
                host: f"0x{code:04x}" for host, code in error_code_map.items()
            }
        super().__init__(
            summary_message, consistency, required_responses, received_responses, **info
        )


class ReadFailure(CoordinationFailure):
    """Replicas failed a read (0x1300), for instance on too many tombstones."""

    def __init__(self, message: str, data_retrieved: bool | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.data_retrieved = data_retrieved


class WriteFailure(CoordinationFailure):
    """Replicas failed a write (0x1500)."""

    def __init__(self, message: str, write_type: int | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs, write_type=_write_type_name(write_type))
        self.write_type = write_type


class FunctionFailure(RequestExecutionException):
    """A user-defined function failed while it ran (0x1400)."""

    def __init__(
        self, summary_message: str, keyspace: str, function: str, arg_types: Sequence[str]
    ) -> None:
        self.keyspace = keyspace
        self.function = function
        self.arg_types = list(arg_types)
        super().__init__(summary_message)


def _write_type_name(write_type: int | None) -> str | None:
    if write_type is None:
        return None
    return enums.WriteType.value_to_name.get(write_type, str(write_type))


# --- errors of the server: the request itself is wrong -----------------------------------


class RequestValidationException(DriverException):
    """The server refused the request before running it."""


class SyntaxException(RequestValidationException):
    """The text of the statement is not CQL (0x2000)."""


class Unauthorized(RequestValidationException):
    """The role that is logged in lacks the permission (0x2100)."""


class InvalidRequest(RequestValidationException):
    """The statement is CQL, but not valid here (0x2200): an unknown table, for instance."""


class PreparedQueryNotFound(RequestValidationException):
    """The node does not know the prepared statement (0x2500): prepare it there again.

    `query_id` is the id the node does not know.
    """

    def __init__(self, message: str, query_id: bytes = b"") -> None:
        super().__init__(message)
        self.query_id = query_id


class ConfigurationException(RequestValidationException):
    """The statement is invalid because of some configuration (0x2300)."""


class AlreadyExists(ConfigurationException):
    """The keyspace or table to create exists already (0x2400).

    `table` is None when it was a keyspace.
    """

    def __init__(
        self,
        keyspace: str | None = None,
        table: str | None = None,
        message: str | None = None,
    ) -> None:
        self.keyspace = keyspace
        self.table = table
        if message is None:
            what = f"Table '{keyspace}.{table}'" if table else f"Keyspace '{keyspace}'"
            message = f"{what} already exists"
        super().__init__(message)


class RateLimitReached(ConfigurationException):
    """The partition's rate limit is exceeded (ScyllaDB, code negotiated).

    `op_type` is an `OperationType`; `rejected_by_coordinator` tells who refused.
    """

    def __init__(
        self,
        op_type: OperationType | None = None,
        rejected_by_coordinator: bool = False,
        message: str | None = None,
    ) -> None:
        self.op_type = op_type
        self.rejected_by_coordinator = rejected_by_coordinator
        if message is None:
            name = op_type.name if op_type is not None else None
            message = (
                f"[request_error_rate_limit_reached OpType={name} "
                f"RejectedByCoordinator={rejected_by_coordinator}]"
            )
        super().__init__(message)
