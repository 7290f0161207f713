"""The pollers that are tested, and what their tests share."""

from __future__ import annotations

import select
import selectors
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.runtimes.system import READ, WRITE, EpollPoller, SelectorsPoller
from tests.reactors.harness import reactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.runtimes.system import Poller

BOTH = READ | WRITE
MOST = 256
PATIENCE = 60.0


def _poll_selector() -> Poller:
    poller = SelectorsPoller()
    poller._selector.close()
    poller._selector = selectors.PollSelector()
    return poller


def _of(name: str) -> Callable[[], Poller]:
    return lambda: reactor(name)().make_poller()  # type: ignore[attr-defined, no-any-return]


def _asyncore_without_poll() -> Poller:
    """As on Windows."""
    poller: Any = _of("asyncore")()
    poller._poll = sys.modules[type(poller).__module__]._select
    return poller  # type: ignore[no-any-return]


MAKERS: dict[str, Callable[[], Poller]] = {
    "epoll": EpollPoller,
    "selectors": SelectorsPoller,
    "poll": _poll_selector,
    "libev": _of("libev"),
    "asyncore": _of("asyncore"),
    "asyncore-select": _asyncore_without_poll,
}


def make(name: str) -> Poller:
    if name == "epoll" and not hasattr(select, "epoll"):
        pytest.skip("this platform has no epoll")
    if name == "poll" and not hasattr(selectors, "PollSelector"):
        pytest.skip("this platform has no poll")
    return MAKERS[name]()


Pair = tuple[socket.socket, socket.socket]


def pair_of_sockets() -> Pair:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs


def ready(poller: Poller, timeout: float = 0.0) -> dict[int, int]:
    """Return what is ready, with other bits (a hang-up, an error) taken as both."""
    events = poller.poll(timeout, MOST)
    found = {fd: mask if mask in (READ, WRITE) else BOTH for fd, mask in events}
    assert len(found) == len(events), "a descriptor was reported twice"
    return found
