"""What loops have in common: `StreamRuntime` any, `SocketRuntime` those that watch sockets."""

from __future__ import annotations

from cql_driver.core.runtime import Runtime
from cql_driver.runtimes.system import resolve
from cql_driver.runtimes.tcp import Attempt

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from cql_driver.core.pending import Pending
    from cql_driver.core.runtime import Address, StreamProtocol, Transport
    from cql_driver.core.tls import TlsSettings

    class Handler(Protocol):
        """What a watched descriptor belongs to."""

        def on_readable(self) -> None: ...

        def on_writable(self) -> None: ...

    class Stream(Protocol):
        """A stream or an attempt at one: what ends with the loop."""

        def fail(self, error: BaseException) -> None: ...

        def forget(self) -> None: ...


__all__ = ["SocketRuntime", "StreamRuntime"]


class StreamRuntime(Runtime):
    """A loop that knows its streams and look-ups, and ends them with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: set[Stream] = set()
        """Watched or not: what ends with the loop."""
        self._lookups: set[Pending[list[Address]]] = set()

    def check_running(self) -> None:
        """Raise `SessionShutdown` when nothing new may begin."""
        raise NotImplementedError

    def resolve(self, host: str, port: int) -> Pending[list[Address]]:
        """Look up a name; the result has at least one address, the error is an `OSError`."""
        self.check_running()
        pending = resolve(self, host, port)
        if not pending.done:
            self._lookups.add(pending)
            pending.add_done_callback(self._lookups.discard)
        return pending

    def fail_streams(self) -> None:
        """End all streams, attempts to connect and look-ups: the loop ends."""
        why = ConnectionAbortedError("the event loop was stopped")
        for stream in tuple(self.streams):
            stream.fail(why)
        for pending in tuple(self._lookups):
            pending.set_error(why)

    def forget_streams(self) -> None:
        """Close all sockets and call nobody: they belong to a parent process."""
        for stream in tuple(self.streams):
            stream.forget()
        self.drop_streams()

    def drop_streams(self) -> None:
        """Know of no stream any more."""
        self.streams.clear()
        self._lookups.clear()


class SocketRuntime(StreamRuntime):
    """A loop whose streams are sockets of our own, which it watches.

    A subclass gives `watch`, and calls `fail_streams` before it ends.
    """

    def watch(self, fd: int, handler: Handler, before: int, events: int) -> None:
        """Have the handler called for `events`, of which it had those of `before` until now.

        Both are bits, `READ` and `WRITE` of `cql_driver.runtimes.system`; 0 is for none. They
        are never the same.
        The descriptor is open, and closed only after a call with no events.
        """
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
        """Open a stream to `address`; the result comes right after `connection_made`."""
        self.check_running()
        attempt = Attempt(self, address, protocol, tls, server_hostname)
        attempt.start(sockopts, local_address)
        return attempt.pending
