"""What the reactors say in processes that are patched, half or late, by this library or that."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from tests.reactors.harness import run_python

pytestmark = pytest.mark.once

PATCHES = {
    "eventlet": "import eventlet; eventlet.monkey_patch({})",
    "gevent": "import gevent.monkey; gevent.monkey.patch_all({})",
}
OTHER = {"eventlet": "gevent", "gevent": "eventlet"}
START = """
from cql_driver.runtimes import make_runtime
for _ in range(2):
    runtime = make_runtime({!r})
    runtime.start()
    runtime.stop()
"""
IMPORT = "import cql_driver.cluster, cql_driver.runtimes.selector"
SESSIONS = """
import os, signal, sys, time
from benchmarks import schema
from benchmarks.null_server import NullServer
from cql_driver.cluster import Cluster
ticks = []
def tick():
    while True:
        time.sleep(0.005)
        ticks.append(None)
with NullServer() as server, Cluster([server.address], port=server.port) as cluster:
    session = cluster.connect()
    select = session.prepare(schema.SELECT_ITEM)
    spawn(tick)
    os.kill(server._process.pid, signal.SIGSTOP)
    greenlets = [spawn(session.execute, select, (n,)) for n in range(20)]
    time.sleep(0.3)
    assert len(ticks) > 5
    os.kill(server._process.pid, signal.SIGCONT)
    assert all(join(greenlet).one() for greenlet in greenlets)
"""
SPAWN = {
    "eventlet": "spawn = eventlet.spawn; join = lambda green: green.wait()",
    "gevent": "import gevent; spawn = gevent.spawn; join = lambda green: green.get()",
}


def run(*lines: str) -> str:
    """Run a program; return what it printed."""
    needed = [name for name in PATCHES if any(name in line for line in lines)]
    missing = [name for name in needed if find_spec(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not installed: {', '.join(missing)}")
    # eventlet takes most of its time to import a library for look-ups of names.
    quick = {"EVENTLET_NO_GREENDNS": "yes"}
    return run_python("-W", "ignore", "-c", "\n".join(lines), **quick).stdout


@pytest.mark.parametrize("name", PATCHES)
def test_patched_in_time(name: str) -> None:
    assert run(PATCHES[name].format(""), START.format(name)) == ""


@pytest.mark.parametrize("name", PATCHES)
def test_not_patched(name: str) -> None:
    said = run(START.format(name))
    assert said.count("\n") == 1, said
    assert f"The process is not patched for {name} (missing: os, select, socket, " in said
    assert PATCHES[name].partition("; ")[2].format("") in said


@pytest.mark.parametrize(
    ("name", "options"), [("gevent", "thread=False"), ("eventlet", "socket=True, time=True")]
)
def test_half_patched(name: str, options: str) -> None:
    said = run(PATCHES[name].format(options), START.format(name))
    assert said.count("\n") == 1, said
    assert "thread)" in said or "thread, " in said


@pytest.mark.parametrize("name", PATCHES)
def test_patched_late(name: str) -> None:
    said = run(IMPORT, PATCHES[name].format(""), START.format(name))
    assert f"The process is patched for {name} after cql_driver was imported" in said


@pytest.mark.parametrize("name", PATCHES)
def test_patched_for_the_other_one(name: str) -> None:
    said = run(PATCHES[OTHER[name]].format(""), START.format(name))
    assert f"PluginError: reactor {name!r} cannot be used" in said
    assert f"reactor={OTHER[name]!r}" in said


@pytest.mark.parametrize("name", PATCHES)
def test_the_built_in_loop_in_a_patched_process(name: str) -> None:
    said = run(PATCHES[name].format(""), SPAWN[name], SESSIONS)
    assert said.count("\n") == 1, said
    assert f"patched by {name}, of which the reactor selector knows nothing" in said
    assert f"reactor={name!r}" in said


@pytest.mark.parametrize("name", PATCHES)
def test_the_built_in_loop_patched_late(name: str) -> None:
    said = run(IMPORT, PATCHES[name].format(""), START.format("selector"))
    assert (
        f"PluginError: reactor 'selector' cannot be used: the process is patched by {name}" in said
    )
    assert "after cql_driver was imported" in said


@pytest.mark.parametrize(
    ("name", "options"), [("gevent", "select=False"), ("eventlet", "thread=True")]
)
def test_the_built_in_loop_half_patched(name: str, options: str) -> None:
    said = run(PATCHES[name].format(options), START.format("selector"))
    assert "what it sleeps in is not patched" in said
