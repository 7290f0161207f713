"""What a byte stream on an event loop is to the request core, and the core to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cql_driver.core.runtime import Address

__all__ = ["StreamProtocol", "Timer", "Transport"]


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
