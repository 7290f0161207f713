"""`SimRuntime`: the `Runtime` of one simulated client."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from cql_driver.core.pending import Pending, Waitable
from cql_driver.core.runtime import Runtime
from tests.simulation.world import Deadlock, SimTimer, SimulationError, World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cql_driver.core.runtime import Address, StreamProtocol, Transport
    from cql_driver.core.tls import TlsSettings
    from tests.simulation.network import SimNetwork

__all__ = ["SimRuntime"]


class SimRuntime(Runtime):
    """A loop that its callers drive: whoever waits makes the world go on.

    `address` is where the client is in the network. `patience` is how many virtual seconds
    somebody may wait without a time-out of his own, until that is called a deadlock: heartbeats
    keep a loop busy for ever. `leaks()` tells what the client holds; `left_at_stop` what it
    held when `stop` was called. Requests that nobody waits for go on only while the test makes
    the world go on.
    """

    name = "simulated"
    patience = 3600.0

    def __init__(self, network: SimNetwork, address: str = "10.0.255.1") -> None:
        self.world: World = network.world
        self.network = network
        self.address = address
        self.started = False
        self.stopped = False
        self.live_timers = 0
        self.transports: dict[Any, None] = {}
        """Open streams; a dict, since its order does not depend on addresses in memory."""
        self.connecting: dict[Pending[Transport], Address] = {}
        self.left_at_stop: list[str] = []
        self.user_errors: list[Exception] = []
        """What functions of users raised (`call_user`)."""
        self.connections_made = 0
        self._next_port = 40000

    # --- the loop --------------------------------------------------------------------------

    def now(self) -> float:
        return self.world.time

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        if not self.stopped:
            self.world.ready.append((self, function, args))

    call_soon_threadsafe = call_soon

    def call_user(self, function: Callable[..., object], *args: Any) -> None:
        self.call_soon(self._call_user, function, args)

    def _call_user(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except Exception as exc:  # noqa: BLE001 - a user's error is no failure of the loop
            self.user_errors.append(exc)
            self.world.note("user error", type(exc).__name__)

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> SimTimer:
        timer = self.world.timer(self, delay, function, args)
        self.live_timers += 1
        if self.stopped:
            timer.cancel()
        return timer

    def in_loop(self) -> bool:
        return self.world.stepping

    def start(self) -> None:
        self.started = True
        self.stopped = False

    def stop(self) -> None:
        """End the loop; what it still holds is dropped and told by `left_at_stop`."""
        if self.stopped:
            return
        self.left_at_stop += self.leaks()
        self.stopped = True
        for timer in self.world.timers_of(self):
            timer.cancel()
        for transport in list(self.transports):
            transport.vanish()
        self.connecting.clear()

    # --- the network -----------------------------------------------------------------------

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
        pending: Pending[Transport] = Pending()
        if local_address is not None and local_address[1]:
            port = int(local_address[1])
        else:
            self._next_port += 1
            port = self._next_port
        self.connecting[pending] = address
        pending.add_done_callback(lambda done: self.connecting.pop(done, None))
        self.network.connect(self, port, address, protocol, pending, tls, server_hostname)
        return pending

    def resolve(self, host: str, port: int) -> Pending[list[Address]]:
        pending: Pending[list[Address]] = Pending()

        def answer() -> None:
            found = self.network.lookup(host)
            if isinstance(found, OSError):
                pending.set_error(found)
            elif found is not None:
                pending.set_result([(address, port) for address in found])

        if self.network.lookup_delay:
            self.world.after(self.network.lookup_delay, answer)
        else:
            self.call_soon(answer)
        return pending

    # --- who waits drives ------------------------------------------------------------------

    def perform(self, function: Callable[..., object], waitable: Waitable) -> None:
        self.world.inside(function)
        self.wait(waitable)

    def wait(self, waitable: Waitable, timeout: float | None = None) -> bool:
        if waitable.done:
            return True
        world = self.world
        if world.stepping:
            raise SimulationError("wait() on the loop itself: nobody is left to make it done")
        if timeout is not None:
            return world.run_until(waitable, max(timeout, 0.0))
        until = world.time + self.patience
        # Not by the limit of `run_until`: with one, an empty world would only let time pass.
        world.run_until(lambda: waitable.done or world.time > until)
        if not waitable.done:
            raise Deadlock(
                f"deadlock: not done after {self.patience} virtual seconds (seed {world.seed})\n"
                f"the record ends with:\n{world.story()}"
            )
        return True

    # --- what is left ----------------------------------------------------------------------

    def leaks(self) -> list[str]:
        """Tell what this client still holds: timers, open streams, attempts to connect."""
        timers = self.world.timers_of(self) if self.live_timers else []
        streams = [t for t in self.transports if not t.closing]
        return [
            *(repr(timer) for timer in timers),
            *(f"open stream {transport}" for transport in streams),
            *(f"connecting to {address}" for address in self.connecting.values()),
        ]


def unknown_name(host: str) -> OSError:
    """Return the error of a look-up that finds nothing."""
    return socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host}")
