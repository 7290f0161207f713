"""The Django project of the examples, where only wheels are installed, on a real node."""

from __future__ import annotations

import ast
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.architecture.source import ROOT
from tests.packaging.workshop import CommandFailed, Environment, Workshop, run

if TYPE_CHECKING:
    from tests.cassandra import Cluster

EXAMPLE = ROOT / "examples" / "django_reading_log"


class Site:
    """A copy of the project, far from the tree."""

    def __init__(self, python: Path, folder: Path, node: Cluster) -> None:
        self._python = python
        self.folder = folder
        self._settings = {
            "CASSANDRA_HOSTS": node.contact_points[0],
            "CASSANDRA_PORT": str(node.port),
            "CASSANDRA_KEYSPACE": "reading_log_of_the_suite",
        }

    def manage(self, *words: str) -> str:
        """Run a command of Django's; return what it says, on standard error too."""
        command = (self._python, "-W", "error", "manage.py", *words)
        shell = ("sh", "-c", 'exec "$@" 2>&1', "sh")
        return run(*shell, *command, cwd=self.folder, settings=self._settings)


class Installed(NamedTuple):
    """An environment into which the mapper was installed, and what that brought."""

    environment: Environment
    brought: set[str]
    said: str


@pytest.fixture(scope="module")
def mapper(workshop: Workshop) -> Installed:
    """An environment with the mapper, and what that brings."""
    environment = workshop.environment().install(workshop.dist, "cqlengine")
    return Installed(environment, set(environment.installed()), environment.check())


@pytest.fixture(scope="module")
def site(
    workshop: Workshop,
    mapper: Installed,
    cassandra: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """The project, in an environment that has what its requirements.txt says."""
    django, ours = (EXAMPLE / "requirements.txt").read_text().split()
    assert ours == "cqlengine"
    try:
        wheels = workshop.downloaded(django, "django")
    except CommandFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no index that has Django: {error}")
    mapper.environment.install(wheels, django)
    leave = shutil.ignore_patterns("__pycache__")
    folder = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("site") / "site", ignore=leave)
    return Site(mapper.environment.python, folder, cassandra)


def _tests_of_the_project() -> int:
    found = [
        node.name
        for path in EXAMPLE.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return sum(name.startswith("test_") for name in found)


def test_the_mapper_needs_the_driver_alone(mapper: Installed) -> None:
    assert mapper.brought == {"cqlengine", "cql-driver", "cql-protocol"}
    assert "No broken requirements" in mapper.said


def test_its_own_tests_pass(site: Site) -> None:
    said = site.manage("test", "--verbosity", "1")
    count = re.search(r"^Ran (\d+) tests in", said, re.MULTILINE)
    assert count is not None, said
    assert int(count[1]) == _tests_of_the_project() > 15
    assert "OK" in said.splitlines(), said  # nothing skipped, which would stand behind it


def test_the_schema_is_made_once(site: Site) -> None:
    assert site.manage("check") == "System check identified no issues (0 silenced).\n"
    assert "4 steps applied" in site.manage("migrate_cql")
    assert "nothing to do" in site.manage("migrate_cql")
    assert "nothing to do" in site.manage("migrate_cql", "--plan")
