"""The thread that leads while nobody waits: for heart-beats, events and callbacks.

It must keep no runtime alive: a cluster that was dropped without `shutdown` is collected, and
its thread ends. So between turns it holds a `Shared`, which leads to nothing, and a weak
reference.
"""

from __future__ import annotations

from _thread import allocate_lock

from cql_driver.core.pending import release
from cql_driver.logs import get_logger
from cql_protocol._accel import compiled

TYPE_CHECKING = False

if TYPE_CHECKING:
    import weakref
    from typing import Any

    from cql_driver.runtimes.leader import LedRuntime
    from cql_driver.runtimes.system import Poller, Waker

__all__ = ["MOST_EVENTS", "Shared", "attend"]

logger = get_logger("cql_driver.runtime")

MOST_EVENTS = 256
_NAP = 0.03
"""Seconds that the thread steps back for while callers drive the loop."""
_LONG_NAP = 1.0
"""Seconds after which it looks again at a lead that one caller has held for long."""


class Shared:
    """What loop and background thread both hold."""

    __slots__ = ("ended", "nap", "poller", "sleeping", "waker", "wanted")

    def __init__(self, poller: Poller, waker: Waker) -> None:
        self.poller = poller
        self.waker = waker
        self.sleeping = False
        """The leader is about to sleep and looks at its queue once more, or sleeps."""
        self.nap: Any = allocate_lock()
        """What the thread sleeps on while it does not lead."""
        self.nap.acquire()
        self.wanted = False
        """The thread wants the lead, which somebody has held for long."""
        self.ended = False

    def wake(self) -> None:
        """Wake the leader if it sleeps. Any thread."""
        if self.sleeping:
            # These two belong together: no call of Python between them, see `Waker.ring`.
            self.sleeping = False
            try:
                self.waker.ring()
            except OSError:
                pass  # full, so awake; or closed

    def end(self) -> None:
        """Have the thread end."""
        self.ended = True
        try:
            self.waker.ring()
        except OSError:
            pass
        release(self.nap)

    def close(self) -> None:
        """Close the descriptors."""
        self.ended = True
        self.waker.close()
        self.poller.close()


Shared = compiled("turns", "Shared", Shared)  # type: ignore[misc]


def attend(shared: Shared, reference: weakref.ref[LedRuntime]) -> None:
    """Lead whenever nobody else does, until the runtime ends or is gone: the thread's body."""
    seen = -1
    woken = False
    while True:
        runtime = reference()
        if runtime is None or shared.ended:
            break
        moved = runtime.activity != seen
        seen = runtime.activity
        led = False
        if woken or not moved:
            # Ask for it, then look: who leaves does it the other way round.
            shared.wanted = not moved
            if runtime.take():
                shared.wanted = False
                del runtime
                _lead(shared, reference)
                seen = -1
                led = True
        runtime = None
        # After leading there is a caller, who will lead for a while.
        woken = shared.nap.acquire(True, _NAP if moved or led else _LONG_NAP)
        shared.wanted = False
    if runtime is None:
        shared.close()


def _lead(shared: Shared, reference: weakref.ref[LedRuntime]) -> None:
    """Lead until a caller appears who can do it."""
    try:
        while True:
            runtime = reference()
            if runtime is None or runtime.ended:
                return
            timeout = runtime.before_poll(None)
            runtime = None
            events = shared.poller.poll(timeout, MOST_EVENTS)
            shared.sleeping = False
            runtime = reference()
            if runtime is None:
                return
            runtime.after_poll(events)
            if runtime.ended or runtime.has_followers():
                return
    except BaseException:  # SystemExit of a callback, say: the loop goes on
        if not shared.ended:
            logger.exception("The event loop was interrupted")
    finally:
        runtime = reference()
        if runtime is not None:
            runtime.leave()
