"""The driver's exceptions and enumerations, under the names that CQL drivers share.

Example::

    >>> from cql_driver import ConsistencyLevel, DriverException, Unavailable
    >>> issubclass(Unavailable, DriverException)
    True
    >>> ConsistencyLevel.name_to_value["LOCAL_QUORUM"]
    6
"""

from __future__ import annotations

from cql_driver._version import __version__
from cql_protocol._lazy import lazily
from cql_protocol.enums import ConsistencyLevel, ProtocolVersion, consistency_value_to_name
from cql_protocol.errors import (
    AlreadyExists,
    AuthenticationFailed,
    CASWriteUnknown,
    CDCWriteFailure,
    ConfigurationException,
    ConnectionClosed,
    CoordinationFailure,
    DecodeError,
    DependencyException,
    DriverException,
    FrameTooLarge,
    FunctionFailure,
    InvalidRequest,
    InvalidTypeName,
    InvalidValue,
    InvalidValueType,
    IsBootstrapping,
    LocalProtocolError,
    NoHostAvailable,
    OperationTimedOut,
    Overloaded,
    PluginError,
    PreparedQueryNotFound,
    ProtocolVersionUnsupported,
    ProtocolViolation,
    RateLimitReached,
    ReadFailure,
    ReadTimeout,
    RemoteProtocolError,
    RequestExecutionException,
    RequestValidationException,
    ServerError,
    StreamsExhausted,
    SyntaxException,
    Timeout,
    TruncateError,
    Unauthorized,
    Unavailable,
    UnresolvableContactPoints,
    UnsupportedOperation,
    ValueOutOfRange,
    WriteFailure,
    WriteTimeout,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.descriptors import (
        SignatureDescriptor,
        UserAggregateDescriptor,
        UserFunctionDescriptor,
    )
    from cql_driver.scans import scan
    from cql_protocol.enums import (
        BatchType,
        OperationType,
        SchemaChangeType,
        SchemaTargetType,
        WriteType,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_driver.descriptors": (
                "SignatureDescriptor UserAggregateDescriptor UserFunctionDescriptor"
            ),
            "cql_driver.scans": "scan",
            "cql_protocol.enums": (
                "BatchType OperationType SchemaChangeType SchemaTargetType WriteType"
            ),
        },
    )

__all__ = [
    "AlreadyExists",
    "AuthenticationFailed",
    "BatchType",
    "CASWriteUnknown",
    "CDCWriteFailure",
    "ConfigurationException",
    "ConnectionClosed",
    "ConsistencyLevel",
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
    "OperationType",
    "Overloaded",
    "PluginError",
    "PreparedQueryNotFound",
    "ProtocolVersion",
    "ProtocolVersionUnsupported",
    "ProtocolViolation",
    "RateLimitReached",
    "ReadFailure",
    "ReadTimeout",
    "RemoteProtocolError",
    "RequestExecutionException",
    "RequestValidationException",
    "SchemaChangeType",
    "SchemaTargetType",
    "ServerError",
    "SignatureDescriptor",
    "StreamsExhausted",
    "SyntaxException",
    "Timeout",
    "TruncateError",
    "Unauthorized",
    "Unavailable",
    "UnresolvableContactPoints",
    "UnsupportedOperation",
    "UserAggregateDescriptor",
    "UserFunctionDescriptor",
    "ValueOutOfRange",
    "WriteFailure",
    "WriteTimeout",
    "WriteType",
    "consistency_value_to_name",
    "scan",
    "__version__",
]
