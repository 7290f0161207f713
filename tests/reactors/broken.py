"""Runtimes with a defect each, which the kit must find, and one that only seems to have it."""

from __future__ import annotations

from typing import Any

from cql_driver.runtimes.selector import SelectorRuntime


class Timer:
    """One that cannot be cancelled."""

    def cancel(self) -> None:
        pass


class Stubborn(SelectorRuntime):
    def call_later(self, delay: float, function: Any, *args: Any) -> Any:
        super().call_later(delay, function, *args)
        return Timer()


class Leaky(SelectorRuntime):
    kept: list[object] = []  # noqa: RUF012 - that is the leak

    def start(self) -> None:
        self.kept.append([self])
        super().start()


class Hoarding(SelectorRuntime):
    """No defect: lets go of what it kept once that is a thousand, as the hub of eventlet does."""

    kept: list[object] = []  # noqa: RUF012 - all of them together

    def start(self) -> None:
        self.kept.append([[]])
        if len(self.kept) > 1000:
            self.kept.clear()
        super().start()
