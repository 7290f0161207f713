"""Single jars from Maven Central, fetched once and kept in the tests' cache folder."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.cassandra.errors import ServerUnavailable
from tests.cassandra.locks import FileLock
from tests.cassandra.paths import subfolder
from tests.cassandra.tools import find_maven, run_tool

_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"


def fetch(coordinates: str, version: str) -> Path:
    """The jar of ``group:artifact`` in a version, without what it depends on.

    Processes that ask at the same time wait for the one that fetches; a jar appears under its
    name only when it is complete.

    :raises ServerUnavailable: Maven is missing, or the download failed.
    """
    folder = subfolder("jars")
    name = f"{coordinates.partition(':')[2]}-{version}.jar"
    jar = folder / name
    if not jar.is_file():
        with FileLock(folder / f"{name}.lock", timeout=300):
            if not jar.is_file():
                _download(f"{coordinates}:{version}", jar)
    return jar


def _download(coordinates: str, jar: Path) -> None:
    maven = find_maven(f"the jars of {coordinates}")
    work = Path(tempfile.mkdtemp(prefix=".fetch-", dir=jar.parent))
    try:
        command: list[str | Path] = [maven, "-q", "-B", _GOAL, f"-Dartifact={coordinates}"]
        command.append(f"-DoutputDirectory={work}")
        run_tool(command, cwd=work, timeout=300)
        if not (work / jar.name).is_file():
            raise ServerUnavailable(f"Maven brought no {jar.name}")
        (work / jar.name).replace(jar)
    finally:
        shutil.rmtree(work, ignore_errors=True)
