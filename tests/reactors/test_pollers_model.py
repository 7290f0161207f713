"""Pollers do as a model has it, whatever is done to sockets in whatever order."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cql_driver.runtimes.system import READ, WRITE
from tests.reactors.pollers import BOTH, MAKERS, make, pair_of_sockets, ready

if TYPE_CHECKING:
    import socket

    from cql_driver.runtimes.system import Poller

pytestmark = pytest.mark.once


class Ends:
    """A pair of sockets, and what a poller must tell of ours."""

    def __init__(self) -> None:
        self.ours, self.theirs = pair_of_sockets()
        self.watched = 0
        self.gone = False

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()

    def drain(self, sock: socket.socket) -> None:
        try:
            while sock.recv(1 << 16):
                pass
        except OSError:
            pass

    def fill(self) -> None:
        try:
            while True:
                self.ours.send(bytes(1 << 14))
        except OSError:
            pass

    def expected(self) -> int:
        fds, bits = [self.ours.fileno()], 0
        if select.select(fds, [], [], 0)[0]:
            bits |= READ
        if select.select([], fds, [], 0)[1]:
            bits |= WRITE
        return bits & self.watched


ACTIONS = ["watch r", "watch w", "watch rw", "forget", "replace", "send", "drain", "fill"]
ACTIONS += ["make room", "hang up", "poll", "poll"]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(ACTIONS),
    ),
    max_size=60,
)


def step(poller: Poller, ends: list[Ends], index: int, action: str) -> None:
    end = ends[index]
    fd = end.ours.fileno()
    if action.startswith("watch"):
        events = {"r": READ, "w": WRITE, "rw": BOTH}[action.removeprefix("watch ")]
        (poller.modify if end.watched else poller.register)(fd, events)
        end.watched = events
    elif action in ("forget", "replace"):
        if end.watched:
            poller.unregister(fd)
            end.watched = 0
        if action == "replace":
            end.close()
            ends[index] = Ends()  # the kernel gives it the numbers that are free
    elif action == "send" and not end.gone:
        end.theirs.send(b"x")
    elif action == "drain":
        end.drain(end.ours)
    elif action == "fill":
        end.fill()
    elif action == "make room" and not end.gone:
        end.drain(end.theirs)
    elif action == "hang up":
        end.theirs.close()
        end.gone = True


def check(poller: Poller, ends: list[Ends]) -> None:
    found = ready(poller)
    expected = {end.ours.fileno(): bits for end in ends if (bits := end.expected())}
    assert found.keys() == expected.keys()
    for end in ends:
        fd = end.ours.fileno()
        if fd in found:
            # A hang-up may be told as both, also to who watches for one.
            assert found[fd] == expected[fd] or (end.gone and found[fd] == BOTH)


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=60)
@given(steps=STEPS)
def test_as_a_model_has_it(name: str, steps: list[tuple[int, str]]) -> None:
    poller = make(name)
    ends = [Ends() for _ in range(4)]
    try:
        for index, action in steps:
            if action == "poll":
                check(poller, ends)
            else:
                step(poller, ends, index, action)
        check(poller, ends)
    finally:
        poller.close()
        for end in ends:
            end.close()
