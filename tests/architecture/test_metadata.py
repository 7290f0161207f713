"""What the distributions declare: versions, entry points, extras, licences."""

from __future__ import annotations

import ast
import importlib
import os
import re
import tomllib

import pytest

from cql_driver.auth import AUTHENTICATORS
from cql_driver.runtimes import REACTORS
from cql_protocol.registry import CODECS, COMPRESSORS, Registry
from tests.architecture.source import (
    IMPORT_NAMES,
    ROOT,
    elsewhere,
    imports_of,
    pyproject,
)

REGISTRIES: dict[str, Registry] = {
    "cql_driver.authenticators": AUTHENTICATORS,
    "cql_driver.reactors": REACTORS,
    "cql_protocol.codecs": CODECS,
    "cql_protocol.compressors": COMPRESSORS,
}
"""Every registry by its group. A group that is declared without one stands in `OTHER_GROUPS`."""

OTHER_GROUPS = {"cql_protocol.speedups"}

_REQUIREMENT = re.compile(r"([\w-]+)(?:\[([\w,-]+)\])?(.*)")


def _version() -> str:
    tree = ast.parse((ROOT / "version.py").read_text())
    values = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    assert len(values) == 1
    return str(ast.literal_eval(values[0]))


def _declared(group: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for distribution in IMPORT_NAMES:
        entries = pyproject(distribution)["project"].get("entry-points", {}).get(group, {})
        assert not found.keys() & entries.keys()
        found |= entries
    return found


def _requirements(distribution: str) -> list[tuple[str, set[str], str]]:
    """Return (name, extras, version) of everything a distribution asks for somewhere."""
    project = pyproject(distribution)["project"]
    texts = list(project["dependencies"])
    for wanted in project.get("optional-dependencies", {}).values():
        texts += wanted
    found = []
    for text in texts:
        match = _REQUIREMENT.fullmatch(text.partition(";")[0])
        assert match, text
        found.append((match[1], set(filter(None, (match[2] or "").split(","))), match[3]))
    return found


def _extras(distribution: str) -> set[str]:
    return set(pyproject(distribution)["project"].get("optional-dependencies", {}))


def test_the_packages_are_the_folders() -> None:
    folders = {path.name for path in (ROOT / "packages").iterdir() if path.is_dir()}
    assert folders == set(IMPORT_NAMES)


# --- versions ----------------------------------------------------------------------------


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_one_version_rules_all(distribution: str) -> None:
    settings = pyproject(distribution)
    assert settings["project"]["dynamic"] == ["version"]
    hatch = settings["tool"]["hatch"]
    assert hatch["version"]["path"] == "../../version.py"
    written = hatch["build"]["hooks"]["version"]["path"]
    assert written == f"src/{IMPORT_NAMES[distribution]}/_version.py"
    assert importlib.import_module(IMPORT_NAMES[distribution]).__version__ == _version()


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_packages_of_this_tree_are_pinned_to_its_version(distribution: str) -> None:
    for name, _, version in _requirements(distribution):
        if name == distribution:  # an extra that gathers others
            assert version == ""
        elif name in IMPORT_NAMES:
            assert version == f"=={_version()}"
        else:
            assert re.fullmatch(r">=[\d.]+", version), f"{name}{version}"


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_extras_that_are_asked_for_exist(distribution: str) -> None:
    for name, extras, _ in _requirements(distribution):
        if name in IMPORT_NAMES:
            assert extras <= _extras(name)


LARGE = {"arrow", "dask", "numpy", "pandas", "polars", "ray"}
"""What brings a library of hundreds of megabytes, which who wants it has."""


def test_the_extra_all_gathers_every_other_but_event_loops_and_large_ones() -> None:
    alternatives = REACTORS.known.keys() | LARGE  # of loops a process has one
    for distribution in IMPORT_NAMES:
        extras = _extras(distribution)
        if extras:
            wanted = pyproject(distribution)["project"]["optional-dependencies"]["all"]
            gathered = extras - {"all"} - alternatives
            assert wanted == [f"{distribution}[{','.join(sorted(gathered))}]"]


# --- entry points ------------------------------------------------------------------------


def test_every_group_has_its_registry() -> None:
    groups = {
        group
        for distribution in IMPORT_NAMES
        for group in pyproject(distribution)["project"].get("entry-points", {})
    }
    assert groups == REGISTRIES.keys() | OTHER_GROUPS


@pytest.mark.parametrize("group", REGISTRIES)
def test_known_names_are_the_declared_entry_points(group: str) -> None:
    assert REGISTRIES[group].group == group
    assert REGISTRIES[group].known == _declared(group)


@pytest.mark.parametrize("group", sorted(REGISTRIES.keys() - {"cql_driver.reactors"}))
def test_every_entry_point_leads_to_something(group: str) -> None:
    for name in REGISTRIES[group].known:
        assert REGISTRIES[group].load(name) is not None


_REACTORS = """
import sys
from cql_driver.errors import DriverException
from cql_driver.runtimes import REACTORS
answer = {}
for name, target in REACTORS.known.items():
    try:
        runtime = REACTORS.load(name)
    except DriverException as exc:
        answer[name] = {"error": str(exc)}
        continue
    connection = getattr(sys.modules[runtime.__module__], f"{name.title()}Connection", None)
    answer[name] = {
        "target": f"{runtime.__module__}:{runtime.__qualname__}",
        "name": runtime.name,
        "reactor": getattr(connection, "reactor", None),
        "bases": [each.__name__ for each in getattr(connection, "__mro__", ())],
    }
"""


def test_every_reactor_has_a_module_with_its_name_and_a_connection_class() -> None:
    found = elsewhere(_REACTORS)
    if not os.environ.get("CI") and "built without libev" in found["libev"].get("error", ""):
        del found["libev"]
    own = found.pop("selector")
    assert own["target"] == REACTORS.known["selector"]
    for name, told in found.items():
        assert "error" not in told
        assert told["target"] == f"cql_reactors.{name}reactor:{name.title()}Runtime"
        assert told["name"] == told["reactor"] == name
        assert "ReactorConnection" in told["bases"]


@pytest.mark.parametrize("group", REGISTRIES)
def test_extras_that_a_registry_names_exist(group: str) -> None:
    registry = REGISTRIES[group]
    assert registry.extras.keys() <= registry.known.keys()
    for cure in registry.extras.values():
        match = _REQUIREMENT.fullmatch(cure)
        assert match
        assert {match[2]} <= _extras(match[1])


def test_the_speedups_are_what_is_looked_for() -> None:
    looked_for = {
        found.target
        for found in imports_of("cql-protocol")
        if found.importer == "cql_protocol._accel" and found.when == "call"
    } - {"warnings"}
    assert looked_for == set(_declared("cql_protocol.speedups").values())
    assert _declared("cql_protocol.speedups").keys() == {"cython"}


# --- papers ------------------------------------------------------------------------------


@pytest.mark.parametrize("distribution", IMPORT_NAMES)
def test_every_package_carries_its_papers(distribution: str) -> None:
    folder = ROOT / "packages" / distribution
    project = pyproject(distribution)["project"]
    assert project["name"] == distribution
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]
    assert project["requires-python"] == ">=3.11"
    assert project["readme"] == "README.md"
    assert (folder / "README.md").read_text().startswith(f"# {distribution}\n")
    for name in project["license-files"]:
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
    assert "Typing :: Typed" in project["classifiers"]
    assert (folder / "src" / IMPORT_NAMES[distribution] / "py.typed").is_file()


def test_the_workspace_publishes_nothing() -> None:
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "project" not in root
    environments = root["tool"]["hatch"]["envs"]
    assert all(settings["skip-install"] for settings in environments.values())
