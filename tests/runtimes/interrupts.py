"""Signals in the main thread, at a time of the test's."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Self

__all__ = ["CtrlC"]


class CtrlC:
    """Has Ctrl-C call a function in the main thread, once after it is pressed.

    The function raises `KeyboardInterrupt` if none is given.

    The signal is sent again and again until it was seen: Python looks for signals, then lets a
    thread sleep, and one that comes between the two is seen when it wakes. Other libraries (polars
    for one) have sleeps go on after SIGINT; with a handler of Python's own, as here, they end.

    Example::

        with CtrlC() as ctrl_c, pytest.raises(KeyboardInterrupt):
            threading.Timer(0.1, ctrl_c.press).start()
            forever.acquire()
    """

    def __init__(self, function: Callable[[], object] | None = None) -> None:
        self._function = function
        self._main = threading.main_thread().ident
        self._seen = False
        self._pressed = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._raise)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._pressed:
            self._thread.join()
        signal.signal(signal.SIGINT, self._before)

    def press(self) -> None:
        """Interrupt the main thread, soon. Any thread; a second call does nothing."""
        if not self._pressed:
            self._pressed = True
            self._thread.start()

    def _send(self) -> None:
        assert self._main is not None
        while not self._seen and not self._over.is_set():
            signal.pthread_kill(self._main, signal.SIGINT)
            self._over.wait(0.05)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if not self._seen:
            self._seen = True
            if self._function is None:
                raise KeyboardInterrupt
            self._function()
