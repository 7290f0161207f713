"""The layers of cql_protocol: each may use those below it, none a neighbour or one above."""

from __future__ import annotations

from graphlib import TopologicalSorter

from tests.architecture.source import Import, imports_of, modules, resolve

FACE = "cql_protocol"

LAYERS = (
    {"_lazy", "_version", "crc", "enums", "identifiers"},
    {"errors"},
    {"_accel", "compression", "dialect", "registry", "segments", "streams", "values"},
    {"murmur3", "types", "wire"},
    {"geo", "literals", "rows", "tablets", "tokens"},
    {"messages"},
    {"connection"},
    {"negotiation"},
    {FACE},
)
"""From the bottom up, by the part of a module's name that follows ``cql_protocol``."""


def _unit(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else FACE


def _level(unit: str) -> int:
    return next(level for level, units in enumerate(LAYERS) if unit in units)


def _inner() -> list[tuple[Import, str]]:
    """Return the imports within cql_protocol, each with the module it names."""
    known = modules("cql-protocol") | {f"{FACE}._version": modules("cql-protocol")[FACE]}
    return [
        (found, resolve(found.target, known))
        for found in imports_of("cql-protocol")
        if found.target.partition(".")[0] == FACE
    ]


def test_every_module_has_one_layer() -> None:
    units = {_unit(name) for name in modules("cql-protocol")} | {"_version"}
    placed = [unit for layer in LAYERS for unit in layer]
    assert sorted(placed) == sorted(units)


def test_a_layer_uses_only_those_below() -> None:
    wrong = []
    for found, target in _inner():
        user, used = _unit(found.importer), _unit(target)
        # A name that only type checkers read may point up: nothing runs.
        if found.when != "typing" and user != used and _level(used) >= _level(user):
            wrong.append(str(found))
    assert wrong == []


def test_no_import_needs_a_module_that_is_still_being_imported() -> None:
    graph: dict[str, set[str]] = {name: set() for name in modules("cql-protocol")}
    for found, target in _inner():
        if found.when == "import":
            graph[found.importer] |= _run_by(found.importer, target)
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError with the cycle
    assert FACE in order


def _run_by(importer: str, target: str) -> set[str]:
    """Return the modules that an import runs: the target and the packages around it.

    The packages that hold the importer as well are running already.
    """
    parts = target.split(".")
    packages = {".".join(parts[:size]) for size in range(1, len(parts) + 1)}
    return {name for name in packages if not (importer + ".").startswith(name + ".")}
