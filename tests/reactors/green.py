"""The command that runs `green_scenarios.py`: ``python -m tests.reactors.green gevent [--patch]``.

Other arguments are pytest's. The scenarios want a process for themselves, since a patch of it
cannot be taken back. They need a null server, which is given in the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.null_server import NullServer

__all__ = ["Eventlet", "Gevent", "run_scenarios"]

_ROOT = Path(__file__).parents[2]
_SERVER = "CQL_TESTS_NULL_SERVER"


class Gevent:
    """gevent, in the words of the scenarios."""

    name = "gevent"
    other = "eventlet"

    def __init__(self) -> None:
        import gevent
        import gevent.monkey

        self.sleep_really: Callable[[float], object] = gevent.monkey.get_original("time", "sleep")
        self.sleep: Callable[[float], object] = gevent.sleep
        self.timeout: Callable[[float], Any] = gevent.Timeout
        self.Timeout: type[BaseException] = gevent.Timeout
        self.Killed: type[BaseException] = gevent.GreenletExit

    def spawn(self, function: Callable[..., object], *args: object) -> Any:
        """Return a greenlet that calls a function."""
        import gevent

        return gevent.spawn(function, *args)

    def result(self, green: Any) -> Any:
        """Wait for it; return the function's result, or raise its error."""
        return green.get()

    def kill(self, green: Any) -> None:
        """Have it raise `Killed` where it waits, and wait for its end."""
        green.kill()

    def in_hub(self, function: Callable[[], object]) -> None:
        """Have the hub itself call a function."""
        import gevent

        gevent.get_hub().loop.run_callback(function)


class Eventlet:
    """eventlet, in the words of the scenarios."""

    name = "eventlet"
    other = "gevent"

    def __init__(self) -> None:
        import eventlet
        import eventlet.patcher

        self.sleep_really: Callable[[float], object] = eventlet.patcher.original("time").sleep
        self.sleep: Callable[[float], object] = eventlet.sleep
        self.timeout: Callable[[float], Any] = eventlet.Timeout
        self.Timeout: type[BaseException] = eventlet.Timeout
        self.Killed: type[BaseException] = eventlet.greenlet.GreenletExit

    def spawn(self, function: Callable[..., object], *args: object) -> Any:
        """Return a greenlet that calls a function."""
        import eventlet

        return eventlet.spawn(function, *args)

    def result(self, green: Any) -> Any:
        """Wait for it; return the function's result, or raise its error."""
        return green.wait()

    def kill(self, green: Any) -> None:
        """Have it raise `Killed` where it waits."""
        green.kill()

    def in_hub(self, function: Callable[[], object]) -> None:
        """Have the hub itself call a function."""
        import eventlet.hubs

        eventlet.hubs.get_hub().schedule_call_global(0, function)


def run_scenarios(name: str, server: NullServer, *arguments: str) -> None:
    """Run the scenarios in a process of their own; fails with what it printed."""
    import pytest

    from tests.reactors.harness import run_python

    command = ["-m", "tests.reactors.green", name, "-q", "--tb=short", *arguments]
    where = f"{server.address} {server.port} {server._process.pid}"
    done = run_python(*command, **{_SERVER: where})
    if done.returncode:
        pytest.fail(f"python {' '.join(command)}\n{done.stdout}", pytrace=False)


def main(name: str, *arguments: str) -> int:
    """Patch the process if that is asked for, and run the scenarios."""
    if "--patch" in arguments:
        if name == "gevent":
            import gevent.monkey

            gevent.monkey.patch_all()
        else:
            import eventlet

            eventlet.monkey_patch()
    framework = Gevent() if name == "gevent" else Eventlet()
    import pytest

    from benchmarks.null_server import NullServer

    class Plugin:
        """What the scenarios are run with."""

        @pytest.fixture
        def green(self) -> Gevent | Eventlet:
            """The framework."""
            return framework

        @pytest.fixture
        def patched(self) -> bool:
            """Whether the process is patched."""
            return "--patch" in arguments

        @pytest.fixture
        def server(self) -> tuple[str, int, int]:
            """Address, port and process of the null server."""
            if _SERVER not in os.environ:  # by hand
                running = self.running = NullServer().__enter__()
                where = f"{running.address} {running.port} {running._process.pid}"
                os.environ[_SERVER] = where
            address, port, pid = os.environ[_SERVER].split()
            return address, int(port), int(pid)

    file = str(Path(__file__).with_name("green_scenarios.py"))
    own = ["-c", os.devnull, "--rootdir", str(_ROOT), "-p", "no:cacheprovider", "-W", "error"]
    own += ["--import-mode=importlib", "--noconftest"]
    theirs = [argument for argument in arguments if argument != "--patch"]
    return int(pytest.main([*own, file, *theirs], plugins=[Plugin()]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
