"""Conditions: which frames a rule is about. They are joined by ``&``, ``|`` and ``~``."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proxy.frames import Frame

__all__ = [
    "ANY",
    "Answers",
    "Chance",
    "Condition",
    "Control",
    "Nth",
    "OnConnection",
    "Opcode",
    "Statement",
    "Stream",
    "Where",
]


class Condition:
    """Says whether it holds for a frame. `a & b` asks b only where a holds, `a | b` where not."""

    def __call__(self, frame: Frame) -> bool:
        """Say whether it holds."""
        raise NotImplementedError

    def __and__(self, other: Condition) -> Condition:
        return Where(lambda frame: self(frame) and other(frame))

    def __or__(self, other: Condition) -> Condition:
        return Where(lambda frame: self(frame) or other(frame))

    def __invert__(self) -> Condition:
        return Where(lambda frame: not self(frame))


class Where(Condition):
    """Any test of a frame."""

    def __init__(self, test: Callable[[Frame], object]) -> None:
        self._test = test

    def __call__(self, frame: Frame) -> bool:
        """Ask the function."""
        return bool(self._test(frame))


ANY = Where(lambda frame: True)
"""Every frame, those of the handshake too."""


class Opcode(Condition):
    """Frames of these opcodes (`cql_protocol.messages.opcodes`)."""

    def __init__(self, *codes: int) -> None:
        self._codes = frozenset(codes)

    def __call__(self, frame: Frame) -> bool:
        """Compare the frame's own opcode."""
        return frame.opcode in self._codes


class Stream(Condition):
    """Frames on these streams; events are on -1."""

    def __init__(self, *ids: int) -> None:
        self._ids = frozenset(ids)

    def __call__(self, frame: Frame) -> bool:
        """Compare the stream."""
        return frame.stream in self._ids


class Statement(Condition):
    """Requests whose statement holds a text or matches a pattern, and the responses to them.

    PREPARE, QUERY, EXECUTE and BATCH carry statements: join `Opcode` or `Answers` to tell them
    apart. An EXECUTE has the text of what was prepared.
    """

    def __init__(self, text: str | re.Pattern[str]) -> None:
        self._pattern = re.compile(re.escape(text)) if isinstance(text, str) else text

    def __call__(self, frame: Frame) -> bool:
        """Search the text."""
        return self._pattern.search(frame.statement) is not None


class Answers(Condition):
    """Responses to requests for which a condition holds."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition

    def __call__(self, frame: Frame) -> bool:
        """Ask about the request."""
        return frame.request is not None and self._condition(frame.request)


class Chance(Condition):
    """Holds by chance; the same seed gives the same answers."""

    def __init__(self, probability: float, seed: int = 0) -> None:
        self._probability = probability
        self._random = random.Random(seed)

    def __call__(self, frame: Frame) -> bool:
        """Throw the dice."""
        return self._random.random() < self._probability


class Nth(Condition):
    """The frames with these numbers among those it is asked about, counted from 1.

    ``Statement("INSERT") & Nth(3)`` is the third INSERT.
    """

    def __init__(self, *numbers: int) -> None:
        self._numbers = frozenset(numbers)
        self._count = 0

    def __call__(self, frame: Frame) -> bool:
        """Count, and compare."""
        self._count += 1
        return self._count in self._numbers


class OnConnection(Condition):
    """Frames on connections with these numbers, counted from 1 in the order they were made."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = frozenset(numbers)

    def __call__(self, frame: Frame) -> bool:
        """Compare the connection's number."""
        return frame.tunnel.number in self._numbers


class Control(Condition):
    """Frames on connections on which the client asked for events."""

    def __call__(self, frame: Frame) -> bool:
        """Look whether it did."""
        return frame.tunnel.registered
