"""Loggers that load `logging` with the first message that somebody could read, and seldom lines."""

from __future__ import annotations

import sys
from time import monotonic

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from logging import Logger
    from typing import Any

__all__ = ["Seldom", "get_logger", "seldom"]

_QUIET_TIME = 60.0
"""Seconds for which a line of `Seldom` is not written again."""
_MOST_KEYS = 1000

_QUIET = frozenset(("debug", "info"))
"""What is shown by nobody as long as `logging` was not even loaded to set up a handler."""


class _LazyLogger:
    """What ``get_logger(name)`` returns, looked up when it is used."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger: Logger | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self._logger is None:
            if attribute in _QUIET and "logging" not in sys.modules:
                return _ignore
            from logging import getLogger

            self._logger = getLogger(self._name)
        return getattr(self._logger, attribute)


def _ignore(*args: object, **options: object) -> None:
    pass


def get_logger(name: str) -> Logger:
    """Return the logger called `name`; it costs next to nothing until it has to speak."""
    return _LazyLogger(name)  # type: ignore[return-value]  # it has all that a logger has


class Seldom:
    """Writes a line at most once a minute, and then how often it would have been written since.

    `key` tells what is the same line. Any thread may call it.

    Example::

        seldom(log.warning, ("lost", host), "Lost a connection to %s", host)
    """

    __slots__ = ("_clock", "_said")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._said: dict[Hashable, tuple[float, int]] = {}

    def __call__(
        self,
        write: Callable[..., object],
        key: Hashable,
        text: str,
        *args: object,
        error: BaseException | None = None,
    ) -> None:
        """Have `write` write the line, with the traceback of `error` if there is one."""
        now = self._clock()
        until, unsaid = self._said.get(key, (now, 0))
        if now < until:
            self._said[key] = (until, unsaid + 1)
            return
        if len(self._said) >= _MOST_KEYS:
            self.forget()
        self._said[key] = (now + _QUIET_TIME, 0)
        if unsaid:
            text += f" ({unsaid} times more since it was last told)"
        if error is None:
            write(text, *args)
        else:
            write(text, *args, exc_info=error)

    def forget(self) -> None:
        """Hold no line to be written any more."""
        self._said = {}


seldom = Seldom()
