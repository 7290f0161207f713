"""The interface between the request core and an event loop.

A `Runtime` is one event loop, a `Transport` one byte stream on it, and a `StreamProtocol` what
the core puts on top of a stream (it has the callbacks of `asyncio.Protocol`). All methods
are called on the loop, by the one thread that holds it, except where *any thread* is said.
"""

from __future__ import annotations

from _thread import allocate_lock

from cql_driver.core.pending import release
from cql_driver.core.procedures import Procedure
from cql_protocol.errors import UnsupportedOperation

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any, Protocol, TypeVar

    from cql_driver.core.pending import Pending, Waitable
    from cql_driver.core.tls import TlsSettings
    from cql_driver.errors import SessionShutdown

    _T = TypeVar("_T")
else:
    Protocol = object  # not to load typing for it

__all__ = ["Address", "Runtime", "StreamProtocol", "Timer", "Transport"]

Address = tuple["Any", ...] | str
"""What `connect` takes: ``(ip, port)`` or longer as getaddrinfo gives it, or a socket's path."""


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Have it not come. Cancelling twice, or after it came, does nothing."""


class Transport(Protocol):
    """A byte stream that is connected, TLS included."""

    def write(self, data: bytes) -> None:
        """Send `data`, now or when the peer takes it; never blocks."""

    def close(self) -> None:
        """Send what is written, then end the stream; `connection_lost(None)` follows."""

    def abort(self) -> None:
        """End the stream at once, dropping what is not sent; `connection_lost` follows."""

    def pause_reading(self) -> None:
        """Stop calling `data_received`."""

    def resume_reading(self) -> None:
        """Call `data_received` again."""

    def local_address(self) -> Address | None:
        """Return this side's address, when there is one."""


class StreamProtocol(Protocol):
    """What is told of a stream."""

    def connection_made(self, transport: Transport) -> None:
        """The stream is connected, and encrypted if that was asked for."""

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """The stream is over, by our `close` (None) or for a reason. Called once."""

    def pause_writing(self) -> None:
        """The transport holds more unsent bytes than its high-water mark."""

    def resume_writing(self) -> None:
        """The transport drained again."""


_guard = allocate_lock()  # while the lock of one that waits is made


class Runtime:
    """One event loop: the base of the built-in `selector` and of the reactors.

    A subclass gives the loop itself (`now`, `call_soon`, `call_later`,
    `call_soon_threadsafe`, `connect`, `resolve`, `in_loop`, `start`, `stop`). How a thread
    waits for the loop (`dispatch`, `perform`, `wait`) has a way here that fits every loop
    with a thread of its own; a loop that its callers drive has better ones.
    """

    name = "?"

    reentrant = False
    """Whether a thread that holds the loop may wait for something nevertheless."""

    crowded = False
    """Whether several callers of one thread may wait at the same time, as greenlets do: a lock of
    threads does not keep them apart."""

    hint = "make it in another thread, or use a call that does not wait"
    """What to do instead of waiting on the loop for the loop, for the error's message."""

    at_end: Callable[[SessionShutdown], object] | None = None
    """What a loop that others end, and not `stop`, calls before its streams are lost."""

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
        """`dispatch` the function, then wait until `waitable` is done. Any thread.

        On a loop that cannot be waited for there (see `wait`), the function is not called.
        """
        if self.in_loop():
            raise self._waits_for_itself()
        self.dispatch(function)
        self.wait(waitable)

    def wait(self, waitable: Waitable, timeout: float | None = None) -> bool:
        """Wait until `waitable` is done, at most `timeout` seconds; return whether it is.

        Any thread but the loop's own, where nobody would be left to make it done: raises
        `UnsupportedOperation` there.
        """
        if waitable.done:
            return True
        if self.in_loop():
            raise self._waits_for_itself()
        waiter = waitable.waiter
        if waiter is None:
            with _guard:
                waiter = waitable.waiter
                if waiter is None:
                    waiter = waitable.waiter = self.make_waiter()
        if not waitable.done and waiter.acquire(True, -1 if timeout is None else timeout):
            release(waiter)  # another thread may wait for the same
        return waitable.done

    def _waits_for_itself(self) -> UnsupportedOperation:
        return UnsupportedOperation(
            f"a call that waits was made on the event loop ({self.name}) that it waits for: "
            f"{self.hint}"
        )

    def make_waiter(self) -> Any:
        """Return a lock, acquired, for threads to sleep on."""
        waiter = allocate_lock()
        waiter.acquire()
        return waiter

    def run(self, procedure: Coroutine[Any, Any, _T]) -> _T:
        """Run a procedure on the loop and return its result. Any thread."""
        if not self.reentrant and self.in_loop():
            procedure.close()
            raise self._waits_for_itself()
        running: Procedure[_T] = Procedure(self, procedure)
        self.perform(running.start, running)
        return running.result()
