"""What other drivers document is here too, or ``docs/migration.md`` says why not.

``surface.json`` has the documented names of other drivers' modules with their methods (the
parameters as text; ``…`` is a default that is no constant), attributes (with their value, null:
no constant) and properties. Where this driver has more, the tests do not mind.
"""

from __future__ import annotations

import importlib
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.architecture.documented import differences, reasons
from tests.architecture.source import ROOT

if TYPE_CHECKING:
    pass

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


def _listed() -> dict[str, str]:
    """Return the reasons that are given, but for those of the object mapper."""
    return {name: why for name, why in reasons().items() if not name.startswith("cqlengine")}


@cache
def _differences() -> frozenset[str]:
    """Return the names of what is documented elsewhere and differs here."""
    modules = {f"cql_driver{m.removeprefix('cassandra')}": names for m, names in SURFACE.items()}
    return differences(modules, _instances())


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
