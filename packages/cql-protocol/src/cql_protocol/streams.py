"""Stream ids: which request an answer belongs to (spec section 2.3).

Ids are taken from a free list, most recently freed first, so that a connection with few
requests in flight keeps its tables small and warm. A request the client no longer waits for
leaves an *orphan*: its id stays taken until the late answer comes, which frees it and
reaches nobody. So a late answer never completes another request.
"""

from __future__ import annotations

from cql_protocol.errors import LocalProtocolError, StreamsExhausted

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    Receiver = Callable[[Any], object]
    """What gets a request's answer: called once, with a response or an exception."""

__all__ = ["MAX_STREAMS", "ORPHAN", "StreamTable"]

MAX_STREAMS: Final = 32768
_GROWTH = 128


def ORPHAN(answer: object) -> None:  # noqa: N802 - a marker in the table, compared by identity
    """Stand in the table for a request nobody waits for; the late answer is dropped."""


class StreamTable:
    """The requests in flight by their stream ids 0…`limit` - 1.

    `waiting` is indexed by stream id; an entry is a receiver, `ORPHAN`, or None when the
    id is free. `orphans` counts the orphaned ids.
    """

    __slots__ = ("_free", "limit", "orphans", "waiting")

    def __init__(self, limit: int = MAX_STREAMS) -> None:
        if not 1 <= limit <= MAX_STREAMS:
            raise LocalProtocolError(f"{limit} streams; 1 to {MAX_STREAMS} are possible")
        self.limit = limit
        self.waiting: list[Receiver | None] = []
        self._free: list[int] = []
        self.orphans = 0

    def __len__(self) -> int:
        """Return how many ids are taken, orphans included."""
        return len(self.waiting) - len(self._free)

    @property
    def in_flight(self) -> int:
        """How many requests somebody still waits for."""
        return len(self) - self.orphans

    def take(self, receiver: Receiver) -> int:
        """Give `receiver` a free id and return it.

        Raises `StreamsExhausted` when every id is taken.
        """
        if not self._free:
            self._grow()
        stream = self._free.pop()
        self.waiting[stream] = receiver
        return stream

    def _grow(self) -> None:
        size = len(self.waiting)
        more = min(_GROWTH + size, self.limit - size)
        if more <= 0:
            raise StreamsExhausted(
                f"all {self.limit:,} stream ids of the connection are taken "
                f"({self.orphans:,} by requests nobody waits for any more): "
                "send fewer requests at once, or use more connections"
            )
        self.waiting += [None] * more
        self._free += range(size + more - 1, size - 1, -1)

    def release(self, stream: int) -> Receiver | None:
        """Free `stream` and return who waits for it: a receiver, `ORPHAN`, or None.

        None means that no request was sent under this id.
        """
        waiting = self.waiting
        if not 0 <= stream < len(waiting):
            return None
        receiver = waiting[stream]
        if receiver is not None:
            waiting[stream] = None
            self._free.append(stream)
            if receiver is ORPHAN:
                self.orphans -= 1
        return receiver

    def orphan(self, stream: int) -> None:
        """Stop waiting for `stream`, and keep its id taken until its answer comes.

        Raises `LocalProtocolError` when nobody waits for it.
        """
        waiting = self.waiting
        known = 0 <= stream < len(waiting)
        if not known or waiting[stream] is None or waiting[stream] is ORPHAN:
            raise LocalProtocolError(f"stream {stream} has no request waiting for an answer")
        waiting[stream] = ORPHAN
        self.orphans += 1

    def drain(self) -> list[Receiver]:
        """Free every id and return the receivers that were waiting, by stream id."""
        receivers = [r for r in self.waiting if r is not None and r is not ORPHAN]
        self.waiting.clear()
        self._free.clear()
        self.orphans = 0
        return receivers
