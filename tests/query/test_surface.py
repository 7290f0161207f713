"""The names and parameters that CQL drivers share, in their order and with their defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import cql_driver.encoder
import cql_driver.query
from cql_driver.query import FETCH_SIZE_UNSET, BatchType

_GIVEN = "retry_policy=None consistency_level=None"
_MORE = "serial_consistency_level=None fetch_size=FETCH_SIZE_UNSET keyspace=None"

METHODS = {
    "Statement": {
        "__init__": f"{_GIVEN} routing_key=None {_MORE} custom_payload=None "
        "is_idempotent=False table=None",
        "is_lwt": "",
    },
    "SimpleStatement": {
        "__init__": f"query_string {_GIVEN} routing_key=None {_MORE} custom_payload=None "
        "is_idempotent=False",
    },
    "PreparedStatement": {
        "__init__": "column_metadata query_id routing_key_indexes query keyspace protocol_version "
        "result_metadata result_metadata_id is_lwt=False column_encryption_policy=None",
        "bind": "values",
        "is_lwt": "",
        "is_routing_key_index": "i",
        "update_result_metadata": "result_metadata result_metadata_id",
        "from_message": "query_id column_metadata pk_indexes cluster_metadata query "
        "prepared_keyspace protocol_version result_metadata result_metadata_id is_lwt "
        "column_encryption_policy=None",
    },
    "BoundStatement": {
        "__init__": f"prepared_statement {_GIVEN} routing_key=None {_MORE} custom_payload=None",
        "bind": "values",
        "is_lwt": "",
    },
    "BatchStatement": {
        "__init__": f"batch_type=LOGGED {_GIVEN} serial_consistency_level=None session=None "
        "custom_payload=None",
        "add": "statement parameters=None",
        "add_all": "statements parameters",
        "clear": "",
        "is_lwt": "",
        "__len__": "",
    },
    "HostTargetingStatement": {"__init__": "inner_statement target_host"},
    "PseudoNamedTupleRow": {"__init__": "ordered_dict", "__getitem__": "idx", "__iter__": ""},
    "QueryTrace": {
        "__init__": "trace_id session",
        "populate": "max_wait=2.0 wait_for_complete=True query_cl=None",
    },
    "TraceEvent": {"__init__": "description timeuuid source source_elapsed thread_name"},
    "Encoder": {
        "__init__": "",
        "cql_encode_all_types": "val as_text_type=False",
        **{
            f"cql_encode_{kind}": "val"
            for kind in (
                *("bytes", "date", "date_ext", "datetime", "decimal", "float", "ipaddress"),
                *("list_collection", "map_collection", "none", "object", "sequence"),
                *("set_collection", "str", "str_quoted", "time", "tuple", "unicode"),
            )
        },
    },
}

FUNCTIONS = {
    "bind_params": "query params encoder",
    **{
        f"{kind}_factory": "colnames rows"
        for kind in ("tuple", "named_tuple", "dict", "ordered_dict", "pseudo_namedtuple")
    },
}

_LEVELS = "consistency_level serial_consistency_level retry_policy fetch_size custom_payload"
ATTRIBUTES = {
    "Statement": f"{_LEVELS} keyspace table is_idempotent routing_key",
    "SimpleStatement": "query_string",
    "PreparedStatement": f"{_LEVELS} column_encryption_policy column_metadata keyspace query_id "
    "query_string result_metadata result_metadata_and_id result_metadata_id routing_key_indexes",
    "BoundStatement": f"{_LEVELS} keyspace table routing_key",
    "BatchStatement": f"{_LEVELS} keyspace table routing_key",
    "QueryTrace": "client coordinator duration events parameters request_type started_at",
    "TraceEvent": "datetime description source source_elapsed thread_name",
}


def _shown(function: Any) -> str:
    parameters = inspect.signature(function).parameters.values()
    shown = []
    for parameter in parameters:
        default = parameter.default
        text = default.name if isinstance(default, BatchType) else repr(default)
        shown.append(
            parameter.name if default is inspect.Parameter.empty else f"{parameter.name}={text}"
        )
    return " ".join(name for name in shown if name not in ("self", "cls"))


@pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name in METHODS for method in METHODS[name]]
)
def test_parameters_of_methods(name: str, method: str) -> None:
    function = getattr(getattr(cql_driver.query, name), method)
    assert _shown(function) == METHODS[name][method]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_of_functions(name: str) -> None:
    assert _shown(getattr(cql_driver.query, name)) == FUNCTIONS[name]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes(name: str) -> None:
    found = getattr(cql_driver.query, name)
    assert [
        attribute for attribute in ATTRIBUTES[name].split() if not hasattr(found, attribute)
    ] == []


@pytest.mark.parametrize("module", [cql_driver.query, cql_driver.encoder])
def test_everything_public_is_there_and_described(module: Any) -> None:
    for name in module.__all__:
        found = getattr(module, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, name


def test_fetch_size_is_unset_by_default() -> None:
    assert cql_driver.query.Statement.fetch_size is FETCH_SIZE_UNSET
    assert cql_driver.encoder.Encoder().mapping[str]("a") == "'a'"
