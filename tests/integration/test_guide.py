"""The guide to the object mapper, run on a node."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cql_driver.cluster import Cluster as Client
from cql_driver.cluster import Session
from tests.cassandra import Cluster
from tests.integration.run_document import blocks

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "cqlengine.md"


def run(*words: str, cwd: Path = ROOT, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *words],
        cwd=cwd,
        env={**os.environ, "CQLENG_ALLOW_SCHEMA_MANAGEMENT": "1", **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr or done.stdout
    return done.stdout


@pytest.fixture
def session(cassandra: Cluster) -> Iterator[Session]:
    with Client(cassandra.contact_points) as cluster, cluster.connect() as session:
        yield session


def test_what_the_guide_shows_works(cassandra: Cluster, session: Session) -> None:
    assert len(blocks(GUIDE)) > 20
    session.execute("DROP KEYSPACE IF EXISTS bookshop")
    run("-m", "tests.integration.run_document", str(GUIDE), cassandra.contact_points[0])


def test_the_page_of_the_mapper_on_the_index_has_the_same_examples() -> None:
    page = ROOT / "packages" / "cqlengine" / "README.md"
    found = [block for _, block in blocks(page)]
    assert found == [block for _, block in blocks(GUIDE)][: len(found)] != []


@pytest.fixture
def keyspace(session: Session) -> str:
    name = "the_guides_commands"
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")
    session.execute(
        f"CREATE KEYSPACE {name} WITH replication = "
        "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    return name


def test_the_commands_of_the_guide(cassandra: Cluster, keyspace: str, tmp_path: Path) -> None:
    (models,) = (block for _, block in blocks(GUIDE) if block.startswith("# bookshop/models.py"))
    (tmp_path / "bookshop").mkdir()
    (tmp_path / "bookshop" / "models.py").write_text(models, encoding="utf-8")
    text = GUIDE.read_text(encoding="utf-8")
    (exports,) = re.findall(r"^export (CQLENG_.*)$", text, re.MULTILINE)
    variables = dict(word.split("=") for word in exports.split())
    variables["CQLENG_HOSTS"] = cassandra.contact_points[0]
    variables["CQLENG_KEYSPACE"] = keyspace
    commands = re.findall(r"^python (-m cqlengine .*?) *(?:#.*)?$", text, re.MULTILINE)
    said = [run(*command.split(), cwd=tmp_path, **variables) for command in commands]
    assert len(said) == 4
    assert "CREATE TABLE" in said[0]
    assert "1 step applied" in said[2]
    assert "nothing to do" in said[3]
