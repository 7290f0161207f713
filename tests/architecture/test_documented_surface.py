"""What other drivers document is here too, or ``docs/migration.md`` says why not.

``surface.json`` has the documented names of other drivers' modules with their methods (the
parameters as text; ``…`` is a default that is no constant), attributes (with their value, null:
no constant) and properties. Where this driver has more, the tests do not mind.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from functools import cache
from pathlib import Path
from types import WrapperDescriptorType
from typing import TYPE_CHECKING, Any

import pytest

from tests.architecture.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SURFACE: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("surface.json").read_text()
)
MIGRATION = ROOT / "docs" / "migration.md"

_UNKNOWN = "…"
_MISSING = object()
_SMALL = 4
_NAME = re.compile(r"`([^`]+)`")


def _instances() -> dict[str, Any]:
    """Return an object of each class whose attributes are known only once it is made."""
    from cql_driver import cluster, metadata, policies, pool, query, timestamps
    from cql_protocol.types import INT

    made = cluster.Cluster(["127.0.0.1"])
    host = pool.Host("a", policies.SimpleConvictionPolicy)
    table = metadata.TableMetadata("ks", "t")
    prepared = query.PreparedStatement([], b"id", [], "SELECT", None, 5, None, None)
    return {
        "cluster.Cluster": made,
        "cluster.Session": cluster.Session(made),
        "cluster.ExecutionProfile": cluster.ExecutionProfile(),
        "cluster.NoHostAvailable": cluster.NoHostAvailable("none", {}),
        "metadata.Aggregate": metadata.Aggregate("ks", "a", [], "f", "int", None, None, "int"),
        "metadata.ColumnMetadata": metadata.ColumnMetadata(table, "c", "int"),
        "metadata.Function": metadata.Function("ks", "f", [], [], "int", "java", "", True),
        "metadata.IndexMetadata": metadata.IndexMetadata("ks", "t", "i", "KEYS", {}),
        "metadata.UserType": metadata.UserType("ks", "u", [], []),
        "query.BatchStatement": query.BatchStatement(),
        "query.BoundStatement": query.BoundStatement(prepared),
        "query.PreparedStatement": prepared,
        "query.QueryTrace": query.QueryTrace(None, None),  # type: ignore[arg-type]
        "query.TraceEvent": query.TraceEvent("text", _time_uuid(), None, 1, "thread"),
        "policies.DCAwareRoundRobinPolicy": policies.DCAwareRoundRobinPolicy("dc"),
        "policies.RackAwareRoundRobinPolicy": policies.RackAwareRoundRobinPolicy("dc", "rack"),
        "policies.TokenAwarePolicy": policies.TokenAwarePolicy(policies.RoundRobinPolicy()),
        "pool.Host": host,
        "timestamps.MonotonicTimestampGenerator": timestamps.MonotonicTimestampGenerator(),
        "encoder.Encoder": made.connect.__globals__["Session"](made).encoder,
        "UserAggregateDescriptor": _top().UserAggregateDescriptor("name", [INT]),
        "UserFunctionDescriptor": _top().UserFunctionDescriptor("name", [INT]),
    }


def _time_uuid() -> Any:
    from cql_driver.util import uuid_from_time

    return uuid_from_time(0.0)


def _top() -> Any:
    return importlib.import_module("cql_driver")


def _attribute(name: str, cls: Any, attribute: str, made: dict[str, Any]) -> Any:
    """Return the attribute of the class or of an object of it."""
    for place in (made.get(name, cls), cls, _raised(cls)):
        try:
            return getattr(place, attribute)
        except AttributeError:
            continue
        except Exception:  # noqa: BLE001 - a property that has nothing to tell yet
            return None
    declared = {key for base in getattr(cls, "__mro__", ()) for key in _declared(base)}
    return None if attribute in declared else _MISSING


def _raised(cls: Any) -> Any:
    """Return an object of an exception's class, which has its fields; else the class."""
    if not (isinstance(cls, type) and issubclass(cls, BaseException)):
        return cls
    required = [
        parameter
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    return cls(*["text"] * len(required))


def _declared(cls: type) -> set[str]:
    return set(vars(cls).get("__annotations__", ())) | set(getattr(cls, "__slots__", ()))


@cache
def _differences() -> frozenset[str]:
    """Return the names of what is documented elsewhere and differs here."""
    made = _instances()
    return frozenset(
        difference
        for module, names in SURFACE.items()
        for name, listed in names.items()
        for difference in _differences_of(module.removeprefix("cassandra"), name, listed, made)
    )


def _differences_of(
    module: str, name: str, listed: dict[str, Any], made: dict[str, Any]
) -> Iterator[str]:
    full = f"{module}.{name}".lstrip(".")
    found = getattr(importlib.import_module(f"cql_driver{module}"), name, _MISSING)
    if found is _MISSING:
        yield full
        return
    if "parameters" in listed:
        yield from _parameters(full, found, listed["parameters"])
    for method, parameters in listed.get("methods", {}).items():
        function = inspect.getattr_static(found, method, _MISSING)
        if function is _MISSING and _attribute(full, found, method, made) is _MISSING:
            yield f"{full}.{method}"
        elif function is not _MISSING:
            function = getattr(function, "__func__", function)
            if not callable(function) and not inspect.isdatadescriptor(function):
                function = getattr(found, method)  # `Session.execute`, which is loaded when seen
            yield from _parameters(f"{full}.{method}", function, parameters)
    for attribute, value in listed.get("attributes", {}).items():
        here = _attribute(full, found, attribute, made)
        if here is _MISSING:
            yield f"{full}.{attribute}"
        elif value is not None and not _computed(here) and not _alike(here, value):
            yield f"{full}.{attribute} ="
    for attribute in listed.get("properties", ()):
        if _attribute(full, found, attribute, made) is _MISSING:
            yield f"{full}.{attribute}"


def _computed(here: Any) -> bool:
    """Say whether it is a property or a slot of the class, whose value only an object has."""
    return isinstance(here, property) or inspect.ismemberdescriptor(here)


def _parameters(full: str, function: Any, listed: str) -> Iterator[str]:
    """Compare a signature; parameters behind those that are documented do not matter."""
    if not callable(function):
        yield full
        return
    if isinstance(function, WrapperDescriptorType):
        return  # `__iter__` and the like of a compiled class: Python says what they take
    here = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    takes_any = {p.kind for p in here if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    wanted = [text for text in listed.split(", ") if text not in ("self", "cls")]
    here = [p for p in here if p.name != "cls"]
    found = list(_compared(full, here, wanted, bool(takes_any)))
    # A signature that is another one altogether is one difference.
    yield from found if len(found) <= _SMALL else [f"{full}(…)"]


def _compared(full: str, here: list[Any], wanted: list[str], takes_any: bool) -> Iterator[str]:
    for index, text in enumerate(wanted):
        name, _, default = text.partition("=")
        if name.startswith("*"):
            if not takes_any and not here[index:]:
                yield f"{full}({name})"
            continue
        parameter = here[index] if index < len(here) else None
        if parameter is not None and parameter.kind is parameter.VAR_POSITIONAL:
            return
        if parameter is None or parameter.name.lstrip("_") != name.lstrip("_"):
            yield f"{full}({name})"
        elif default not in ("", _UNKNOWN) and not _alike(parameter.default, default):
            yield f"{full}({name}=)"


def _alike(here: Any, listed: str) -> bool:
    try:
        value = ast.literal_eval(listed)
    except (ValueError, SyntaxError):
        return True  # the text of some object: no constant
    if value is not None and here is None:
        return False
    return bool(here == value) or (not here and not value and value is not None)


@cache
def _listed() -> dict[str, str]:
    """Return the reasons of ``docs/migration.md`` by name: the rows of its tables."""
    found: dict[str, str] = {}
    for line in MIGRATION.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 2:
            for name in _NAME.findall(cells[0]):
                assert name not in found, f"{name} is listed twice"
                found[name] = cells[1]
    return found


def test_the_surface_is_seen() -> None:
    assert len(SURFACE) == 13
    assert sum(map(len, SURFACE.values())) > 100


@pytest.mark.parametrize("module", SURFACE)
def test_what_is_documented_is_here_or_listed(module: str) -> None:
    prefix = module.removeprefix("cassandra").lstrip(".")
    own = {d for d in _differences() if _module_of(d) == prefix}
    assert sorted(own - _listed().keys()) == []


def _module_of(difference: str) -> str:
    first = difference.partition(".")[0]
    return first if f"cassandra.{first}" in SURFACE else ""


def test_nothing_is_listed_that_is_here() -> None:
    assert sorted(_listed().keys() - _differences()) == []


def test_each_difference_has_a_reason() -> None:
    assert [name for name, reason in _listed().items() if len(reason) < 12] == []
