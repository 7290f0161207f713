"""The server's jars: fetched from Maven Central once per version, kept in the cache folder."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.cassandra.errors import ServerUnavailable
from tests.cassandra.locks import FileLock
from tests.cassandra.paths import cache_folder
from tests.cassandra.tools import find_maven, run_tool

_POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>cql.tests</groupId>
  <artifactId>cassandra-node</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.cassandra</groupId>
      <artifactId>cassandra-all</artifactId>
      <version>{version}</version>
    </dependency>
  </dependencies>
</project>
"""
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


def jar_folder(version: str) -> Path:
    """The folder with all jars of a Cassandra version, fetched when it is not in the cache yet.

    Processes that ask at the same time wait for the one that fetches. A folder appears under its
    name only when it is complete, so an interrupted download leaves nothing half done.

    :raises ServerUnavailable: Maven is missing, or the download failed.
    """
    folder = cache_folder() / f"cassandra-{version}"
    if not folder.is_dir():
        with FileLock(cache_folder() / f"cassandra-{version}.lock", timeout=900):
            if not folder.is_dir():
                _fetch(version, folder)
    return folder


def agent_jar(folder: Path) -> Path:
    """The jar of jamm, the Java agent with which Cassandra measures its objects."""
    found = sorted(folder.glob("jamm-*.jar"))
    if not found:
        raise ServerUnavailable(f"{folder} has no jamm jar; remove the folder to fetch it again")
    return found[-1]


def _fetch(version: str, folder: Path) -> None:
    maven = find_maven()
    work = Path(tempfile.mkdtemp(prefix=f".cassandra-{version}-", dir=folder.parent))
    try:
        (work / "pom.xml").write_text(_POM.format(version=version))
        command: list[str | Path] = [maven, "-q", "-B", _GOAL, "-DincludeScope=runtime"]
        command.append(f"-DoutputDirectory={work / 'jars'}")
        try:
            run_tool(command, cwd=work, timeout=600)
        except ServerUnavailable as error:
            raise ServerUnavailable(
                f"the jars of Cassandra {version} could not be fetched from Maven Central: {error}"
            ) from error
        if not (work / "jars" / f"cassandra-all-{version}.jar").is_file():
            raise ServerUnavailable(f"Maven brought no cassandra-all-{version}.jar")
        (work / "jars").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
