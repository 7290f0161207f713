"""The run's clusters by shape, with light clusters in the place of real ones; and their folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cassandra import ClusterError, ClusterOptions, ClusterPool, pool
from tests.cassandra.runs import RunFolder

ROOT = Path(__file__).parents[2]
ONE, TWO, THREE = (ClusterOptions(nodes=count) for count in (1, 2, 3))


class LightCluster:
    """A cluster of names."""

    fails_to_stop = False

    def __init__(self, options: ClusterOptions) -> None:
        self.options = options
        self.nodes: list[str] = []
        self.healed = 0

    def start(self) -> None:
        self.nodes = ["node"] * self.options.nodes

    def stop(self) -> None:
        self.nodes = []
        if self.fails_to_stop:
            raise ClusterError(f"{self.options.nodes} nodes do not end")

    def heal(self) -> None:
        self.healed += 1

    def __enter__(self) -> LightCluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@pytest.fixture
def clusters_of_names(monkeypatch: pytest.MonkeyPatch) -> ClusterPool:
    monkeypatch.setattr(pool, "Cluster", LightCluster)
    return ClusterPool(max_nodes=6)


def test_a_shape_is_started_once_and_healed_each_time(clusters_of_names: ClusterPool) -> None:
    first = clusters_of_names.get(ONE)
    assert clusters_of_names.get(ClusterOptions()) is first
    assert first.healed == 2  # type: ignore[attr-defined]
    assert clusters_of_names.nodes_up == 1


def test_the_shape_used_longest_ago_makes_room(clusters_of_names: ClusterPool) -> None:
    one, two, three = (clusters_of_names.get(shape) for shape in (ONE, TWO, THREE))
    clusters_of_names.get(ONE)
    clusters_of_names.get(ClusterOptions(nodes=2, tls="server"))
    assert [len(cluster.nodes) for cluster in (one, two, three)] == [1, 0, 3]
    assert clusters_of_names.get(TWO) is not two


def test_a_pinned_shape_is_never_stopped(clusters_of_names: ClusterPool) -> None:
    one = clusters_of_names.get(ONE, pin=True)
    clusters_of_names.get(THREE)
    clusters_of_names.get(ClusterOptions(nodes=5))
    assert len(one.nodes) == 1
    assert clusters_of_names.nodes_up == 6


def test_a_private_cluster_counts_and_ends_with_its_block(clusters_of_names: ClusterPool) -> None:
    three = clusters_of_names.get(THREE)
    with clusters_of_names.private(THREE) as own:
        assert own is not three
        assert clusters_of_names.nodes_up == 6
        clusters_of_names.get(ONE)
        assert not three.nodes
    assert not own.nodes
    assert clusters_of_names.nodes_up == 1


def test_closing_stops_all_even_when_one_fails(
    clusters_of_names: ClusterPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = [clusters_of_names.get(shape) for shape in (ONE, TWO)]
    monkeypatch.setattr(LightCluster, "fails_to_stop", True)
    with pytest.raises(ClusterError, match="1 nodes do not end; 2 nodes do not end"):
        clusters_of_names.close()
    assert [cluster.nodes for cluster in shared] == [[], []]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CQL_TESTS_CACHE", str(tmp_path))
    monkeypatch.delenv("CQL_TESTS_KEEP", raising=False)
    return tmp_path / "runs"


def folders(runs: Path) -> set[Path]:
    return {path for path in runs.iterdir() if path.is_dir()}


def test_a_run_folder_of_a_crashed_owner_is_removed_by_the_next(runs: Path) -> None:
    code = (
        "import os; from tests.cassandra.runs import RunFolder;"
        "run = RunFolder('lost', owned=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    (lost,) = folders(runs)
    named = RunFolder("named", owned=False)
    assert not lost.exists()
    own = RunFolder("run", owned=True)
    # Neither a named cluster's folder nor one whose owner lives is touched.
    RunFolder("other", owned=True).close()
    assert folders(runs) == {named.path, own.path}
    own.close()
    named.close()
    assert folders(runs) == set()


def test_a_run_folder_is_kept_on_demand(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_TESTS_KEEP", "1")
    kept = RunFolder("kept", owned=True)
    kept.close()
    monkeypatch.delenv("CQL_TESTS_KEEP")
    RunFolder("run", owned=True).close()
    assert folders(runs) == {kept.path}
    assert os.listdir(kept.path) == []
