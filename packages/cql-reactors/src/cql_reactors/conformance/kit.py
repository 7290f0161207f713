"""What all groups of tests have in common: the runtime under test and the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import pytest
    import trustme  # noqa: F401 - for who has it not to be told at once
except ImportError as exc:
    raise ImportError(
        f"the conformance kit needs {exc.name}: pip install 'cql-reactors[conformance]'",
        name=exc.name,
    ) from exc

from cql_reactors.conformance.certificates import Server
from cql_reactors.conformance.peers import listen

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from cql_driver.core.runtime import Runtime

__all__ = ["Kit"]


class Kit:
    """The fixtures. A subclass gives `make_runtime`."""

    @pytest.fixture
    def make_runtime(self) -> Callable[[], Runtime]:
        """Give what makes a new runtime, not started: its class, or another callable."""
        raise NotImplementedError(
            f"{type(self).__name__} has no fixture `make_runtime`, which returns what makes the "
            "runtime that is to be tested: its class, or another callable without parameters"
        )

    @pytest.fixture
    def runtime(self, make_runtime: Callable[[], Runtime]) -> Iterator[Runtime]:
        """Give a runtime that is started, and stop it afterwards."""
        runtime = make_runtime()
        runtime.start()
        yield runtime
        runtime.stop()

    @pytest.fixture
    def listener(self) -> Iterator[socket.socket]:
        """Give a listening socket."""
        with listen() as sock:
            yield sock

    @pytest.fixture(params=["plain", "tls"])
    def server(self, request: pytest.FixtureRequest) -> Iterator[Server]:
        """Give a server that streams are tested with, first without TLS and then with it."""
        with Server(tls=request.param == "tls") as server:
            yield server

    @pytest.fixture
    def tls_server(self) -> Iterator[Server]:
        """Give a server of TLS."""
        with Server(tls=True) as server:
            yield server
