"""What our messages say, in the words that the Java codec has for it.

`Codec.java` tells the public fields of Java's objects; `facts` builds the same dict from ours,
so that two codecs which agree on bytes but not on their meaning are found out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from cql_protocol import errors, messages, types
from cql_protocol.enums import WriteType
from cql_protocol.messages.parameters import QueryParameters
from cql_protocol.values import UNSET

Facts = dict[str, Any]

_UNTOLD = {"flags", "index", "isResponse", "kind", "opcode"}
_NO_TIMESTAMP = -(1 << 63)
_NO_SECONDS = -(1 << 31)
_SERIAL = 8


def without_derived(told: Any) -> Any:
    """What Java told, without the fields that follow from others."""
    if isinstance(told, dict):
        return {key: without_derived(v) for key, v in told.items() if key not in _UNTOLD}
    if isinstance(told, list):
        return [without_derived(each) for each in told]
    return told


def facts(message: Any, version: int) -> Facts:
    """The facts of a message of ours."""
    if isinstance(message, errors.DriverException):
        return _error(message, version)
    return _MAKERS[type(message)](message, version)


def binary(value: Any) -> str | None:
    """Bytes, null and UNSET as Codec.java writes them."""
    if value is UNSET:
        return "UNSET"
    return None if value is None else "0x" + value.hex()


def bytes_map(values: Mapping[str, bytes | None]) -> dict[str, str | None]:
    """A custom payload, or values by name."""
    return {name: binary(value) for name, value in values.items()}


def _binaries(values: Sequence[Any]) -> list[str | None]:
    return [binary(value) for value in values]


def _or(value: Any, absent: Any) -> Any:
    return absent if value is None else value


# --- requests ----------------------------------------------------------------------------------


def _options(given: QueryParameters) -> Facts:
    values = given.values
    return {
        "class": "QueryOptions",
        "consistency": given.consistency,
        "positionalValues": [] if isinstance(values, Mapping) else _binaries(values or ()),
        "namedValues": bytes_map(values) if isinstance(values, Mapping) else {},
        "skipMetadata": given.skip_metadata,
        "pageSize": _or(given.page_size, -1),
        "pagingState": binary(given.paging_state),
        **_shared_options(given),
    }


def _shared_options(given: QueryParameters) -> Facts:
    return {
        "serialConsistency": _or(given.serial_consistency, _SERIAL),
        "defaultTimestamp": _or(given.timestamp, _NO_TIMESTAMP),
        "keyspace": given.keyspace,
        "nowInSeconds": _or(given.now_in_seconds, _NO_SECONDS),
    }


def _execute(message: messages.Execute, version: int) -> Facts:
    # From version 5 on there is always an id on the wire; an empty one stands for none.
    metadata_id = (message.result_metadata_id or b"") if version >= 5 else None
    return {
        "class": "Execute",
        "queryId": binary(message.query_id),
        "resultMetadataId": binary(metadata_id),
        "options": _options(message.parameters),
    }


def _batch(message: messages.Batch, version: int) -> Facts:
    statements = [entry.statement for entry in message.entries]
    return {
        "class": "Batch",
        "type": message.batch_type,
        "queriesOrIds": [each if isinstance(each, str) else binary(each) for each in statements],
        "values": [_binaries(entry.values) for entry in message.entries],
        "consistency": message.parameters.consistency,
        **_shared_options(message.parameters),
    }


# --- responses ---------------------------------------------------------------------------------


def _address(text: str) -> str | None:
    return binary(ipaddress.ip_address(text).packed)


def _node_event(message: Any, version: int) -> Facts:
    return {
        "class": f"{type(message).__name__}Event",
        "type": message.event_type,
        "changeType": message.change,
        "address": [_address(message.address), message.port],
    }


def _schema_change(message: messages.SchemaChange, version: int) -> Facts:
    change = {
        "changeType": message.change_type,
        "target": message.target,
        "keyspace": message.keyspace,
        "object": message.name,
        "arguments": message.argument_types,
    }
    return {"class": "SchemaChangeEvent", "type": message.event_type, **change}


def _schema_result(message: messages.SchemaChangeResult, version: int) -> Facts:
    change = _schema_change(message.change, version)
    del change["type"]
    return {**change, "class": "SchemaChange"}


def _rows(message: messages.RawRows, version: int) -> Facts:
    columns = [types.CustomType("any")] * message.metadata.column_count
    cells = message.decode(_decoder(columns))
    return {
        "class": "DefaultRows",
        "metadata": _metadata(message.metadata),
        "data": [_binaries(row) for row in cells],
    }


def _decoder(columns: list[types.CustomType]) -> Any:
    from cql_protocol.rows import RowDecoder

    return RowDecoder(columns)


def _metadata(given: messages.ResultMetadata) -> Facts:
    return {
        "class": "RowsMetadata",
        "columnSpecs": _columns(given.columns or ()),
        "columnCount": given.column_count,
        "pagingState": binary(given.paging_state),
        "pkIndices": None,
        "newResultMetadataId": binary(given.new_metadata_id),
    }


def _markers(given: messages.PreparedMetadata) -> Facts:
    return {
        **_metadata(messages.ResultMetadata(given.columns)),
        "pkIndices": list(given.pk_indexes) or None,
    }


def _columns(given: Sequence[messages.ColumnSpec]) -> list[Facts]:
    return [
        {
            "class": "ColumnSpec",
            "ksName": column.keyspace_name,
            "tableName": column.table_name,
            "name": column.name,
            "type": _type(column.type),
        }
        for column in given
    ]


def _type(given: types.CqlType) -> Facts:
    if isinstance(given, types.ListType | types.SetType):
        name = "RawList" if isinstance(given, types.ListType) else "RawSet"
        return {"class": name, "id": given.code, "elementType": _type(given.element)}
    if isinstance(given, types.MapType):
        pair = {"keyType": _type(given.key), "valueType": _type(given.value)}
        return {"class": "RawMap", "id": 0x21, **pair}
    if isinstance(given, types.TupleType):
        return {"class": "RawTuple", "id": 0x31, "fieldTypes": [*map(_type, given.elements)]}
    if isinstance(given, types.UserType):
        fields = {name: _type(each) for name, each in given.fields}
        names = {"keyspace": given.keyspace, "typeName": given.type_name}
        return {"class": "RawUdt", "id": 0x30, **names, "fields": fields}
    if given.code == 0:
        return {"class": "RawCustom", "id": 0, "className": given.class_name}
    return {"class": "RawPrimitive", "id": given.code}


def _prepared(message: messages.PreparedResult, version: int) -> Facts:
    return {
        "class": "Prepared",
        "preparedQueryId": binary(message.query_id),
        "resultMetadataId": binary(message.result_metadata_id),
        "variablesMetadata": _markers(message.metadata),
        "resultMetadata": _metadata(message.result_metadata),
    }


def _plain(name: str, **fields: str) -> Any:
    """A maker of facts from attributes: Java's name to ours."""

    def make(message: Any, version: int) -> Facts:
        found = {theirs: getattr(message, ours) for theirs, ours in fields.items()}
        told = {k: binary(v) if isinstance(v, bytes) else v for k, v in found.items()}
        return {"class": name, **told}

    return make


