"""Loggers that load `logging` with the first message that somebody could read."""

from __future__ import annotations

import sys

TYPE_CHECKING = False

if TYPE_CHECKING:
    from logging import Logger
    from typing import Any

__all__ = ["get_logger"]

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
