"""The reactor `libev`: the kit, and what the built-in loop promises of threads and processes."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.runtimes import REACTORS
from cql_driver.runtimes.selector import SelectorRuntime
from cql_driver.runtimes.system import READ
from cql_protocol.errors import PluginError
from cql_protocol.registry import Registry
from cql_reactors.conformance import Forks, Lifetimes, ReactorConformance
from tests.reactors.harness import reactor
from tests.runtimes.test_leader import (  # noqa: F401 - fixtures, and tests that run here too
    hasty,
    server,
    test_a_callback_may_wait_for_the_loop_that_runs_it,
    test_ctrl_c_in_a_thread_that_follows,
    test_ctrl_c_in_the_thread_that_leads,
    test_many_threads,
    test_stop_from_a_callback,
    test_stop_wakes_who_waits,
    test_threads_that_are_interrupted_anywhere,
    test_threads_that_wait_for_each_other,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cql_driver.core.runtime import Runtime

pytestmark = pytest.mark.once


def _class() -> type[SelectorRuntime]:
    made: Any = reactor("libev")
    return made.func  # type: ignore[no-any-return]


class TestLibev(ReactorConformance):
    @pytest.fixture
    def make_runtime(self) -> Callable[[], Runtime]:
        return reactor("libev")


class TestWithoutThread(Lifetimes, Forks):
    @pytest.fixture
    def make_runtime(self) -> Callable[[], Runtime]:
        return partial(_class(), background_thread=False)


@pytest.fixture(params=[True, False], ids=["thread", "no-thread"])
def runtime(request: pytest.FixtureRequest) -> Iterator[SelectorRuntime]:
    """Give a runtime to the tests of `test_leader`."""
    runtime = _class()(background_thread=request.param)
    runtime.patience = None  # a lost wake-up must show
    runtime.start()
    yield runtime
    runtime.stop()


def test_a_poller_is_for_one_thread_at_a_time() -> None:
    poller = _class()().make_poller()
    ours, theirs = socket.socketpair()
    poller.register(ours.fileno(), READ)
    heard: list[list[tuple[int, int]]] = []
    thread = threading.Thread(target=lambda: heard.append(poller.poll(20.0, 1)))
    thread.start()

    def poll_until_refused() -> None:
        while True:
            poller.poll(0.0, 1)
            time.sleep(0.001)  # nothing tells that the other one sleeps

    with pytest.raises(RuntimeError, match="another thread"):
        poll_until_refused()
    poller.close()  # which the thread does when it comes back
    with pytest.raises(ValueError, match="closed"):
        poller.poll(0.0, 1)
    theirs.send(b"x")
    thread.join(20.0)
    assert heard == [[]]
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("has_package", "said"),
    [
        (False, "reactor 'libev' needs cql_speedups: pip install 'cql-driver[libev]'"),
        (True, "built without libev: install libev's headers (Debian: libev-dev"),
    ],
)
def test_what_is_missing_is_said(
    has_package: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hiding:
        def find_spec(self, name: str, *_: object) -> None:
            if name.startswith("cql_speedups"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for module in ("cql_reactors.libevreactor", "cql_speedups.libev", "cql_speedups"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    if has_package:
        package = ModuleType("cql_speedups")
        package.__path__ = []
        monkeypatch.setitem(sys.modules, "cql_speedups", package)
    monkeypatch.setattr(sys, "meta_path", [Hiding(), *sys.meta_path])
    registry = Registry(REACTORS.group, REACTORS.kind, REACTORS.known, REACTORS.extras)
    with pytest.raises(PluginError, match=re.escape(said)):
        registry.load("libev")
