"""Rules: a condition and a reaction, in the order in which they are asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.unpatched import allocate_lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.proxy.conditions import Condition
    from tests.proxy.frames import Frame
    from tests.proxy.reactions import Reaction

__all__ = ["Rule", "Rules", "TakesRules"]


class Rule:
    """What happens (`reaction`) to frames for which `condition` holds, at most `times` times.

    `used` counts them and `frames` holds the last hundred. As a context manager it ends with
    the block.
    """

    def __init__(
        self, condition: Condition, reaction: Reaction, *, response: bool, times: int | None
    ) -> None:
        self.condition = condition
        self.reaction = reaction
        self.response = response
        self.times = times
        self.used = 0
        self.frames: list[Frame] = []
        self.active = True
        self._lock = allocate_lock()

    def takes(self, frame: Frame) -> bool:
        """Say whether it is about this frame, and count it."""
        if not self.active or not self.condition(frame):
            return False
        with self._lock:
            self.frames = [*self.frames[-99:], frame]
            self.used += 1
            if self.used == self.times:
                self.active = False
        return True

    def wait(self, used: int = 1, timeout: float = 30.0) -> None:
        """Wait until it was used so many times."""
        # By looking now and then: what wakes greenlets could not be called by the proxy's thread.
        deadline = time.monotonic() + timeout
        while self.used < used:
            if time.monotonic() >= deadline:
                raise AssertionError(
                    f"a rule was used {self.used} times, not {used}, within {timeout:g} s"
                )
            time.sleep(0.002)

    def end(self) -> None:
        """Take no more frames."""
        self.active = False

    def __enter__(self) -> Rule:
        return self

    def __exit__(self, *args: object) -> None:
        self.end()


class Rules:
    """The rules of a proxy; the first that takes a frame decides on it."""

    def __init__(self) -> None:
        # Replaced as a whole, since the proxy's thread reads while others add.
        self._rules: Sequence[Rule] = ()

    def add(self, rule: Rule) -> None:
        """Add a rule behind those that are there."""
        self._rules = (*[r for r in self._rules if r.active], rule)

    def clear(self) -> None:
        """End all rules."""
        rules, self._rules = self._rules, ()
        for rule in rules:
            rule.end()

    def find(self, frame: Frame) -> Rule | None:
        """Return the rule that takes a frame, if any does."""
        for rule in self._rules:
            if rule.response is frame.response and rule.takes(frame):
                return rule
        return None


class TakesRules:
    """What rules can be added to."""

    def on_request(
        self, condition: Condition, reaction: Reaction, *, times: int | None = None
    ) -> Rule:
        """Add a rule for frames of clients; it is asked behind those that are there."""
        return self.add(Rule(condition, reaction, response=False, times=times))

    def on_response(
        self, condition: Condition, reaction: Reaction, *, times: int | None = None
    ) -> Rule:
        """Add a rule for frames of the node: answers, errors, events."""
        return self.add(Rule(condition, reaction, response=True, times=times))

    def add(self, rule: Rule) -> Rule:
        """Add a rule, and return it."""
        raise NotImplementedError
