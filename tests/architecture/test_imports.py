"""Who may import whom: between the packages, and within cql_protocol."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.architecture import source
from tests.architecture.source import (
    IMPORT_NAMES,
    Import,
    imports_of,
    modules,
    pyproject,
    resolve,
)

MAY_IMPORT = {
    "cql-protocol": set(),
    "cql-speedups": {"cql-protocol"},
    "cql-driver": {"cql-protocol"},
    "cql-reactors": {"cql-driver", "cql-protocol"},
    "cqlengine": {"cql-driver", "cql-protocol"},
    "cql-compat": {"cql-driver", "cql-protocol", "cql-reactors", "cqlengine"},
}
"""The arrows between the packages. Nothing else holds them together but names in entry points."""


def _twins_of_the_driver() -> set[str]:
    """Return the compiled modules that nothing of cql_protocol leads to."""
    known = modules("cql-speedups")
    uses: dict[str, set[str]] = {}
    for found in imports_of("cql-speedups"):
        if found.when != "typing":
            uses.setdefault(found.importer, set()).add(resolve(found.target, known))
    reached: set[str] = set()
    ahead = {
        f"cql_speedups.{module}"
        for path in modules("cql-protocol").values()
        for module in re.findall(r'compiled\("(\w+)"', path.read_text())
    }
    while ahead:
        module = ahead.pop()
        reached.add(module)
        ahead |= (uses.get(module, set()) & known.keys()) - reached
    return set(known) - reached - {"cql_speedups"}


TWINS_OF_THE_DRIVER = _twins_of_the_driver()
"""What only cql_driver asks for, and what only such modules use: they may look into it."""

AGAINST_THE_ARROWS = {
    ("cql_protocol._accel", "cql_speedups"),
    ("cql_driver.columnar.collectors", "cql_speedups"),
    ("cql_reactors.libevreactor", "cql_speedups"),
    *((name, "cql_driver") for name in TWINS_OF_THE_DRIVER),
}
"""The places that look for compiled code: one for the twins, and lives without them; one for what
gathers compiled pages, where there are any; one for libev, and says what is missing. And the other
way round the twins of cql_driver."""

FORBIDDEN_IN_PROTOCOL = {"asyncio", "logging", "selectors", "socket", "ssl", "threading"}
FORBIDDEN_IN_PROTOCOL |= {"_socket", "_ssl", "_thread", "concurrent", "multiprocessing", "select"}
FORBIDDEN_IN_PROTOCOL |= {"socketserver", "queue", "subprocess"}

SLOW_IN_PROTOCOL = {"dataclasses", "inspect", "numpy"}
"""Modules whose import alone costs as much as a good part of cql_protocol."""

PLUGIN_PLACES = {
    ("cql_driver.auth.sasl", "puresasl"),
    ("cql_driver.metrics.opentelemetry", "opentelemetry"),
    ("cql_driver.metrics.prometheus", "prometheus_client"),
    ("cql_driver.columnar.frames", "pandas"),
    ("cql_driver.columnar.frames", "pyarrow"),
    ("cql_driver.protocol", "numpy"),
    ("cql_driver.scans.dask", "dask"),
    ("cql_driver.scans.dask", "pandas"),
    ("cql_driver.scans.ray", "ray"),
    ("cql_protocol.compression.lz4", "lz4"),
    ("cql_protocol.compression.snappy", "cramjam"),
    ("cql_protocol.geo", "geomet"),
    ("cql_reactors.asyncorereactor", "asyncore"),
    ("cql_reactors.conformance", "eventlet"),
    ("cql_reactors.conformance", "gevent"),
    ("cql_reactors.conformance", "pytest"),
    ("cql_reactors.conformance", "trustme"),
    ("cql_reactors.deferreds", "twisted"),
    ("cql_reactors.eventletreactor", "eventlet"),
    ("cql_reactors.geventreactor", "gevent"),
    ("cql_reactors.green", "greenlet"),
    ("cql_reactors.hubs", "greenlet"),
    ("cql_reactors.twistedreactor", "twisted"),
    ("cql_reactors.twistedreactor", "zope"),
}
"""Third-party libraries, each with the module or package that an extra of its own serves.

