"""The built-in runtime: with its thread, without it, and without epoll and eventfd."""

from __future__ import annotations

import os
import select
import socket
from typing import TYPE_CHECKING

import pytest

from cql_driver.runtimes.selector import SelectorRuntime
from tests.runtimes import conformance
from tests.runtimes.conformance import listener  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.core.runtime import Runtime


class _Everything(conformance.Calls, conformance.Streams, conformance.Ends):
    """All there is to conform to."""


class TestWithThread(_Everything):
    @pytest.fixture
    def runtime(self) -> Iterator[Runtime]:
        runtime = SelectorRuntime()
        runtime.start()
        yield runtime
        runtime.stop()


class TestWithoutThread(_Everything):
    @pytest.fixture
    def runtime(self) -> Iterator[Runtime]:
        runtime = SelectorRuntime(background_thread=False)
        runtime.start()
        yield runtime
        runtime.stop()


class TestWithoutEpoll(_Everything):
    @pytest.fixture
    def runtime(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
        # As on macOS or Windows: selectors picks what is left.
        monkeypatch.delattr(select, "epoll", raising=False)
        monkeypatch.delattr(os, "eventfd", raising=False)
        monkeypatch.setattr("selectors.DefaultSelector", __import__("selectors").PollSelector)
        runtime = SelectorRuntime()
        runtime.start()
        yield runtime
        runtime.stop()


def test_a_protocol_hears_of_a_full_buffer_and_of_an_empty_one() -> None:
    runtime = SelectorRuntime(background_thread=False)
    runtime.start()
    from tests.runtimes.peers import connected, listen, on_loop, read_exactly

    with listen() as listening:
        stream, peer = connected(runtime, listening)
        with peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            on_loop(runtime, stream.transport.write, bytes(16 << 20))
            assert stream.calls == ["made", "pause"]
            peer.setblocking(False)
            taken = 0
            while taken < 16 << 20:
                try:
                    taken += len(peer.recv(1 << 20))
                except BlockingIOError:
                    runtime.wait(_never(), 0.001)
            on_loop(runtime, lambda: None)
            assert stream.calls == ["made", "pause", "resume"]
            on_loop(runtime, stream.transport.write, b"end")
            peer.settimeout(10)
            assert read_exactly(peer, 3) == b"end"
    runtime.stop()


def _never() -> object:
    from cql_driver.core.pending import Waitable

    return Waitable()
