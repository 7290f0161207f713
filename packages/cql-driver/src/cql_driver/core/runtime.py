"""The interface between the request core and an event loop.

A `Runtime` is one event loop, a `Transport` one byte stream on it, and a `StreamProtocol` what
the core puts on top of a stream (it has the callbacks of `asyncio.Protocol`). All methods
are called on the loop, by the one thread that holds it, except where *any thread* is said.
"""

from __future__ import annotations

from _thread import allocate_lock

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Sequence
    from typing import Any, Generic, TypeVar

    from cql_driver.core.streams import StreamProtocol, Timer, Transport
    from cql_driver.core.tls import TlsSettings

    _T = TypeVar("_T")
else:
    __getattr__, __dir__ = lazily(
        __name__, {"cql_driver.core.streams": "StreamProtocol Timer Transport"}
    )

    class Generic:
        """Stands for that of `typing`, whose import costs as much as this whole package's."""

        __slots__ = ()

        def __class_getitem__(cls, item: object) -> type:
            return cls

__all__ = ["Address", "Pending", "Runtime", "StreamProtocol", "Timer", "Transport", "Waitable"]

Address = tuple["Any", ...] | str
"""What `connect` takes: ``(ip, port)`` or longer as getaddrinfo gives it, or a socket's path."""


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


class Runtime:
    """One event loop: the base of the built-in `selector` and of the reactors.

    A subclass gives the loop itself (`now`, `call_soon`, `call_later`,
    `call_soon_threadsafe`, `connect`, `resolve`, `in_loop`, `start`, `stop`). How a thread
    waits for the loop (`dispatch`, `perform`, `wait`) has a way here that fits every loop
    with a thread of its own; a loop that its callers drive has better ones.
    """

    name = "?"

    unattended = 0
    """Requests in flight that no thread waits for. Who makes them counts, on the loop; a loop
    that its callers drive has somebody else drive it while this is not 0."""

    def now(self) -> float:
        """Return the loop's clock in seconds; it never goes back. Any thread."""
        raise NotImplementedError

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call the function in this turn of the loop or the next, in the order of calls."""
        raise NotImplementedError

    def call_user(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function of a user soon: never inside another one of a user.

        What it raises is logged and harms nobody else.
        """
        self.call_soon(function, *args)

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        """Call the function after `delay` seconds."""
        raise NotImplementedError

    def call_soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        """Do as `call_soon`, and wake the loop if it sleeps. Any thread."""
        raise NotImplementedError

    def connect(
        self,
        address: Address,
        protocol: StreamProtocol,
        *,
        tls: TlsSettings | None = None,
        server_hostname: str | None = None,
        sockopts: Sequence[tuple[Any, ...]] = (),
        local_address: Address | None = None,
    ) -> Pending[Transport]:
        """Open a stream to `address`; the result comes right after `connection_made`.

        The error is an `OSError` (of which `ssl.SSLError` is one). Who gives up waiting
        calls `set_error` on what was returned, and the attempt ends, leaving nothing.
        """
        raise NotImplementedError

    def resolve(self, host: str, port: int) -> Pending[list[Address]]:
        """Look up a name; the result has at least one address, the error is an `OSError`."""
        raise NotImplementedError

    def in_loop(self) -> bool:
        """Say whether the calling thread holds the loop. Any thread."""
        raise NotImplementedError

    def start(self) -> None:
        """Make the loop ready; called before anything else. Any thread."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the loop and all that it holds; nothing is called afterwards. Any thread."""
        raise NotImplementedError

    # --- how threads use it ------------------------------------------------------------------

    def dispatch(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop call the function; at once when this thread holds it. Any thread."""
        if self.in_loop():
            function(*args)
        else:
            self.call_soon_threadsafe(function, *args)

    def perform(self, function: Callable[..., object], waitable: Waitable) -> None:
        """`dispatch` the function, then wait until `waitable` is done. Any thread."""
        self.dispatch(function)
        self.wait(waitable)

    def wait(self, waitable: Waitable, timeout: float | None = None) -> bool:
        """Wait until `waitable` is done, at most `timeout` seconds; return whether it is.

        Any thread but the loop's own, where nobody would be left to make it done.
        """
        if not waitable.done:
            waiter = waitable.waiter = allocate_lock()
            waiter.acquire()
            if not waitable.done:
                waiter.acquire(True, -1 if timeout is None else timeout)
        return waitable.done

    def run(self, procedure: Coroutine[Any, Any, _T]) -> _T:
        """Run a procedure on the loop and return its result. Any thread."""
        from cql_driver.core.procedures import Procedure

        running: Procedure[_T] = Procedure(self, procedure)
        self.perform(running.start, running)
        return running.result()
