"""Byte streams of the simulated network: two `SimTransport`, and a `Flow` for each direction.

A flow keeps the order of what is sent. Of bytes that the receiver has not taken, `window` are
under way; what is more waits in the sender's own buffer, which is where back-pressure comes from.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cql_driver.core.runtime import Address, StreamProtocol
    from tests.simulation.network import SimNetwork

__all__ = ["Flow", "SimTransport"]

HIGH_WATER = 64 * 1024
LOW_WATER = 16 * 1024


class Flow:
    """One direction of a stream.

    `held` by a partition, `dead` when what is sent vanishes; `blocked` sums up all that
    keeps arriving bytes from the receiver. `cut_after` is the number of bytes left until
    this stream breaks, None when it does not, and `cut_by` how: ``"reset"`` or ``"silence"``.
    """

    __slots__ = (
        "bandwidth",
        "blocked",
        "cut_after",
        "cut_by",
        "dead",
        "delay",
        "free_at",
        "held",
        "last",
        "network",
        "queue",
        "receiver",
        "sender",
        "stash",
        "under_way",
        "unsent",
        "window",
    )

    receiver: SimTransport
    sender: SimTransport

    def __init__(self, network: SimNetwork, delay: tuple[float, float]) -> None:
        self.network = network
        self.delay = delay
        self.bandwidth = network.bandwidth
        self.window = network.window
        self.held = self.dead = self.blocked = False
        self.cut_after: int | None = None
        self.cut_by = "reset"
        self.queue: deque[bytes] = deque()
        self.unsent = 0
        self.under_way = 0
        self.last = self.free_at = network.world.time
        self.stash: list[bytes | BaseException | None] = []
        """What came while the receiver did not take it: bytes, or the end and its reason."""

    def send(self, data: bytes) -> None:
        """Send, or keep until the window has room."""
        if self.queue or self.under_way + len(data) > self.window:
            self.queue.append(data)
            self.unsent += len(data)
            self.pump()
            if self.unsent > HIGH_WATER:
                self.sender.full()
        else:
            self._put(data)

    def pump(self) -> None:
        """Send what was kept, as far as the window has room."""
        queue = self.queue
        while queue:
            room = self.window - self.under_way
            if room <= 0:
                return
            data = queue.popleft()
            if len(data) > room:
                queue.appendleft(data[room:])
                data = data[:room]
            self.unsent -= len(data)
            self._put(data)

    def _put(self, data: bytes) -> None:
        """Put bytes on their way."""
        network = self.network
        if not self.dead and (network.chaos or self.cut_after is not None):
            data = self._hurt(data)
        if self.dead:
            self.under_way += len(data)  # nobody acknowledges them any more
            return
        if network.pieces is not None:
            for piece in network.cut(data):
                self.under_way += len(piece)
                network.world.at(self._arrival(len(piece)), self._arrive, piece)
        elif data:
            self.under_way += len(data)
            network.world.at(self._arrival(len(data)), self._arrive, data)

    def _hurt(self, data: bytes) -> bytes:
        """Break the stream where that is its fate; return what still passes."""
        network = self.network
        how, at = self.cut_by, self.cut_after
        if at is None:
            at = len(data) + 1
            chance = network.world.random.random()
            if chance < network.reset_chance + network.silence_chance:
                at = network.world.random.randint(0, len(data))
                how = "reset" if chance < network.reset_chance else "silence"
        if at > len(data):
            if self.cut_after is not None:
                self.cut_after -= len(data)
            return data
        self.cut_after = None
        network.world.note("cut", how, self.sender.name, at)
        passes, self.network.chaos_done = data[:at], self.network.chaos_done + 1
        if passes:
            self.under_way += len(passes)
            network.world.at(self._arrival(len(passes)), self._arrive, passes)
        if how == "reset":
            network.world.at(self.last, self.sender.broken, "reset by the network")
            network.world.at(self.last, self.receiver.broken, "reset by the network")
        else:
            self.dead = self.receiver.out.dead = True
        return b""

    def _arrival(self, size: int) -> float:
        """Return when bytes that leave now arrive: never before those that left before."""
        low, high = self.delay
        world = self.network.world
        at = world.time + (low if low == high else low + (high - low) * world.random.random())
        if self.bandwidth is not None:
            self.free_at = max(self.free_at, world.time) + size / self.bandwidth
            at += self.free_at - world.time
        if at < self.last:
            return self.last
        self.last = at
        return at

    def _arrive(self, data: bytes) -> None:
        if self.blocked:
            if not self.dead and not self.receiver.closing:
                self.stash.append(data)
            return
        self.under_way -= len(data)
        if self.queue:
            self.pump()
            self.sender.drained()
        self.receiver.protocol.data_received(data)

    def end(self, reason: BaseException | None) -> None:
        """Let the receiver know that nothing more comes, after all that is under way."""
        if not self.dead:
            self.network.world.at(self._arrival(0), self._arrive_end, reason)

    def _arrive_end(self, reason: BaseException | None) -> None:
        if self.dead:
            return
        if self.blocked and not self.receiver.closing:
            self.stash.append(reason)
        else:
            self.receiver.ended(reason)

    def update(self) -> None:
        """Find out anew whether something is in the way; if nothing is, deliver the stash."""
        receiver = self.receiver
        self.blocked = self.held or self.dead or receiver.paused or receiver.closing
        if receiver.closing or self.dead:
            self.stash.clear()
        while self.stash and not self.blocked:
            item = self.stash.pop(0)
            if isinstance(item, bytes):
                self._arrive(item)
            else:
                receiver.ended(item)


class SimTransport:
    """One end of a stream. `name` says who talks to whom, `owner` is the client's runtime."""

    __slots__ = (
        "_full",
        "_lost",
        "closing",
        "far",
        "inward",
        "local",
        "name",
        "near",
        "network",
        "out",
        "owner",
        "paused",
        "protocol",
        "remote",
    )

    protocol: StreamProtocol
    out: Flow
    inward: Flow

    def __init__(
        self, network: SimNetwork, owner: Any, local: Address, remote: Address, name: str
    ) -> None:
        self.network = network
        self.owner = owner
        self.local = local
        self.remote = remote
        self.name = name
        self.near = local if isinstance(local, str) else str(local[0])
        self.far = remote if isinstance(remote, str) else str(remote[0])
        self.paused = False
        self.closing = False
        self._full = False
        self._lost = False

    # --- what the protocol above calls -------------------------------------------------------

    def write(self, data: bytes) -> None:
        if data and not self.closing:
            self.out.send(data)

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self.inward.update()
            if not self.out.queue:
                self._finish()

    def abort(self) -> None:
        if self._lost:
            return
        self.closing = True
        self.inward.update()
        self.out.queue.clear()
        self.out.unsent = 0
        self.out.end(ConnectionResetError(f"reset by the peer: {self.name}"))
        self._lose(None)

    def pause_reading(self) -> None:
        self.paused = True
        self.inward.blocked = True

    def resume_reading(self) -> None:
        if self.paused:
            self.paused = False
            # Not from within this call: a protocol is not called while it calls.
            self.network.world.soon(None, self.inward.update, ())

    def local_address(self) -> Address | None:
        return self.local

    # --- what the network calls --------------------------------------------------------------

    def full(self) -> None:
        """Tell the protocol that too much is waiting, once."""
        if not self._full and not self.closing:
            self._full = True
            self.network.world.soon(self.owner, self._tell_full, ())

    def _tell_full(self) -> None:
        if self._full and not self._lost:
            self.protocol.pause_writing()

    def drained(self) -> None:
        """See what follows from a buffer that became smaller."""
        if self._full and self.out.unsent <= LOW_WATER:
            self._full = False
            if not self._lost:
                self.protocol.resume_writing()
        if self.closing and not self._lost and not self.out.queue:
            self._finish()

    def _finish(self) -> None:
        self.out.end(ConnectionAbortedError(f"closed by the peer: {self.name}"))
        self._lose(None)

    def ended(self, reason: BaseException | None) -> None:
        """The peer ended the stream."""
        if self._lost:
            return
        self.closing = True
        self.out.dead = True
        self.out.queue.clear()
        self.inward.update()
        self._lose(reason)

    def broken(self, why: str) -> None:
        """The network ended the stream, for this end at least."""
        self.ended(ConnectionResetError(why))

    def vanish(self) -> None:
        """End it without a word to the protocol above: its loop is over."""
        self.closing = True
        self.inward.update()
        self.out.end(ConnectionResetError("the client's loop ended"))
        self._lost = True
        self._gone()

    def _lose(self, reason: BaseException | None) -> None:
        if not self._lost:
            self._lost = True
            self.network.world.soon(self.owner, self._tell_lost, (reason,))

    def _tell_lost(self, reason: BaseException | None) -> None:
        self._gone()
        why = "" if reason is None else type(reason).__name__
        self.network.world.note("lost", self.name, why)
        self.protocol.connection_lost(reason)

    def _gone(self) -> None:
        self.network.streams.pop(self, None)
        if self.owner is not None:
            self.owner.transports.pop(self, None)

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__
