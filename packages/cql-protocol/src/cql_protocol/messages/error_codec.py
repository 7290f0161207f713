"""ERROR: the codes of spec section 9, and the fields each carries behind its message.

A decoded ERROR is an exception of the tree in `cql_protocol.errors`. A code that is not
known becomes a `ServerError` that keeps the code.
"""

from __future__ import annotations

from collections.abc import Callable

from cql_protocol import enums, errors
from cql_protocol.errors import DriverException, LocalProtocolError
from cql_protocol.wire import (
    pack_byte,
    pack_int,
    pack_short,
    write_inetaddr,
    write_short_bytes,
    write_string,
    write_string_list,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.dialect import Dialect
    from cql_protocol.wire import Reader

__all__ = ["decode_error", "encode_error"]


def _responses(reader: Reader) -> dict[str, Any]:
    """Read <cl><received><blockfor>, which timeouts and failures begin with."""
    return {
        "consistency": reader.short(),
        "received_responses": reader.integer(),
        "required_responses": reader.integer(),
    }


def _unavailable(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    return errors.Unavailable(message, reader.short(), reader.integer(), reader.integer())


def _write_timeout(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    fields = _responses(reader)
    name = reader.string()
    error = errors.WriteTimeout(_named(message, name), _write_type(name), **fields)
    if name == "CAS" and dialect.version >= 5 and reader.end - reader.at >= 2:
        error.contentions = reader.short()
    return error


def _read_timeout(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    fields = _responses(reader)
    return errors.ReadTimeout(message, bool(reader.byte()), **fields)


def _failures(reader: Reader, dialect: Dialect) -> dict[str, Any]:
    """Read what a failure adds: a number up to version 4, reason codes by replica after."""
    fields = _responses(reader)
    count = reader.integer()
    fields["failures"] = count
    if dialect.version >= 5:
        _check_count(count, reader)
        fields["error_code_map"] = {reader.inetaddr(): reader.short() for _ in range(count)}
    return fields


def _check_count(count: int, reader: Reader) -> None:
    if not 0 <= count * 7 <= reader.end - reader.at:
        raise errors.RemoteProtocolError(
            f"{count} failed replicas announced, "
            f"but the body has {reader.end - reader.at} bytes left"
        )


def _read_failure(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    fields = _failures(reader, dialect)
    return errors.ReadFailure(message, bool(reader.byte()), **fields)


def _write_failure(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    fields = _failures(reader, dialect)
    name = reader.string()
    return errors.WriteFailure(_named(message, name), _write_type(name), **fields)


def _function_failure(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    return errors.FunctionFailure(message, reader.string(), reader.string(), reader.string_list())


def _cas_write_unknown(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    return errors.CASWriteUnknown(message, **_responses(reader))


def _already_exists(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    return errors.AlreadyExists(reader.string(), reader.string() or None, message or None)


def _unprepared(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    return errors.PreparedQueryNotFound(message, reader.short_bytes())


def _rate_limit(message: str, reader: Reader, dialect: Dialect) -> DriverException:
    operation = {0: enums.OperationType.Read, 1: enums.OperationType.Write}.get(reader.byte())
    return errors.RateLimitReached(operation, bool(reader.byte()), message or None)


def _write_type(name: str) -> int:
    return enums.WriteType.name_to_value.get(name, enums.WriteType.OTHER)


def _named(message: str, write_type: str) -> str:
    """Add to the message the name of a write type that has no number here."""
    if write_type in enums.WriteType.name_to_value:
        return message
    return f"{message} (write type {write_type!r})"


_FieldReader = Callable[[str, "Reader", "Dialect"], DriverException]

_ERRORS: dict[int, tuple[type[DriverException], _FieldReader | None]] = {
    0x0000: (errors.ServerError, None),
    0x000A: (errors.ProtocolViolation, None),
    0x0100: (errors.AuthenticationFailed, None),
    0x1000: (errors.Unavailable, _unavailable),
    0x1001: (errors.Overloaded, None),
    0x1002: (errors.IsBootstrapping, None),
    0x1003: (errors.TruncateError, None),
    0x1100: (errors.WriteTimeout, _write_timeout),
    0x1200: (errors.ReadTimeout, _read_timeout),
    0x1300: (errors.ReadFailure, _read_failure),
    0x1400: (errors.FunctionFailure, _function_failure),
    0x1500: (errors.WriteFailure, _write_failure),
    0x1600: (errors.CDCWriteFailure, None),
    0x1700: (errors.CASWriteUnknown, _cas_write_unknown),
    0x2000: (errors.SyntaxException, None),
    0x2100: (errors.Unauthorized, None),
    0x2200: (errors.InvalidRequest, None),
    0x2300: (errors.ConfigurationException, None),
    0x2400: (errors.AlreadyExists, _already_exists),
    0x2500: (errors.PreparedQueryNotFound, _unprepared),
}
"""code → its exception, and what reads the fields behind the message, where it has some"""

_CODES = {cls: code for code, (cls, _) in _ERRORS.items()}


def decode_error(reader: Reader, dialect: Dialect) -> DriverException:
    """Read the body of an ERROR message and return the exception that it is.

    Raises `RemoteProtocolError` when the fields that the code promises are missing.
    """
    code = reader.integer()
    message = reader.string()
    cls, read = _ERRORS.get(code, (errors.ServerError, None))
    if code == dialect.features.rate_limit_error:
        read = _rate_limit
    error = cls(message) if read is None else read(message, reader, dialect)
    error.code = code
    return error


# --- the server's side -------------------------------------------------------------------


def _code_of(error: DriverException, dialect: Dialect) -> int:
    if isinstance(error, errors.RateLimitReached):
        limit = dialect.features.rate_limit_error
        return _CODES[errors.ConfigurationException] if limit is None else limit
    if error.code is not None:
        return error.code
    for cls in type(error).__mro__:
        if cls in _CODES:
            return _CODES[cls]
    raise LocalProtocolError(f"{type(error).__name__} is not an error that a server sends")


def encode_error(error: DriverException, dialect: Dialect) -> bytes:
    """Return the body of the ERROR message that says `error`, as a server writes it.

    Raises `LocalProtocolError` for an exception that no server sends.
    """
    code = _code_of(error, dialect)
    head = pack_int(code) + write_string(error.message)
    return head + _fields(error, dialect)


def _fields(error: DriverException, dialect: Dialect) -> bytes:
    if isinstance(error, errors.Unavailable):
        return _numbers(error.consistency, error.required_replicas, error.alive_replicas)
    if isinstance(error, errors.Timeout):
        return _timeout_fields(error, dialect)
    if isinstance(error, errors.CoordinationFailure):
        return _failure_fields(error, dialect)
    if isinstance(error, errors.FunctionFailure):
        names = write_string(error.keyspace) + write_string(error.function)
        return names + write_string_list(error.arg_types)
    if isinstance(error, errors.AlreadyExists):
        return write_string(error.keyspace or "") + write_string(error.table or "")
    if isinstance(error, errors.PreparedQueryNotFound):
        return write_short_bytes(error.query_id)
    if isinstance(error, errors.RateLimitReached):
        if dialect.features.rate_limit_error is None:
            return b""
        operation = 1 if error.op_type is enums.OperationType.Write else 0
        return pack_byte(operation) + pack_byte(error.rejected_by_coordinator)
    return b""


def _numbers(consistency: int | None, *counts: int | None) -> bytes:
    return pack_short(consistency or 0) + b"".join(pack_int(count or 0) for count in counts)


def _timeout_fields(error: errors.Timeout, dialect: Dialect) -> bytes:
    body = _numbers(error.consistency, error.received_responses, error.required_responses)
    if isinstance(error, errors.WriteTimeout):
        body += write_string(_write_type_name(error.write_type))
        if error.contentions is not None and dialect.version >= 5:
            body += pack_short(error.contentions)
    elif isinstance(error, errors.ReadTimeout):
        body += pack_byte(bool(error.data_retrieved))
    return body


def _failure_fields(error: errors.CoordinationFailure, dialect: Dialect) -> bytes:
    body = _numbers(error.consistency, error.received_responses, error.required_responses)
    reasons = error.error_code_map or {}
    if dialect.version >= 5:
        items = (write_inetaddr(host) + pack_short(code) for host, code in reasons.items())
        body += pack_int(len(reasons)) + b"".join(items)
    else:
        body += pack_int(error.failures or 0)
    if isinstance(error, errors.WriteFailure):
        return body + write_string(_write_type_name(error.write_type))
    if isinstance(error, errors.ReadFailure):
        return body + pack_byte(bool(error.data_retrieved))
    return body


def _write_type_name(write_type: int | None) -> str:
    return enums.WriteType.value_to_name.get(write_type if write_type is not None else 0, "SIMPLE")
