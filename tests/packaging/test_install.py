"""The wheels in environments where nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source import IMPORT_NAMES
from tests.packaging.workshop import CommandFailed, Environment, Workshop, make_wheel

LOADED = """
import sys
before = set(sys.modules)
import cql_protocol
from cql_protocol import _accel
answer = {
    "home": cql_protocol.__file__,
    "version": cql_protocol.__version__,
    "implementation": _accel.IMPLEMENTATION,
    "loaded": sorted(set(sys.modules) - before),
}
"""

IO_MODULES = {"asyncio", "logging", "selectors", "socket", "ssl", "threading"}


@pytest.fixture(scope="module")
def alone(workshop: Workshop) -> Environment:
    """An environment that has cql-protocol and nothing else."""
    return workshop.environment().install(workshop.dist, "cql-protocol")


@pytest.fixture(scope="module")
def everything(workshop: Workshop) -> Environment:
    """An environment that has all packages of this tree and no library of others."""
    wanted = ["cql-compat", "cql-driver[speedups]"]
    return workshop.environment().install(workshop.dist, *wanted)


def _version(workshop: Workshop) -> str:
    return workshop.wheel("cql-protocol").name.split("-")[1]


def test_cql_protocol_needs_nothing(workshop: Workshop, alone: Environment) -> None:
    assert alone.installed() == {"cql-protocol": _version(workshop)}
    assert "No broken requirements" in alone.check()


def test_it_imports_and_loads_no_io(workshop: Workshop, alone: Environment) -> None:
    found = alone.run(LOADED)
    assert found["home"].startswith(str(alone.folder))
    assert found["version"] == _version(workshop)
    assert found["implementation"] == "python"
    assert IO_MODULES & set(found["loaded"]) == set()


def test_every_module_of_it_imports_but_the_plugins(alone: Environment) -> None:
    program = """
import importlib, pkgutil, cql_protocol
failed = {}
for module in pkgutil.walk_packages(cql_protocol.__path__, "cql_protocol."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as exc:
        failed[module.name] = exc.name
answer = failed
"""
    assert alone.run(program) == {
        "cql_protocol.compression.lz4": "lz4",
        "cql_protocol.compression.snappy": "cramjam",
    }


@pytest.mark.parametrize("name", ["lz4", "snappy"])
def test_a_compression_that_is_not_installed_says_how_to_get_it(
    alone: Environment, name: str
) -> None:
    program = f"""
from cql_protocol.errors import PluginError
from cql_protocol.registry import COMPRESSORS
try:
    answer = COMPRESSORS.load({name!r}).name
except PluginError as exc:
    answer = str(exc)
"""
    library = {"lz4": "lz4", "snappy": "cramjam"}[name]
    assert alone.run(program) == (
        f"compressor '{name}' needs {library}: pip install 'cql-protocol[{name}]'"
    )


def test_geometry_needs_its_library_for_texts_only(alone: Environment) -> None:
    program = """
from cql_protocol.errors import PluginError
from cql_protocol.geo import Point
from cql_protocol.registry import CODECS
codec = CODECS.load("PointType")
answer = {"value": codec.decode(codec.encode(Point(1, 2))) == Point(1, 2)}
try:
    Point.from_wkt("POINT (1 2)")
except PluginError as exc:
    answer["text"] = str(exc)
"""
    found = alone.run(program)
    assert found["value"] is True
    assert "pip install 'cql-protocol[geo]'" in found["text"]


# --- with the extension ------------------------------------------------------------------


def test_all_packages_live_together(workshop: Workshop, everything: Environment) -> None:
    assert everything.installed() == dict.fromkeys(IMPORT_NAMES, _version(workshop))
    assert "No broken requirements" in everything.check()
    imports = "\n".join(f"import {name}" for name in IMPORT_NAMES.values())
    names = ", ".join(f"{name}.__version__" for name in IMPORT_NAMES.values())
    assert set(everything.run(f"{imports}\nanswer = [{names}]")) == {_version(workshop)}


def test_the_extension_is_used(everything: Environment) -> None:
    program = """
import cql_speedups
from cql_protocol import _accel, murmur3
answer = {
    "implementation": _accel.IMPLEMENTATION,
    "kernel": type(murmur3.murmur3).__name__,
    "hash": murmur3.murmur3(b"123"),
    "home": cql_speedups.murmur3.__file__,
}
"""
    found: dict[str, Any] = everything.run(program)
    assert found["implementation"] == "cython"
    assert found["kernel"] != "function"
    assert found["hash"] == -7468325962851647638
    assert found["home"].startswith(str(everything.folder))
    assert found["home"].endswith((".so", ".pyd"))


def test_an_extension_is_not_installed_beside_another_version(
    workshop: Workshop, tmp_path: Path
) -> None:
    """The pin is exact: the installer refuses what `_accel` would refuse."""
    other = make_wheel(tmp_path, "cql-protocol", {"cql_protocol": ""}, {})
    with pytest.raises(CommandFailed, match="conflicting dependencies"):
        workshop.environment().install(workshop.dist, "cql-speedups", other)
