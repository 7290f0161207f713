"""The built-in runtime: with its thread, without it, and without epoll and eventfd."""

from __future__ import annotations

import os
import select
import socket
from functools import partial
from typing import TYPE_CHECKING

import pytest

from cql_driver.core.pending import Waitable
from cql_driver.runtimes.selector import SelectorRuntime
from cql_reactors.conformance import ReactorConformance
from cql_reactors.conformance.peers import connected, listen, on_loop, read_exactly

if TYPE_CHECKING:
    from collections.abc import Callable


class TestWithThread(ReactorConformance):
    @pytest.fixture
    def make_runtime(self) -> Callable[[], SelectorRuntime]:
        return SelectorRuntime


class TestWithoutThread(ReactorConformance):
    @pytest.fixture
    def make_runtime(self) -> Callable[[], SelectorRuntime]:
        return partial(SelectorRuntime, background_thread=False)


class TestWithoutEpoll(ReactorConformance):
    @pytest.fixture
    def make_runtime(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], SelectorRuntime]:
        # As on macOS or Windows: selectors picks what is left.
        monkeypatch.delattr(select, "epoll", raising=False)
        monkeypatch.delattr(os, "eventfd", raising=False)
        monkeypatch.setattr("selectors.DefaultSelector", __import__("selectors").PollSelector)
        return SelectorRuntime


def test_a_protocol_hears_of_a_full_buffer_and_of_an_empty_one() -> None:
    runtime = SelectorRuntime(background_thread=False)
    runtime.start()
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
                    runtime.wait(Waitable(), 0.001)
            on_loop(runtime, lambda: None)
            assert stream.calls == ["made", "pause", "resume"]
            on_loop(runtime, stream.transport.write, b"end")
            peer.settimeout(10)
            assert read_exactly(peer, 3) == b"end"
    runtime.stop()
