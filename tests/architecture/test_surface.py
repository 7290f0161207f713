"""The names that CQL drivers share in their top module, kept with their meanings.

``cassandra_module.json`` lists them: bases, parameters with defaults, and values (null: not a
constant). Where this driver has more, the tests do not mind.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import cql_protocol.enums
import cql_protocol.errors

SURFACE: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("cassandra_module.json").read_text()
)

DESCRIPTORS = {"SignatureDescriptor", "UserAggregateDescriptor", "UserFunctionDescriptor"}
"""They name functions of a schema, which the protocol knows nothing of."""

NOT_KEPT = {
    ("ProtocolVersion", "V1"): "Cassandra 2.0 and older, which no driver of today speaks",
    ("ProtocolVersion", "V2"): "Cassandra 2.0 and older, which no driver of today speaks",
    ("ProtocolVersion", "has_continuous_paging_support"): "of DSE alone",
    ("ProtocolVersion", "has_continuous_paging_next_pages"): "of DSE alone",
}


def _module(name: str) -> Any:
    if name == "cql_protocol":
        return SimpleNamespace(**{**vars(cql_protocol.enums), **vars(cql_protocol.errors)})
    return importlib.import_module(name)


def _names(module: str) -> list[str]:
    return sorted(SURFACE.keys() - (DESCRIPTORS if module == "cql_protocol" else set()))


CASES = [
    pytest.param((module, name), id=f"{module}.{name}")
    for module in ("cql_protocol", "cql_driver", "cassandra")
    for name in _names(module)
]


@pytest.fixture(params=CASES)
def named(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any], Any]:
    """A name, what the list says of it, and the object that has the name here."""
    module, name = request.param
    return name, SURFACE[name], getattr(_module(module), name)


@pytest.mark.parametrize("name", sorted(SURFACE.keys() - DESCRIPTORS))
def test_the_names_are_the_same_objects_everywhere(name: str) -> None:
    objects = {id(getattr(_module(m), name)) for m in ("cql_protocol", "cql_driver", "cassandra")}
    assert len(objects) == 1


@pytest.mark.parametrize("module", ["cql_driver", "cassandra"])
def test_a_star_import_brings_them(module: str) -> None:
    assert set(_names(module)) <= set(_module(module).__all__)


def test_bases(named: tuple[str, dict[str, Any], Any]) -> None:
    _, listed, found = named
    if listed["kind"] == "function":
        assert callable(found)
        return
    ancestors = {cls.__name__ for cls in found.__mro__}
    assert set(listed["bases"]) <= ancestors
    assert ("DriverException" in ancestors) == (listed["kind"] == "exception")


def test_parameters(named: tuple[str, dict[str, Any], Any]) -> None:
    name, listed, found = named
    methods = {"": listed["parameters"]} if "parameters" in listed else listed.get("methods", {})
    for method, parameters in methods.items():
        if (name, method) not in NOT_KEPT:
            function = inspect.unwrap(getattr(found, method)) if method else found
            _check_parameters(function, [p for p in parameters if p not in ("self", "cls")])


def _check_parameters(function: Any, wanted: list[str]) -> None:
    here = list(inspect.signature(function).parameters.values())
    here = here[1:] if here and here[0].name == "self" else here
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in here)
    for index, text in enumerate(wanted):
        if text.startswith("**"):
            assert takes_any
            continue
        parameter, _, default = text.partition("=")
        assert here[index].name == parameter
        if default:
            assert _alike(here[index].default, ast.literal_eval(default))
    for added in here[len(wanted) :]:
        optional = added.default is not inspect.Parameter.empty
        assert optional or added.kind is inspect.Parameter.VAR_KEYWORD, f"{added} was not asked for"


def _alike(found: object, wanted: object) -> bool:
    if isinstance(wanted, list):  # a shared list as a default is no meaning to keep
        return not wanted and not found
    return found == wanted and type(found) is type(wanted)


def test_constants(named: tuple[str, dict[str, Any], Any]) -> None:
    name, listed, found = named
    for attribute, value in listed.get("attributes", {}).items():
        if (name, attribute) in NOT_KEPT or listed["kind"] == "exception":
            continue
        if name in DESCRIPTORS:
            assert hasattr(found("f", ["int"]), attribute)
            continue
        here = getattr(found, attribute)
        assert value is None or here == ast.literal_eval(value)


def test_properties(named: tuple[str, dict[str, Any], Any]) -> None:
    _, listed, found = named
    for name in listed.get("properties", ()):
        assert isinstance(inspect.getattr_static(found, name), property)


def test_fields_of_an_error_have_the_listed_defaults(
    named: tuple[str, dict[str, Any], Any],
) -> None:
    _, listed, found = named
    if listed["kind"] != "exception":
        return
    required = [
        text
        for text in listed.get("methods", {}).get("__init__", ["self"])[1:]
        if "=" not in text and not text.startswith("**")
    ]
    error = found(*(["text"] * len(required)))
    for field, value in listed.get("attributes", {}).items():
        here = getattr(error, field)
        assert field in required or _alike(here, ast.literal_eval(value))


@pytest.mark.parametrize(("name", "attribute"), NOT_KEPT)
def test_what_is_not_kept_is_gone_indeed(name: str, attribute: str) -> None:
    assert not hasattr(_module("cassandra").__dict__[name], attribute)
