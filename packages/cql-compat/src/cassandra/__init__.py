"""The exceptions, enumerations and descriptors that code written against `cassandra` imports.

They are the objects of cql-protocol and cql-driver themselves, not copies, so an exception raised
there is caught here::

    >>> import cassandra, cql_driver
    >>> cassandra.ReadTimeout is cql_driver.ReadTimeout
    True
"""

from __future__ import annotations

from cassandra._version import __version__
from cql_driver.descriptors import (
    SignatureDescriptor,
    UserAggregateDescriptor,
    UserFunctionDescriptor,
)
from cql_protocol.enums import (
    ConsistencyLevel,
    OperationType,
    ProtocolVersion,
    SchemaChangeType,
    SchemaTargetType,
    WriteType,
    consistency_value_to_name,
)
from cql_protocol.errors import (
    AlreadyExists,
    AuthenticationFailed,
    CDCWriteFailure,
    ConfigurationException,
    CoordinationFailure,
    DependencyException,
    DriverException,
    FunctionFailure,
    InvalidRequest,
    OperationTimedOut,
    RateLimitReached,
    ReadFailure,
    ReadTimeout,
    RequestExecutionException,
    RequestValidationException,
    Timeout,
    Unauthorized,
    Unavailable,
    UnresolvableContactPoints,
    UnsupportedOperation,
    WriteFailure,
    WriteTimeout,
)

__all__ = [
    "AlreadyExists",
    "AuthenticationFailed",
    "CDCWriteFailure",
    "ConfigurationException",
    "ConsistencyLevel",
    "CoordinationFailure",
    "DependencyException",
    "DriverException",
    "FunctionFailure",
    "InvalidRequest",
    "OperationTimedOut",
    "OperationType",
    "ProtocolVersion",
    "RateLimitReached",
    "ReadFailure",
    "ReadTimeout",
    "RequestExecutionException",
    "RequestValidationException",
    "SchemaChangeType",
    "SchemaTargetType",
    "SignatureDescriptor",
    "Timeout",
    "Unauthorized",
    "Unavailable",
    "UnresolvableContactPoints",
    "UnsupportedOperation",
    "UserAggregateDescriptor",
    "UserFunctionDescriptor",
    "WriteFailure",
    "WriteTimeout",
    "WriteType",
    "consistency_value_to_name",
    "__version__",
]
