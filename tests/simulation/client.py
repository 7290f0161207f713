"""`RawClient`: a bare `ClientConnection` on a simulated stream, for tests of the simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.core.pending import Pending
from cql_driver.core.procedures import spawn
from cql_protocol.connection import ClientConnection
from cql_protocol.errors import DriverException, RemoteProtocolError
from cql_protocol.messages import (
    AuthResponse,
    Event,
    Options,
    Ready,
    Register,
    Request,
    Response,
    Supported,
)
from cql_protocol.messages.responses import Authenticate, AuthSuccess
from cql_protocol.negotiation import startup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cql_driver.core.runtime import Transport
    from tests.simulation.runtime import SimRuntime

__all__ = ["RawClient"]


class RawClient:
    """One connection to one node, without anything that a driver adds.

    `events` are the server's, `strays` what belongs to no request, `lost` why the stream
    ended (a list of at most one).
    """

    transport: Transport

    def __init__(self, runtime: SimRuntime, version: int = 5) -> None:
        self.runtime = runtime
        self.connection = ClientConnection(version)
        self.events: list[Event] = []
        self.strays: list[Any] = []
        self.lost: list[BaseException | None] = []
        self.pauses: list[str] = []

    # --- StreamProtocol ----------------------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self.connection.receive_data(data)
        except RemoteProtocolError:
            self.transport.abort()
            return
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, Event):
                self.events.append(event)
            else:
                self.strays.append(event)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.append(exc)
        self.connection.close(exc)

    def pause_writing(self) -> None:
        self.pauses.append("pause")

    def resume_writing(self) -> None:
        self.pauses.append("resume")

    # --- requests ----------------------------------------------------------------------------

    def send(
        self,
        request: Request,
        *,
        tracing: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> Pending[Response]:
        """Send a request; the answer is what the result will be."""
        pending: Pending[Response] = Pending()

        def receive(answer: Response | BaseException) -> None:
            if isinstance(answer, BaseException):
                pending.set_error(answer)
            else:
                pending.set_result(answer)

        self.transport.write(
            self.connection.send(request, receive, tracing=tracing, custom_payload=custom_payload)
        )
        return pending

    def ask(self, request: Request, **options: Any) -> Response:
        """Send a request, and make the world go on until it is answered."""
        pending = self.send(request, **options)
        self.runtime.wait(pending)
        return pending.result()

    def fails(self, request: Request) -> DriverException:
        """Send a request and return the error that is the answer."""
        pending = self.send(request)
        self.runtime.wait(pending)
        assert isinstance(pending.error, DriverException), pending.value
        return pending.error

    async def _handshake(
        self, address: tuple[str, int], compression: bool | str, credentials: bytes | None
    ) -> RawClient:
        await self.runtime.connect(address, self)
        supported = await self.send(Options())
        assert isinstance(supported, Supported)
        version = self.connection.version
        answer = await self.send(startup(supported, version, compression=compression))
        if isinstance(answer, Authenticate):
            answer = await self.send(AuthResponse(credentials))
        assert isinstance(answer, Ready | AuthSuccess)
        return self

    def opening(
        self,
        address: tuple[str, int],
        *,
        compression: bool | str = False,
        credentials: bytes | None = None,
    ) -> Pending[RawClient]:
        """Begin to connect, and shake hands."""
        return spawn(self.runtime, self._handshake(address, compression, credentials))

    def open(self, address: tuple[str, int], **options: Any) -> RawClient:
        """Connect and shake hands, making the world go on until that is done."""
        pending = self.opening(address, **options)
        self.runtime.wait(pending)
        return pending.result()

    def register(self, *events: str) -> None:
        """Register for events."""
        assert self.ask(Register(events)) == Ready()
