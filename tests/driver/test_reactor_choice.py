"""Which event loop is made: the argument counts, then the environment, then the built-in one."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from cql_driver import PluginError
from cql_driver.cluster import Cluster
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.runtimes import REACTORS, make_runtime
from cql_driver.runtimes.selector import SelectorRuntime
from cql_reactors.connections import ReactorConnection
from tests.simulation import Simulation

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CQL_DRIVER_REACTOR", raising=False)
    monkeypatch.setattr(REACTORS, "_loaded", {})


class Offer:
    """Has the registry find entry points that no distribution has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._found: list[EntryPoint] = []
        monkeypatch.setattr(REACTORS, "_scanned", self._found)

    def __call__(self, name: str, target: str) -> None:
        self._found.append(EntryPoint(name, target, "cql_driver.reactors"))


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    return Offer(monkeypatch)


def test_the_built_in_loop_is_the_default() -> None:
    assert isinstance(make_runtime(), SelectorRuntime)


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_DRIVER_REACTOR", "nonesuch")
    with pytest.raises(PluginError, match=r"no reactor is called 'nonesuch'.*selector"):
        make_runtime()


def test_what_the_environment_asked_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_DRIVER_REACTOR", "nonesuch")
    with pytest.raises(PluginError, match=r"\(by CQL_DRIVER_REACTOR\)"):
        make_runtime()


def test_the_argument_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_DRIVER_REACTOR", "nonesuch")
    assert isinstance(make_runtime("selector"), SelectorRuntime)


def test_a_cluster_says_what_it_cannot_have_when_it_connects() -> None:
    cluster = Cluster(["127.0.0.1"], reactor="nonesuch")
    with pytest.raises(PluginError, match="nonesuch"):
        cluster.connect()


@pytest.mark.parametrize("name", [5, b"gevent", ["gevent"]])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="'gevent'"):
        make_runtime(name)


# --- plugins ---------------------------------------------------------------------------------


class Quiet(SelectorRuntime):
    def __init__(self, *, background_thread: bool = True) -> None:
        super().__init__(background_thread=background_thread)
        self.told = background_thread


def raising(background_thread: bool) -> Any:
    raise RuntimeError("a bug")


def without_parameters() -> Any:
    return SelectorRuntime()


def other(background_thread: bool) -> object:
    return "no runtime"


HERE = __name__


@pytest.mark.parametrize("background_thread", [True, False])
def test_a_plugin_makes_the_loop(offer: Offer, background_thread: bool) -> None:
    offer("quiet", f"{HERE}:Quiet")
    made: Any = make_runtime("quiet", background_thread)
    assert type(made).__name__ == "Quiet"
    assert made.told is background_thread


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        ("raising", "RuntimeError: a bug"),
        ("without_parameters", "background_thread"),
        ("other", "made a str, which is no Runtime"),
    ],
)
def test_a_plugin_that_makes_none_is_named(offer: Offer, attribute: str, told: str) -> None:
    offer("strange", f"{HERE}:{attribute}")
    with pytest.raises(PluginError) as caught:
        make_runtime("strange")
    assert "reactor 'strange'" in str(caught.value)
    assert told in str(caught.value)


def test_two_plugins_of_one_name_are_both_told(offer: Offer) -> None:
    offer("twice", "acme_first:Loop")
    offer("twice", "acme_second:Loop")
    with pytest.raises(PluginError, match=r"offered twice, by .*acme_first.* and .*acme_second"):
        make_runtime("twice")


def test_a_known_name_is_not_looked_for_in_metadata(offer: Offer) -> None:
    offer("selector", "acme_other:Loop")
    assert type(make_runtime("selector")) is SelectorRuntime


def test_a_reactor_that_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(REACTORS.known, "gevent", "package_that_is_not_there:GeventRuntime")
    with pytest.raises(PluginError) as caught:
        make_runtime("gevent")
    assert str(caught.value) == (
        "reactor 'gevent' needs package_that_is_not_there: pip install 'cql-driver[gevent]'"
    )


# --- connection_class ------------------------------------------------------------------------


class SelectorConnection(ReactorConnection):
    reactor = "selector"


class NobodysConnection(ReactorConnection):
    reactor = "nonesuch"


def chosen(cluster: Cluster) -> str | None:
    return cluster.chosen_reactor()


def test_a_connection_class_chooses_the_reactor() -> None:
    cluster = Cluster(["127.0.0.1"], connection_class=SelectorConnection)
    assert cluster.connection_class is SelectorConnection
    assert chosen(cluster) == "selector"
    with pytest.raises(PluginError, match="nonesuch"):
        Cluster(["127.0.0.1"], connection_class=NobodysConnection).connect()


def test_a_connection_class_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQL_DRIVER_REACTOR", "nonesuch")
    assert chosen(Cluster(["127.0.0.1"], connection_class=SelectorConnection)) == "selector"


def test_it_may_be_an_attribute_of_the_class_or_of_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert chosen(Cluster(["127.0.0.1"])) is None
    monkeypatch.setattr(Cluster, "connection_class", SelectorConnection)
    cluster = Cluster(["127.0.0.1"])
    assert chosen(cluster) == "selector"
    cluster.connection_class = NobodysConnection
    assert chosen(cluster) == "nonesuch"


def test_the_same_said_twice_is_well_and_two_things_are_not() -> None:
    given: Any = {"connection_class": SelectorConnection}
    assert chosen(Cluster(["127.0.0.1"], reactor="selector", **given)) == "selector"
    with pytest.raises(InvalidArgument, match=r"SelectorConnection.*'selector'.*'gevent'"):
        Cluster(["127.0.0.1"], reactor="gevent", **given)


@pytest.mark.parametrize("wrong", [object, "gevent", ReactorConnection, SelectorConnection()])
def test_anything_else_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentType, match=r"reactor='gevent'"):
        Cluster(["127.0.0.1"], connection_class=wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reactor", "gevent"),
        ("connection_class", SelectorConnection),
        ("background_thread", False),
    ],
)
def test_the_loop_is_not_changed_once_connected(name: str, value: Any) -> None:
    with Simulation(1, nodes=1) as sim:
        cluster = sim.connect("ks").cluster
        before = getattr(cluster, name)
        with pytest.raises(InvalidArgument, match=f"{name} cannot be changed once connected"):
            setattr(cluster, name, value)
        assert getattr(cluster, name) == before
    cluster = Cluster(["127.0.0.1"], reactor="nonesuch")
    with pytest.raises(PluginError):
        cluster.connect()
    setattr(cluster, name, value)