_MAKERS: dict[type, Any] = {
    messages.Startup: _plain("Startup", options="options"),
    messages.AuthResponse: _plain("AuthResponse", token="token"),
    messages.Options: _plain("Options"),
    messages.Prepare: _plain("Prepare", cqlQuery="query", keyspace="keyspace"),
    messages.Register: _plain("Register", eventTypes="event_types"),
    messages.Query: lambda message, version: {
        "class": "Query",
        "query": message.query,
        "options": _options(message.parameters),
    },
    messages.Execute: _execute,
    messages.Batch: _batch,
    messages.Ready: _plain("Ready"),
    messages.Authenticate: _plain("Authenticate", authenticator="authenticator"),
    messages.Supported: _plain("Supported", options="options"),
    messages.AuthChallenge: _plain("AuthChallenge", token="token"),
    messages.AuthSuccess: _plain("AuthSuccess", token="token"),
    messages.VoidResult: _plain("Void"),
    messages.SetKeyspaceResult: _plain("SetKeyspace", keyspace="keyspace"),
    messages.SchemaChangeResult: _schema_result,
    messages.PreparedResult: _prepared,
    messages.RawRows: _rows,
    messages.StatusChange: _node_event,
    messages.TopologyChange: _node_event,
    messages.SchemaChange: _schema_change,
}


# --- errors ------------------------------------------------------------------------------------


def _error(error: errors.DriverException, version: int) -> Facts:
    found: Facts = {"class": "Error", "code": error.code, "message": error.message}
    name = type(error).__name__
    if isinstance(error, errors.Unavailable):
        found |= {"required": error.required_replicas, "alive": error.alive_replicas}
        return {**found, "class": name, "consistencyLevel": error.consistency}
    if isinstance(error, errors.Timeout | errors.CoordinationFailure):
        found |= {
            "class": name,
            "consistencyLevel": error.consistency,
            "received": error.received_responses,
            "blockFor": error.required_responses,
        }
    if isinstance(error, errors.CoordinationFailure):
        reasons = error.error_code_map or {}
        found["reasonMap"] = {_address(host): code for host, code in reasons.items()}
        found["numFailures"] = error.failures
    if isinstance(error, errors.WriteTimeout | errors.WriteFailure):
        found["writeType"] = WriteType(error.write_type or 0).name
    if isinstance(error, errors.ReadTimeout | errors.ReadFailure):
        found["dataPresent"] = error.data_retrieved
    if isinstance(error, errors.FunctionFailure):
        names = {"keyspace": error.keyspace, "function": error.function}
        return {**found, "class": name, **names, "argTypes": error.arg_types}
    if isinstance(error, errors.AlreadyExists):
        return {**found, "class": name, "keyspace": error.keyspace, "table": error.table or ""}
    if isinstance(error, errors.PreparedQueryNotFound):
        return {**found, "class": "Unprepared", "id": binary(error.query_id)}
    return found
