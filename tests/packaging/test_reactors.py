"""Event loops as plugins, where only wheels are installed: what is found, loaded and told."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import schema
from benchmarks.null_server import NullServer
from tests.architecture.source import ROOT
from tests.packaging.workshop import CommandFailed, Environment, Workshop, make_wheel

GROUP = "cql_driver.reactors"
FRAMEWORKS = {"asyncio", "asyncore", "eventlet", "gevent", "twisted"}
DOCTOR = """
import contextlib, io, json
from cql_driver.doctor import main
output = io.StringIO()
with contextlib.redirect_stdout(output):
    status = main(["--json"])
answer = {"status": status, **json.loads(output.getvalue())}
"""

QUERY = """
import os, sys
{before}
from cql_driver.cluster import Cluster
cluster = Cluster([{address!r}], port={port}, protocol_version=4, {options})
session = cluster.connect()
rows = session.execute(session.prepare({statement!r}), (1,)).all()
answer = {{
    "rows": [list(row) for row in rows],
    "runtime": type(cluster._runtime).__name__,
    "loaded": sorted(name for name in sys.modules if "." not in name),
    "scanned": "importlib.metadata" in sys.modules,
}}
cluster.shutdown()
"""

REFUSED = """
from cql_driver.cluster import Cluster
from cql_driver import PluginError
try:
    Cluster(["127.0.0.1"], reactor={name!r}).connect()
except PluginError as exc:
    answer = str(exc)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[NullServer]:
    with NullServer() as running:
        yield running


def _fetched(workshop: Workshop, extra: str) -> Environment:
    try:
        folder = workshop.fetched(extra)
    except CommandFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no index that has what cql-driver[{extra}] needs: {error}")
    return workshop.environment().install(folder, f"cql-driver[{extra}]")


@pytest.fixture(scope="module")
def alone(workshop: Workshop) -> Environment:
    return workshop.environment().install(workshop.dist, "cql-driver")


@pytest.fixture(scope="module")
def gevent(workshop: Workshop) -> Environment:
    return _fetched(workshop, "gevent")


@pytest.fixture(scope="module")
def twisted(workshop: Workshop) -> Environment:
    return _fetched(workshop, "twisted")


def _ask(environment: Environment, server: NullServer, options: str = "", before: str = "") -> Any:
    program = QUERY.format(
        address=server.address,
        port=server.port,
        options=options,
        before=before,
        statement=schema.SELECT_ITEM,
    )
    found = environment.run(program)
    assert found["rows"] == [list(schema.item(1))]
    return found


def _told(environment: Environment, names: set[str]) -> dict[str, Any]:
    """Check what the doctor says of all reactors, and return its findings."""
    found: dict[str, Any] = environment.run(DOCTOR)
    usable = {name for name, each in found["reactors"].items() if each["usable"]}
    assert usable == names
    assert found["chosen"]["reactor"] == "selector"
    assert found["status"] == 0
    assert found["patches"] == {}
    for name, each in found["reactors"].items():
        if name not in usable:
            assert each["reason"].endswith(f": pip install 'cql-driver[{name}]'")
    return found


# --- cql-driver alone ------------------------------------------------------------------------


def test_alone_it_loads_no_plugin_and_scans_nothing(alone: Environment, server: NullServer) -> None:
    found = _ask(alone, server)
    assert found["runtime"] == "SelectorRuntime"
    assert FRAMEWORKS & set(found["loaded"]) == set()
    assert not found["scanned"]
    assert {"cql_reactors", "cql_speedups"} & set(found["loaded"]) == set()


def test_alone_it_says_how_to_get_each_reactor(alone: Environment) -> None:
    found = _told(alone, {"selector"})
    assert found["packages"]["cql-reactors"] is None
    assert found["reactors"]["gevent"]["reason"] == (
        "reactor 'gevent' needs cql_reactors: pip install 'cql-driver[gevent]'"
    )
    assert alone.run(REFUSED.format(name="twisted")) == (
        "reactor 'twisted' needs cql_reactors: pip install 'cql-driver[twisted]'"
    )


# --- with a framework ------------------------------------------------------------------------

WITHOUT_FRAMEWORK = {"selector", "asyncio", "asyncore"}


def test_gevent_is_loaded_only_when_it_is_chosen(gevent: Environment, server: NullServer) -> None:
    assert "No broken requirements" in gevent.check()
    found = _ask(gevent, server)
    assert found["runtime"] == "SelectorRuntime"
    assert (FRAMEWORKS | {"cql_reactors"}) & set(found["loaded"]) == set()
    assert not found["scanned"]


@pytest.mark.parametrize(
    ("options", "before"),
    [
        ("reactor='gevent'", ""),
        ("", "os.environ['CQL_DRIVER_REACTOR'] = 'gevent'"),
        (
            "connection_class=GeventConnection",
            "from cql_reactors.geventreactor import GeventConnection",
        ),
    ],
    ids=["argument", "environment", "connection_class"],
)
def test_gevent_is_chosen(
    gevent: Environment, server: NullServer, options: str, before: str
) -> None:
    found = _ask(gevent, server, options, before)
    assert found["runtime"] == "GeventRuntime"
    assert FRAMEWORKS & set(found["loaded"]) == {"gevent"}


