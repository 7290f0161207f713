"""Reactions: what happens to the frames that a rule takes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from cql_protocol.errors import DriverException
from cql_protocol.messages import Response

if TYPE_CHECKING:
    from tests.proxy.frames import Frame
    from tests.proxy.tunnel import Tunnel

__all__ = [
    "Corrupt",
    "Cut",
    "Delay",
    "Drop",
    "Duplicate",
    "Forge",
    "Hold",
    "Pass",
    "Reaction",
    "Rewrite",
]


class Reaction:
    """Decides on one frame, in the proxy's thread."""

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Do it."""
        raise NotImplementedError


class Pass(Reaction):
    """Let it pass: for exceptions to a rule behind this one, and for counting."""

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Forward it."""
        tunnel.forward(frame)


class Drop(Reaction):
    """Lose it."""

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Do nothing."""


class Delay(Reaction):
    """Forward it after `least` to `most` seconds; other frames overtake it."""

    def __init__(self, least: float, most: float | None = None, seed: int = 0) -> None:
        self._least = least
        self._most = least if most is None else most
        self._random = random.Random(seed)

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Forward it later."""
        tunnel.later(self._random.uniform(self._least, self._most), tunnel.forward, frame)


class Hold(Reaction):
    """Keep it until `release` is called, by any thread; later frames pass at once then."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        """What is kept."""
        self._released = False

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Keep it."""
        if self._released:
            tunnel.forward(frame)
        else:
            self.frames.append(frame)

    def release(self) -> None:
        """Forward what is kept, in order."""
        self._released = True
        frames, self.frames = self.frames, []
        for frame in frames:
            tunnel = frame.tunnel
            if tunnel.call_soon_threadsafe is None:
                tunnel.forward(frame)
            else:
                tunnel.call_soon_threadsafe(tunnel.forward, frame)


class Forge(Reaction):
    """Answer the client something else: a response, an error, or what a function makes of a frame.

    A request does not reach the node then; a response is replaced.
    """

    def __init__(
        self, answer: Response | DriverException | Callable[[Frame], Response | DriverException]
    ) -> None:
        self._answer = answer

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Answer."""
        answer = self._answer
        if not isinstance(answer, Response | DriverException):
            answer = answer(frame)
        tunnel.answer(frame, answer)


class Rewrite(Reaction):
    """Forward what a function makes of the frame: bytes of a frame, or of what is none.

    Where there are segments, they are put into one that is in order.
    """

    def __init__(self, change: Callable[[Frame], bytes]) -> None:
        self._change = change

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Forward the other."""
        tunnel.forward(frame, self._change(frame))


class Duplicate(Reaction):
    """Forward it two times, the second time `gap` seconds later."""

    def __init__(self, gap: float = 0.0) -> None:
        self._gap = gap

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Forward it, and again."""
        tunnel.forward(frame)
        if self._gap:
            tunnel.later(self._gap, tunnel.forward, frame)
        else:
            tunnel.forward(frame)


class Corrupt(Reaction):
    """Flip one bit of the bytes that carry it: by chance, or in the byte at `at`.

    In a segment a checksum tells (protocol 5); without, whatever comes of it.
    """

    def __init__(self, at: int | None = None, seed: int = 0) -> None:
        self._at = at
        self._random = random.Random(seed)

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Forward it damaged."""
        tunnel.write(frame, self._flip)

    def _flip(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        at = self._random.randrange(len(data)) if self._at is None else self._at
        damaged[at] ^= 1 << self._random.randrange(8)
        return bytes(damaged)


class Cut(Reaction):
    """End the connection instead of forwarding it, or after the first `after` of its bytes.

    By a reset; or with ``reset=False`` in good order, as a node that shuts down.
    """

    def __init__(self, *, after: int = 0, reset: bool = True) -> None:
        self._after = after
        self._reset = reset

    def react(self, tunnel: Tunnel, frame: Frame) -> None:
        """Cut it."""
        if self._after:
            tunnel.write(frame, lambda data: data[: self._after])
        tunnel.cut(reset=self._reset)
