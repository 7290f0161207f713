"""What the built-in loop and its sisters sleep in: one table of expectations for all."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
import warnings
from typing import TYPE_CHECKING

import pytest

from cql_driver.runtimes.system import READ, WRITE
from tests.reactors.pollers import BOTH, MAKERS, MOST, PATIENCE, Pair, make, pair_of_sockets, ready
from tests.runtimes.interrupts import CtrlC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.runtimes.system import Poller

pytestmark = pytest.mark.once

REFUSALS = (OSError, KeyError, ValueError)
"""What the platform's own pollers raise for a descriptor that they do not know, or know already."""


@pytest.fixture(params=MAKERS)
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    poller = make(request.param)
    yield poller
    poller.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = pair_of_sockets()
    with ours, theirs:
        yield ours, theirs


def test_each_bit(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    fd = ours.fileno()
    poller.register(fd, READ)
    assert ready(poller) == {}
    theirs.send(b"x")
    assert ready(poller, PATIENCE) == {fd: READ}
    assert ready(poller) == {fd: READ}, "it is not read yet"
    poller.modify(fd, WRITE)
    assert ready(poller) == {fd: WRITE}
    poller.modify(fd, BOTH)
    assert ready(poller) == {fd: BOTH}
    ours.recv(1)
    assert ready(poller) == {fd: WRITE}
    poller.modify(fd, READ)
    assert ready(poller) == {}
    theirs.send(b"y")
    poller.unregister(fd)
    assert ready(poller) == {}
    poller.register(fd, READ)
    assert ready(poller) == {fd: READ}


def test_it_sleeps_as_long_as_told(poller: Poller, pair: Pair) -> None:
    poller.register(pair[0].fileno(), READ)
    for timeout in (0.0, 0.0004, 0.0101, 0.05):
        before = time.monotonic()
        assert poller.poll(timeout, MOST) == []
        # Once the time has come, but for what the kernel's clocks differ by.
        assert timeout - 0.001 <= time.monotonic() - before < timeout + PATIENCE
    rounds = 0
    end = time.monotonic() + 0.01
    while (left := end - time.monotonic()) > 0:
        poller.poll(left, MOST)
        rounds += 1
    assert rounds < 10, "it does not sleep for the last of a millisecond"


def test_it_sleeps_without_a_descriptor(poller: Poller) -> None:
    before = time.monotonic()
    assert poller.poll(0.02, MOST) == []
    assert time.monotonic() - before >= 0.019


def test_another_thread_ends_the_sleep(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    for timeout in (PATIENCE, -1.0):
        timer = threading.Timer(0.02, theirs.send, (b"x",))
        timer.start()
        assert ready(poller, timeout) == {ours.fileno(): READ}
        timer.join()
        ours.recv(1)


def test_threads_in_turn(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    turn = threading.Lock()
    heard: list[dict[int, int]] = []

    def work() -> None:
        for _ in range(20):
            with turn:
                poller.register(ours.fileno(), READ)
                theirs.send(b"x")
                heard.append(ready(poller, PATIENCE))
                ours.recv(1)
                poller.unregister(ours.fileno())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert heard == [{ours.fileno(): READ}] * 80


def test_many_descriptors(poller: Poller) -> None:
    pairs = [pair_of_sockets() for _ in range(150)]
    seen: dict[int, int] = {}
    for ours, theirs in pairs:
        poller.register(ours.fileno(), READ)
        theirs.send(b"x")
    for _ in range(3):  # the first time, it may take only as many as it has room for
        seen |= {fd: mask for fd, mask in poller.poll(0.0, 200) if mask == READ}
    assert seen == {ours.fileno(): READ for ours, _ in pairs}
    for ours, theirs in pairs:
        poller.unregister(ours.fileno())
        ours.close()
        theirs.close()
    assert ready(poller) == {}


@pytest.mark.parametrize("events", [READ, WRITE, BOTH])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_peer_that_goes(poller: Poller, events: int, reset: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours:
        poller.register(ours.fileno(), events)
        if reset:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        found = 0
        while found & events != events:
            found |= ready(poller, PATIENCE)[ours.fileno()]
        poller.unregister(ours.fileno())
        assert ready(poller) == {}


@pytest.mark.parametrize("events", [READ, WRITE, BOTH])
def test_a_refused_connection(poller: Poller, events: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.connect_ex(address)
        poller.register(sock.fileno(), events)
        assert ready(poller, PATIENCE)[sock.fileno()] & events
        poller.unregister(sock.fileno())


def test_what_is_not_watched_or_is_already(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    with pytest.raises(REFUSALS):
        poller.unregister(ours.fileno())
    with pytest.raises(REFUSALS):
        poller.modify(ours.fileno(), WRITE)
    poller.register(ours.fileno(), READ)
    with pytest.raises(REFUSALS):
        poller.register(ours.fileno(), WRITE)
    with pytest.raises(REFUSALS):
        poller.register(-1, READ)
    theirs.send(b"x")
    assert ready(poller, PATIENCE) == {ours.fileno(): READ}
    poller.unregister(ours.fileno())
    with pytest.raises(REFUSALS):
        poller.unregister(ours.fileno())


def test_what_is_not_open(poller: Poller) -> None:
    """It is refused, or reported as ready, so that who reads gets the error."""
    ours, theirs = pair_of_sockets()
    fd = ours.fileno()
    ours.close()
    theirs.close()
    try:
        poller.register(fd, READ)
    except OSError:
        return
    assert ready(poller, PATIENCE)[fd] & READ
    poller.unregister(fd)
    assert ready(poller) == {}


@pytest.mark.parametrize("told", [False, True], ids=["at-once", "later"])
@pytest.mark.parametrize("name", MAKERS)
def test_what_is_closed_while_watched(name: str, told: bool) -> None:
    """No loop of ours does that; nothing breaks, and the number can be used again."""
    poller = make(name)
    ours, theirs = pair_of_sockets()
    fd = ours.fileno()
    poller.register(fd, READ)
    if told:
        poller.poll(0.0, MOST)
    theirs.send(b"x")
    ours.close()
    found = [ready(poller) for _ in range(3)]
    if name in ("asyncore", "asyncore-select", "poll") or (name == "libev" and not told):
        assert [bool(events[fd] & READ) for events in found] == [True] * 3
    else:
        assert found == [{}] * 3  # the kernel has forgotten it
    if name != "epoll":
        poller.unregister(fd)
    theirs.close()
    again = pair_of_sockets()
    by_fd = {sock.fileno(): sock for sock in again}
    assert fd in by_fd
    poller.register(fd, READ)
    (other,) = (sock for number, sock in by_fd.items() if number != fd)
    other.send(b"y")
    assert ready(poller, PATIENCE) == {fd: READ}
    poller.close()
    for sock in again:
        sock.close()


def test_a_copy_stays_open_elsewhere(poller: Poller) -> None:
    """As in a child process: what is closed here is not heard of, whatever the copy gets."""
    ours, theirs = pair_of_sockets()
    fd = ours.fileno()
    poller.register(fd, READ)
    assert ready(poller) == {}
    copy = os.dup(fd)
    poller.unregister(fd)
    ours.close()
    theirs.send(b"x")
    rounds = 0
    end = time.monotonic() + 0.02
    while (left := end - time.monotonic()) > 0:
        assert ready(poller, left) == {}
        rounds += 1
    assert rounds < 10
    again = pair_of_sockets()
    by_fd = {sock.fileno(): sock for sock in again}
    poller.register(fd, READ)
    theirs.send(b"more")
    assert ready(poller) == {}
    (other,) = (sock for number, sock in by_fd.items() if number != fd)
    other.send(b"y")
    found: dict[int, int] = {}
    while not found:  # it may have to tell the kernel anew
        found = ready(poller, PATIENCE)
    assert found == {fd: READ}
    poller.unregister(fd)
    os.close(copy)
    for sock in (theirs, *again):
        sock.close()


def test_closed_twice(poller: Poller, pair: Pair) -> None:
    poller.register(pair[0].fileno(), READ)
    poller.close()
    poller.close()


@pytest.mark.parametrize("name", ["epoll", "libev", "asyncore"])
def test_used_after_it_was_closed(name: str) -> None:
    poller = make(name)
    poller.close()
    with pytest.raises(ValueError, match="closed"):
        poller.poll(0.0, MOST)


# --- signals --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "poll"])
def test_a_signal_during_the_sleep(name: str, pair: Pair) -> None:
    """Its handler runs at once, and may itself sleep in the poller.

    But for `select.poll`, which refuses that.
    """
    poller = make(name)
    ours, theirs = pair
    fd = ours.fileno()
    poller.register(fd, READ)
    seen: list[dict[int, int]] = []

    def handle() -> None:
        theirs.send(b"x")
        seen.append(ready(poller, PATIENCE))

    found: dict[int, int] = {}
    with CtrlC(handle) as ctrl_c:
        threading.Timer(0.03, ctrl_c.press).start()
        end = time.monotonic() + PATIENCE
        while not found and time.monotonic() < end:  # it may return early, with nothing
            found = ready(poller, PATIENCE)
    poller.close()
    assert seen == [{fd: READ}]
    assert found == {fd: READ}


def test_what_a_handler_raises_is_raised(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)

    def sleep() -> None:
        while True:  # it may return early, with nothing
            poller.poll(PATIENCE, MOST)

    with CtrlC() as ctrl_c:
        threading.Timer(0.1, ctrl_c.press).start()
        with pytest.raises(KeyboardInterrupt):
            sleep()
    theirs.send(b"x")
    assert ready(poller, PATIENCE) == {ours.fileno(): READ}


# --- processes ------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.parametrize("sleeps", [False, True], ids=["idle", "asleep"])
def test_a_child_that_closes_it_does_no_harm(poller: Poller, pair: Pair, sleeps: bool) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    heard: list[dict[int, int]] = []
    thread = threading.Thread(target=lambda: heard.append(ready(poller, PATIENCE)))
    if sleeps:
        thread.start()
        time.sleep(0.02)  # nothing tells that it sleeps
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        pid = os.fork()
    if pid == 0:
        try:
            files = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
            poller.close()
            ours.close()
            left = len(os.listdir("/proc/self/fd")) if files else 0
            # The poller's own, if it has one, and ours.
            os._exit(0 if files - left in (0, 1, 2) else 3)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    if not sleeps:
        thread.start()
    theirs.send(b"x")
    thread.join(PATIENCE)
    assert heard == [{ours.fileno(): READ}]