def test_the_doctor_tells_the_truth_of_gevent(gevent: Environment) -> None:
    found = _told(gevent, WITHOUT_FRAMEWORK | {"gevent"})
    assert found["libraries"]["gevent"] == gevent.installed()["gevent"]
    assert found["reactors"]["eventlet"]["reason"] == (
        "reactor 'eventlet' needs eventlet: pip install 'cql-driver[eventlet]'"
    )


def test_twisted_is_loaded_only_when_it_is_chosen(twisted: Environment, server: NullServer) -> None:
    assert FRAMEWORKS & set(_ask(twisted, server)["loaded"]) == set()
    found = _ask(twisted, server, "reactor='twisted'")
    assert found["runtime"] == "TwistedRuntime"
    assert {"eventlet", "gevent"} & set(found["loaded"]) == set()
    _told(twisted, WITHOUT_FRAMEWORK | {"twisted"})


# --- without a framework ---------------------------------------------------------------------


def test_the_extras_without_a_framework_need_no_library_of_others(
    workshop: Workshop, server: NullServer
) -> None:
    environment = workshop.environment().install(workshop.dist, "cql-driver[asyncio,libev]")
    assert environment.installed().keys() == {
        "cql-driver",
        "cql-protocol",
        "cql-reactors",
        "cql-speedups",
    }
    found = environment.run(DOCTOR)["reactors"]
    assert found["asyncio"]["usable"]
    asked = _ask(environment, server, "reactor='asyncio'")
    assert asked["runtime"] == "AsyncioRuntime"
    assert FRAMEWORKS & set(asked["loaded"]) == {"asyncio"}
    with zipfile.ZipFile(workshop.wheel("cql-speedups")) as archive:
        names = archive.namelist()
    built = any("/libev." in name and name.endswith((".so", ".pyd")) for name in names)
    assert found["libev"]["usable"] == built
    if built:
        asked = _ask(environment, server, "reactor='libev'")
        assert asked["runtime"] == "LibevRuntime"
        assert FRAMEWORKS & set(asked["loaded"]) == set()
    else:
        assert "built without libev" in found["libev"]["reason"]


# --- third parties ---------------------------------------------------------------------------

EXAMPLE = ROOT / "examples" / "reactor"
"""A complete reactor of a third party."""

NAMED = """
class PollConnection:
    reactor = "poll"
"""


@pytest.fixture(scope="module")
def plugins(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with reactors of third parties, of which one gets on."""
    folder = tmp_path_factory.mktemp("reactors")
    offers = {
        "acme-named": ("named", NAMED),
        "acme-first": ("twice", ""),
        "acme-second": ("twice", ""),
        "acme-needy": ("needy", "import a_library_nobody_has"),
        "acme-strange": ("strange", "def AcmeRuntime(background_thread): return 5"),
        "acme-intruder": ("gevent", "raise RuntimeError('nobody asked for it')"),
    }
    wheels = []
    for distribution, (name, code) in offers.items():
        module = distribution.replace("-", "_")
        entries = {GROUP: {name: f"{module}:AcmeRuntime"}}
        wheels.append(make_wheel(folder, distribution, {module: code}, entries))
    project = shutil.copytree(EXAMPLE, folder / "project")
    workshop.build(project, folder / "example", "-t", "wheel")
    (example,) = (folder / "example").glob("*.whl")
    return workshop.environment().install(workshop.dist, "cql-driver", example, *wheels)


def test_a_reactor_of_a_third_party_serves_a_session(
    plugins: Environment, server: NullServer
) -> None:
    found = _ask(plugins, server, "reactor='poll'")
    by_class = "connection_class=PollConnection", "from acme_named import PollConnection"
    assert _ask(plugins, server, *by_class)["runtime"] == found["runtime"] == "PollRuntime"
    assert "poll_reactor" in found["loaded"]
    others = {"acme_named", "acme_first", "acme_second", "acme_needy", "acme_strange"}
    assert (others | {"acme_intruder"} | FRAMEWORKS) & set(found["loaded"]) == set()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "twice",
            "offered twice, by acme-first (acme_first:AcmeRuntime) and acme-second",
        ),
        (
            "needy",
            "reactor 'needy' (acme_needy:AcmeRuntime) cannot be loaded: ModuleNotFoundError: ",
        ),
        ("gevent", "reactor 'gevent' needs gevent: pip install 'cql-driver[gevent]'"),
    ],
)
def test_what_cannot_be_had_says_why(plugins: Environment, name: str, told: str) -> None:
    assert told in plugins.run(REFUSED.format(name=name))


def test_the_doctor_tells_the_truth_of_third_parties(plugins: Environment) -> None:
    found = plugins.run(DOCTOR)
    reactors = found["reactors"]
    assert reactors["poll"]["usable"]
    assert reactors["poll"]["offered_by"] == ["example-poll-reactor"]
    assert reactors["twice"]["offered_by"] == ["acme-first", "acme-second"]
    assert "is no Runtime" in reactors["strange"]["reason"]
    assert "a_library_nobody_has" in reactors["needy"]["reason"]
    assert reactors["gevent"]["ignored"] == ["acme-intruder"]
    assert not reactors["gevent"]["usable"]
    assert found["status"] == 0
