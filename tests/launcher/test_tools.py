"""Java, Maven and the jars: found, fetched once, and missed with an error that helps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cassandra import ServerUnavailable, tools
from tests.cassandra.jars import jar_folder
from tests.cassandra.locks import FileLock

ROOT = Path(__file__).parents[2]


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without programs; those put into the returned folder are found."""
    monkeypatch.setenv("CQL_TESTS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(tools, "_USUAL_JAVA", ())
    return tmp_path / "bin"


def test_without_java_the_error_names_it(bare: Path) -> None:
    with pytest.raises(ServerUnavailable, match=r"needs Java 17.*no java in JAVA_HOME, PATH"):
        tools.find_java.__wrapped__()
    script(bare / "java", "echo 'openjdk version \"21.0.2\" 2024-01-16' >&2")
    with pytest.raises(ServerUnavailable, match=r"needs Java 17.*bin/java is Java 21"):
        tools.find_java.__wrapped__()


def test_a_fitting_java_wins_over_the_first_one(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = script(tmp_path / "home/bin/java", "echo 'openjdk version \"17.0.15\"' >&2")
    script(bare / "java", "echo 'java version \"1.8.0_392\"' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    monkeypatch.setattr(tools, "_USUAL_JAVA", (str(tmp_path / "*/bin/java"),))
    assert tools.find_java.__wrapped__() == right


def test_without_maven_the_error_names_it(bare: Path) -> None:
    with pytest.raises(ServerUnavailable, match="install Maven"):
        jar_folder("5.0.8")


def test_a_failed_download_shows_what_maven_said_and_leaves_nothing(bare: Path) -> None:
    script(bare / "mvn", "echo 'no route to repository'; exit 1")
    with pytest.raises(ServerUnavailable, match=r"(?s)5\.0\.8.*Maven Central.*no route to repo"):
        jar_folder("5.0.8")
    cache = bare.parent / "cache"
    assert [path.name for path in cache.iterdir()] == ["cassandra-5.0.8.lock"]


def test_processes_that_ask_at_once_fetch_once(bare: Path) -> None:
    # A Maven that takes its time, and leaves a mark for each run.
    script(
        bare / "mvn",
        f"echo x >> {bare}/runs; /bin/sleep 0.5; "
        "/bin/mkdir -p jars; : > jars/cassandra-all-5.0.8.jar",
    )
    code = "from tests.cassandra.jars import jar_folder; print(jar_folder('5.0.8'))"
    asking = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    folders = {process.communicate(timeout=60)[0].strip() for process in asking}
    assert folders == {str(bare.parent / "cache" / "cassandra-5.0.8")}
    assert (bare / "runs").read_text() == "x\n"


def test_a_lock_is_exclusive_and_can_be_taken_again(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    with first:
        assert not second.try_acquire()
    assert second.try_acquire()
    second.release()


def pytest_run(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one integration test where no program is in PATH and no jar in the cache."""
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "JAVA_HOME", "PYTEST_ADDOPTS")}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider"),
            "tests/launcher/test_node.py::test_a_ready_node_answers_options",
        ],
        cwd=ROOT,
        env=kept | {"PATH": "", "CQL_TESTS_CACHE": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_server_tests_skip_with_the_reason(tmp_path: Path) -> None:
    done = pytest_run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert "no Cassandra: " in done.stdout


def test_without_a_server_ci_fails(tmp_path: Path) -> None:
    done = pytest_run(tmp_path, CI="true")
    assert done.returncode == 1, done.stdout
    assert "CI is set, and there is no Cassandra: " in done.stdout
