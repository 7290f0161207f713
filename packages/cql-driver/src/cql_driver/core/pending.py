"""Results that are to come: what threads wait for, and what procedures await."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, Generic, TypeVar

    _T = TypeVar("_T")
else:

    class Generic:
        """Stands for that of `typing`, whose import costs as much as this whole package's."""

        __slots__ = ()

        def __class_getitem__(cls, item: object) -> type:
            return cls


__all__ = ["Pending", "Waitable", "release"]


class Waitable:
    """Something a thread can wait for: `done` becomes True once, on the loop.

    `waiter` is for the runtime: a lock that the waiting thread sleeps on.
    """

    __slots__ = ("done", "waiter")

    def __init__(self) -> None:
        self.done = False
        self.waiter: Any = None

    def finish(self) -> None:
        """Become done and wake who waits. A second call does nothing."""
        if not self.done:
            self.done = True
            if self.waiter is not None:
                release(self.waiter)


def release(waiter: Any) -> None:
    """Release a lock that may be released already."""
    try:
        waiter.release()
    except RuntimeError:
        pass


class Pending(Waitable, Generic["_T"]):
    """A result that is to come; procedures `await` it, threads wait for it.

    Belongs to the loop: `set_result` and `set_error` are called there, and callbacks run at
    once, in order. The first of the two calls counts, later ones do nothing.

    Example::

        pending = Pending()
        pending.set_result(7)
        assert pending.done and pending.result() == 7
    """

    __slots__ = ("_callbacks", "error", "value")

    def __init__(self) -> None:
        super().__init__()
        self.value: _T | None = None
        self.error: BaseException | None = None
        self._callbacks: list[Callable[[Pending[_T]], object]] | None = None

    def set_result(self, value: _T) -> None:
        """Be done with this value."""
        if not self.done:
            self.value = value
            self._settle()

    def set_error(self, error: BaseException) -> None:
        """Be done with this error."""
        if not self.done:
            self.error = error
            self._settle()

    def result(self) -> _T:
        """Return the value or raise the error; only once it is done."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]

    def add_done_callback(self, callback: Callable[[Pending[_T]], object]) -> None:
        """Call `callback(self)` when done, or at once if it is."""
        if self.done:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def _settle(self) -> None:
        self.finish()
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            callback(self)

    def __await__(self) -> Generator[Pending[_T], None, _T]:
        if not self.done:
            yield self
        return self.result()