Those of columns have an extra each, and are found by name in `cql_driver.columnar.libraries` too.
"""

LAZY_IN_PROTOCOL = {"importlib.metadata"}
"""What costs too much to be imported with cql_protocol, and is looked at only when asked for."""


def _root(name: str) -> str:
    return name.partition(".")[0]


def _is_within(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_packages_import_along_the_arrows_only(distribution: str) -> None:
    allowed = {IMPORT_NAMES[name] for name in {distribution, *MAY_IMPORT[distribution]}}
    forbidden = set(IMPORT_NAMES.values()) - allowed
    wrong = [
        str(found)
        for found in imports_of(distribution)
        if _root(found.target) in forbidden
        and (found.importer, _root(found.target)) not in AGAINST_THE_ARROWS
    ]
    assert wrong == []


def test_the_exception_is_an_import_when_asked_and_nowhere_else() -> None:
    against = [
        (found.importer, found.target, found.when)
        for found in imports_of("cql-protocol")
        if _root(found.target) == "cql_speedups"
    ]
    assert against == [("cql_protocol._accel", "cql_speedups", "call")]


def test_who_has_no_driver_meets_no_module_that_looks_into_it() -> None:
    ours = {"cql_speedups.murmur3", "cql_speedups.rows", "cql_speedups.frames"}
    assert not ours & TWINS_OF_THE_DRIVER
    assert {"cql_speedups.attempts", "cql_speedups.pages"} <= TWINS_OF_THE_DRIVER
    looking = {f.importer for f in imports_of("cql-speedups") if _root(f.target) == "cql_driver"}
    assert looking <= TWINS_OF_THE_DRIVER


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_declared_dependencies_are_the_arrows(distribution: str) -> None:
    declared = _dependencies(distribution)
    imported = {
        name
        for name, root in IMPORT_NAMES.items()
        if name != distribution
        and any(
            _root(found.target) == root and found.when != "typing"
            for found in imports_of(distribution)
            if (found.importer, root) not in AGAINST_THE_ARROWS
        )
    }
    assert declared <= MAY_IMPORT[distribution]
    assert imported <= declared | _reached(declared)


def _dependencies(distribution: str) -> set[str]:
    declared = pyproject(distribution)["project"]["dependencies"]
    return {text.partition("==")[0] for text in declared}


def _reached(distributions: set[str]) -> set[str]:
    """Return what the distributions bring along."""
    return set().union(*map(_dependencies, distributions))


def test_cql_protocol_does_no_io_of_its_own() -> None:
    wrong = [
        str(found)
        for found in imports_of("cql-protocol")
        if _root(found.target) in FORBIDDEN_IN_PROTOCOL
    ]
    assert wrong == []


def test_cql_protocol_uses_nothing_slow_to_import() -> None:
    wrong = [
        str(found)
        for found in imports_of("cql-protocol")
        if _root(found.target) in SLOW_IN_PROTOCOL
    ]
    assert wrong == []


def test_cql_protocol_never_sleeps() -> None:
    for name, path in modules("cql-protocol").items():
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Attribute) and node.attr == "sleep"
            named = named or (
                isinstance(node, ast.ImportFrom) and any(a.name == "sleep" for a in node.names)
            )
            assert not named, f"{name}:{getattr(node, 'lineno', 0)} sleeps"


def test_cql_protocol_scans_metadata_only_when_asked() -> None:
    wrong = [
        str(found)
        for found in imports_of("cql-protocol")
        if any(_is_within(found.target, lazy) for lazy in LAZY_IN_PROTOCOL)
        and (found.when == "import" or found.importer != "cql_protocol.registry")
    ]
    assert wrong == []


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_third_party_libraries_stay_in_the_plugins_of_extras(distribution: str) -> None:
    ours = set(IMPORT_NAMES.values()) | set(sys.stdlib_module_names) | {"cpython", "cython", "libc"}
    wrong = [
        str(found)
        for found in imports_of(distribution)
        if _root(found.target) not in ours and not _is_plugin(found)
    ]
    assert wrong == []


def _is_plugin(found: Import) -> bool:
    return any(
        _is_within(found.importer, place) and _root(found.target) == library
        for place, library in PLUGIN_PLACES
    )


@pytest.mark.parametrize(("place", "library"), sorted(PLUGIN_PLACES))
def test_each_plugin_place_uses_its_library(place: str, library: str) -> None:
    """A rule for a place that is gone would let the library in unseen elsewhere."""
    distributions = ("cql-driver", "cql-protocol", "cql-reactors")
    assert any(
        _is_within(found.importer, place) and _root(found.target) == library
        for distribution in distributions
        for found in imports_of(distribution)
    )


MAY_PATCH = {"cql_reactors.conformance.program"}
"""A process of the kit's own, which is told what to patch."""


def test_no_library_patches_anything() -> None:
    """Patches are the application's to apply: a library that does it surprises somebody."""
    found = {
        name
        for distribution in IMPORT_NAMES
        for name, path in modules(distribution).items()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("patch_all", "patch_module", "monkey_patch", "install")
    }
    assert found == MAY_PATCH


def test_the_rules_see_imports_in_every_form(tmp_path: Path) -> None:
    """The reader itself: in functions, under TYPE_CHECKING, relative, by name, and in Cython."""
    code = (
        "import socket, os.path\n"
        "if TYPE_CHECKING:\n    import ssl\nelse:\n    import queue\n"
        "class C:\n    from .. import up\n"
        "def f():\n    from .sub import thing\n    import_module('asyncio')\n"
    )
    fake = tmp_path / "fake.py"
    fake.write_text(code)
    found = {(i.target, i.when) for i in source._python_imports("cql_protocol.a.fake", fake)}
    assert found == {
        ("socket", "import"),
        ("os.path", "import"),
        ("ssl", "typing"),
        ("queue", "import"),
        ("cql_protocol.up", "import"),
        ("cql_protocol.a.sub.thing", "call"),
        ("asyncio", "call"),
    }
    kernel = tmp_path / "kernel.pyx"
    kernel.write_text("from libc.math cimport sin\ncimport cython\ndef f():\n    import numpy\n")
    cython = {(i.target, i.when) for i in source._cython_imports("cql_speedups.kernel", kernel)}
    assert cython == {("libc.math", "import"), ("cython", "import"), ("numpy", "call")}
