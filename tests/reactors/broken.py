"""Runtimes with a defect each, which the kit must find."""

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
