"""The name is the contract between a function and its twin."""

from __future__ import annotations

import ast
import importlib
import re

import pytest

import cql_speedups
from tests.architecture.source import IMPORT_NAMES, modules
from tests.speedups.sources import FOLDER, Twin, needs_extension, public_names, twins

TWINS = [pytest.param(twin, id=str(twin)) for twin in twins()]
MODULES = sorted(public_names())

pytestmark = pytest.mark.once


def test_there_are_twins_of_both_packages() -> None:
    assert {twin.owner.partition(".")[0] for twin in twins()} == {"cql_driver", "cql_protocol"}


@pytest.mark.parametrize("twin", TWINS)
def test_what_is_bound_has_the_name_of_what_it_replaces(twin: Twin) -> None:
    assert twin.fallback.rpartition(".")[2] in (twin.name, "None")
    assert twin.name in public_names()[twin.module]


@needs_extension
@pytest.mark.parametrize("twin", TWINS)
def test_what_is_bound_exists(twin: Twin) -> None:
    found = getattr(getattr(cql_speedups, twin.module), twin.name)
    assert callable(found)
    assert found.__module__ == f"cql_speedups.{twin.module}"
    assert found.__doc__


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_is_used(module: str) -> None:
    """A twin that nobody binds any more would be compiled and shipped for nothing."""
    bound = {twin.name for twin in twins() if twin.module == module}
    texts = [path.read_text() for name in IMPORT_NAMES for path in modules(name).values()]
    used = {
        word
        for text in texts
        for names in re.findall(
            rf"from cql_speedups\.{module} c?import (\([^)]*\)|[^\n]*)", text, re.S
        )
        for word in re.findall(r"\w+", names)
    }
    assert set(public_names()[module]) <= bound | used


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_is_described_to_type_checkers(module: str) -> None:
    described = FOLDER / f"{module}.pyi"
    assert described.exists()
    known = {
        node.name
        for node in ast.parse(described.read_text()).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    assert set(public_names()[module]) <= known


def test_the_package_gives_out_the_modules_that_are_bound_and_imports_none() -> None:
    listed = set(cql_speedups.__all__) - {"__version__"}
    assert {twin.module for twin in twins()} <= listed <= set(MODULES)
    tree = ast.parse((FOLDER / "__init__.py").read_text())
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "cql_speedups"
        for alias in node.names
    }
    assert typed == listed


@needs_extension
@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_has(module: str) -> None:
    if module == "libev" and not list(FOLDER.glob("libev.*.so")):
        pytest.skip("the extension was built without libev")
    found = importlib.import_module(f"cql_speedups.{module}")
    for name in public_names()[module]:
        assert hasattr(found, name)


def test_a_name_that_is_no_module_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cql_speedups.nothing  # type: ignore[attr-defined]
