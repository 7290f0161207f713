"""The layers of a package: each may use those below it, none a neighbour or one above."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest

from tests.architecture.source import Import, imports_of, modules, resolve

PROTOCOL = (
    {"_lazy", "_version", "identifiers", "kinds"},
    {"enums"},
    {"errors"},
    {"_accel"},
    {"compression", "dialect", "registry", "segments", "streams", "values"},
    {"murmur3", "types", "wire"},
    {"row_source"},
    {"geo", "literals", "rows", "tablets", "tokens"},
    {"messages"},
    {"connection"},
    {"negotiation"},
    {"cql_protocol"},
)

DRIVER = (
    {"_version", "descriptors", "errors", "handlers", "logs", "core.pending"},
    {"addresses", "columnar", "timestamps", "encoder", "auth", "metadata", "pools.host"},
    {
        "core.decide",
        "core.first",
        "core.observers",
        "core.outbox",
        "core.procedures",
        "core.settings",
    },
    {"connection", "core.intake", "metrics", "policies", "query", "util"},
    {"core.runtime", "core.tls", "core.link", "decoder", "pools.pool"},
    {"core.connector", "core.prepare", "core.recovery", "control", "runtimes", "pool"},
    {"core.execution", "core.sessions", "protocol"},
    {"core.health"},
    {"core.engine"},
    {"cluster"},
    {"scans"},
    {"concurrent", "aio"},
    {"doctor"},
    {"__main__"},
    {"cql_driver"},
)

MAPPER = (
    {"_version", "_generic"},
    {"errors"},
    {
        "functions",
        "operators",
        "query.logs",
        "query.options",
        "query.orders",
        "query.unset",
        "models.names",
    },
    {"statements"},
    {"query.lookups", "query.plans", "models.polymorphic"},
    {"query.aggregates", "query.evaluator", "query.hierarchy", "query.reading"},
    {"columns", "connection", "query.selection"},
    {"query.requests", "query.shapes", "usertype", "models.meta"},
    {"query.writes"},
    {"query.batch", "query.blind", "query.fetching"},
    {"query.queryset"},
    {"query.simple"},
    {"query.modelquery", "named"},
    {"models.chaining", "models.copying"},
    {"models.options"},
    {"models.instance"},
    {"models"},
    {"query.context", "schema"},
    {"query"},
    {"management"},
    {"migrations"},
    {"__main__"},
    {"cqlengine"},
)

PACKAGES = {
    "cql-protocol": ("cql_protocol", PROTOCOL, frozenset[str]()),
    # The rooms of these stand on different floors.
    "cql-driver": ("cql_driver", DRIVER, frozenset({"core", "pools"})),
    "cqlengine": ("cqlengine", MAPPER, frozenset({"models", "query"})),
}
"""By distribution: import name, layers from the bottom up, and packages that are split."""


@pytest.fixture(params=sorted(PACKAGES))
def package(request: pytest.FixtureRequest) -> str:
    """The name of a distribution."""
    return str(request.param)


def _unit(package: str, module: str) -> str:
    face, _, split = PACKAGES[package]
    parts = module.split(".")[1:]
    if len(parts) > 1 and parts[0] in split:
        return f"{parts[0]}.{parts[1]}"
    return parts[0] if parts else face


def _level(package: str, unit: str) -> int:
    return next(n for n, units in enumerate(PACKAGES[package][1]) if unit in units)


def _inner(package: str) -> list[tuple[Import, str]]:
    """Return the imports within a package, each with the module it names."""
    face = PACKAGES[package][0]
    known = modules(package) | {f"{face}._version": modules(package)[face]}
    return [
        (found, resolve(found.target, known))
        for found in imports_of(package)
        if found.target.partition(".")[0] == face
    ]


def test_every_module_has_one_layer(package: str) -> None:
    _, layers, split = PACKAGES[package]
    units = {_unit(package, name) for name in modules(package)} | {"_version"}
    placed = [unit for layer in layers for unit in layer]
    assert len(placed) == len(set(placed))
    assert units - split <= set(placed) <= units


def test_a_layer_uses_only_those_below(package: str) -> None:
    wrong = []
    for found, target in _inner(package):
        user, used = _unit(package, found.importer), _unit(package, target)
        # A name that only type checkers read may point up: nothing runs.
        if (
            found.when != "typing"
            and user != used
            and _level(package, used) >= _level(package, user)
        ):
            wrong.append(str(found))
    assert wrong == []


def test_no_import_needs_a_module_that_is_still_being_imported(package: str) -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules(package)}
    for found, target in _inner(package):
        if found.when == "import":
            graph[found.importer] |= _run_by(found.importer, target)
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError with the cycle
    assert len(order) >= len(graph)


def _run_by(importer: str, target: str) -> set[str]:
    """Return the modules that an import runs: the target and the packages around it.

    The packages that hold the importer as well are running already.
    """
    parts = target.split(".")
    packages = {".".join(parts[:size]) for size in range(1, len(parts) + 1)}
    return {name for name in packages if not (importer + ".").startswith(name + ".")}
