"""Which event loop is made: the argument counts, then the environment, then the built-in one."""

from __future__ import annotations

import pytest

from cql_driver import PluginError
from cql_driver.cluster import Cluster
from cql_driver.runtimes import make_runtime
from cql_driver.runtimes.selector import SelectorRuntime


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CQL_DRIVER_REACTOR", raising=False)


def test_the_built_in_loop_is_the_default() -> None:
    assert isinstance(make_runtime(), SelectorRuntime)


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_DRIVER_REACTOR", "nonesuch")
    with pytest.raises(PluginError, match=r"no reactor is called 'nonesuch'.*selector"):
        make_runtime()


def test_the_argument_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_DRIVER_REACTOR", "nonesuch")
    assert isinstance(make_runtime("selector"), SelectorRuntime)


def test_a_cluster_says_what_it_cannot_have_when_it_connects() -> None:
    cluster = Cluster(["127.0.0.1"], reactor="nonesuch")
    with pytest.raises(PluginError, match="nonesuch"):
        cluster.connect()
