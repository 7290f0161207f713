"""The driver on Twisted's reactor: `TwistedRuntime`, and sessions whose methods return Deferreds.

Needs Twisted: ``pip install 'cql-driver[twisted]'``. The reactor is the process's own, whichever
the application has installed. `TwistedCluster` is for code that runs in it; the blocking
`Cluster(reactor="twisted")` is for threads.

Example::

    from cql_reactors.twistedreactor import TwistedCluster

    async def names():
        cluster = TwistedCluster(["10.0.0.1"])
        session = await cluster.connect("shop")
        return [row.name for row in await session.execute("SELECT name FROM users")]
"""

from __future__ import annotations

import os
import threading
import weakref
from _thread import get_ident
from time import monotonic
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor, IWriteDescriptor
from twisted.python import threadable
from zope.interface import implementer

from cql_driver.errors import InvalidArgument, SessionShutdown
from cql_driver.logs import get_logger
from cql_driver.runtimes.system import Waker
from cql_protocol._lazy import lazily
from cql_protocol.errors import UnsupportedOperation
from cql_reactors.connections import ReactorConnection
from cql_reactors.hosted import READ, WRITE, HostedRuntime

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cql_driver.runtimes.sockets import Handler
    from cql_reactors.deferreds import TwistedCluster, TwistedResultSet, TwistedSession

__all__ = [
    "TwistedCluster",
    "TwistedConnection",
    "TwistedResultSet",
    "TwistedRuntime",
    "TwistedSession",
]

__getattr__, __dir__ = lazily(
    __name__, {"cql_reactors.deferreds": "TwistedCluster TwistedResultSet TwistedSession"}
)

logger = get_logger("cql_driver.runtime")

_PATIENCE = 10.0
"""Seconds that a reactor has to begin to run in a thread of ours."""


class TwistedConnection(ReactorConnection):
    """Chooses Twisted's reactor: `Cluster(connection_class=TwistedConnection)`."""

    reactor = "twisted"


class TwistedRuntime(HostedRuntime):
    """A guest on Twisted's reactor.

    Where nobody runs the reactor, it is run in a thread until the process ends, so the
    application cannot run it any more; `background_thread=False` forbids that. `guest=True` is
    for who waits for nothing: what is asked for is done as soon as the application runs it.
    """

    name = "twisted"
    hint = (
        "make it in another thread (twisted.internet.threads.deferToThread), or use a "
        "cql_reactors.twistedreactor.TwistedCluster, whose methods return Deferreds"
    )

    def __init__(self, *, background_thread: bool = True, guest: bool = False) -> None:
        super().__init__(background_thread=background_thread)
        self._with_thread = background_thread
        self._is_guest = guest
        self._reactor: Any = None
        self._opener = 0
        self._ref = weakref.ref(self)
        self._handlers: dict[int, Handler] = {}
        self._watched: dict[int, _Watched] = {}
        self._soon: Any = None
        self._delayed: Any = None
        self._sentinel: _Sentinel | None = None

    # --- the loop ------------------------------------------------------------------------------

    def in_loop(self) -> bool:
        """Say whether the calling thread is the reactor's, or will be: see `open`."""
        thread = threadable.ioThread
        return get_ident() == (self._opener if thread is None else thread)

    def wake(self) -> None:
        """Have `turn` called soon. Any thread."""
        if not self.in_loop():
            self._reactor.callFromThread(self.turn)
        elif self._soon is None:
            self._soon = self._reactor.callLater(0, self._come_soon)

    def _come_soon(self) -> None:
        self._soon = None
        self.turn()

    def alarm(self, when: float | None) -> None:
        """Have `turn` called at this time, and not at the one before; None: never."""
        delayed = self._delayed
        if when is None:
            if delayed is not None:
                self._delayed = None
                delayed.cancel()
            return
        delay = max(0.0, when - monotonic())
        if delayed is not None:
            delayed.reset(delay)
        else:
            self._delayed = self._reactor.callLater(delay, _come_in_time, self._ref)

    def watch(self, fd: int, handler: Handler, before: int, events: int) -> None:
        """Have the handler called for `events`, of which it had those of `before` until now."""
        watched = self._watched.get(fd)
        if watched is None:
            if not events or self.ended:
                return
            watched = self._watched[fd] = _Watched(self._ref, fd, getattr(handler, "_sock", None))
        self._handlers[fd] = handler
        watched.want(self._reactor, events)
        if not events:
            del self._watched[fd], self._handlers[fd]

    def came(self, fd: int, mask: int) -> None:
        """Tell who watches a descriptor that it is ready."""
        handler = self._handlers.get(fd)
        if handler is not None:
            self.ready(handler, mask)

    def dropped(self, watched: _Watched) -> None:
        """Tell who watches a descriptor that has hung up; the reactor has dropped it already.

        What is left to read may be more than one reading.
        """
        wanted = watched.forget_wanted()
        self.came(watched.fd, READ | WRITE)
        if self._watched.get(watched.fd) is watched:
            watched.want(self._reactor, wanted)

    # --- the beginning and the end -------------------------------------------------------------

    def open(self) -> None:
        """Find the reactor, and run it in a thread if nobody else does.

        Whose thread this is, will run it, if nobody does yet: so it counts as the loop's.
        """
        self._opener = get_ident()
        if self._is_guest:
            self._reactor = _the_reactor()
        else:
            self._reactor = _running_reactor(self._with_thread)
        self._sentinel = sentinel = _Sentinel(self._ref)
        if self.in_loop():
            self._reactor.addReader(sentinel)
        else:
            self._reactor.callFromThread(self._reactor.addReader, sentinel)

    def shut(self) -> None:
        """Leave nothing with the reactor."""
        calls = self._soon, self._delayed
        self._soon = self._delayed = None
        sentinel, self._sentinel = self._sentinel, None
        left = (*self._watched.values(), *((sentinel,) if sentinel else ()))
        _let_go(self._reactor, left, calls)
        self._watched.clear()
        self._handlers.clear()

    def reactor_ended(self) -> None:
        """End with the reactor, which stops for good."""
        self._sentinel = None
        try:
            if self.at_end is not None:
                self.at_end(SessionShutdown("Twisted's reactor was stopped"))
        finally:
            self._shut()

    def after_fork(self) -> None:
        """Let go, in a forked child; the reactor, whose poller is the parent's too, is not told."""
        super().after_fork()
        self._watched.clear()
        self._handlers.clear()
        self._soon = self._delayed = None
        if self._sentinel is not None:
            self._sentinel.let_go()
            self._sentinel = None

    def __del__(self) -> None:
        if getattr(self, "ended", True) or self._reactor is None:
            return
        # Dropped without an end. The reactor's thread must take back what it watches before
        # the sockets are closed: another one might get the number of a watched one.
        left: list[_Descriptor] = [*self._watched.values()]
        if self._sentinel is not None:
            left.append(self._sentinel)
        try:
            self._reactor.callFromThread(_let_go, self._reactor, left, (self._soon, self._delayed))
        except Exception:  # noqa: BLE001 - at the end of the process
            pass


class _Descriptor:
    """What a reactor watches."""

    def __init__(self, runtime: weakref.ref[TwistedRuntime], fd: int) -> None:
        self.runtime = runtime
        self.fd = fd

    def fileno(self) -> int:
        return self.fd

    def logPrefix(self) -> str:  # noqa: N802 - of the interface
        return "cql_driver"

    def let_go(self) -> None:
        """Close what is held, once the reactor watches no more."""


@implementer(IReadDescriptor, IWriteDescriptor)
class _Watched(_Descriptor):
    """One socket of a runtime. It holds the socket and not the runtime.

    So a runtime that nobody holds is collected, and its sockets stay open until the reactor
    has dropped them.
    """

    def __init__(self, runtime: weakref.ref[TwistedRuntime], fd: int, socket: object) -> None:
        super().__init__(runtime, fd)
        self._socket = socket
        self._wanted = 0

    def want(self, reactor: Any, events: int) -> None:
        changed = events ^ self._wanted
        self._wanted = events
        if changed & READ:
            (reactor.addReader if events & READ else reactor.removeReader)(self)
        if changed & WRITE:
            (reactor.addWriter if events & WRITE else reactor.removeWriter)(self)

    def forget_wanted(self) -> int:
        wanted, self._wanted = self._wanted, 0
        return wanted

    def doRead(self) -> None:  # noqa: N802 - of the interface
        runtime = self.runtime()
        if runtime is not None:
            runtime.came(self.fd, READ)

    def doWrite(self) -> None:  # noqa: N802 - of the interface
        runtime = self.runtime()
        if runtime is not None:
            runtime.came(self.fd, WRITE)

    def connectionLost(self, reason: object) -> None:  # noqa: N802 - of the interface
        """Be told of an error or of the end, after which the reactor does not watch any more."""
        runtime = self.runtime()
        if runtime is not None:
            runtime.dropped(self)

    def let_go(self) -> None:
        self._socket = None


@implementer(IReadDescriptor)
class _Sentinel(_Descriptor):
    """Never ready: a reactor that stops for good tells it so, as it tells all that it watches.

    That comes before the reactor waits for the end of its threads, in which somebody may wait
    for an answer that no reactor brings any more.
    """

    def __init__(self, runtime: weakref.ref[TwistedRuntime]) -> None:
        self._waker = Waker()
        super().__init__(runtime, self._waker.fd)

    def doRead(self) -> None:  # noqa: N802 - of the interface
        self._waker.on_readable()

    def connectionLost(self, reason: object) -> None:  # noqa: N802 - of the interface
        runtime = self.runtime()
        if runtime is not None:
            runtime.reactor_ended()
        self._waker.close()

    def let_go(self) -> None:
        self._waker.close()


def _let_go(reactor: Any, descriptors: Iterable[_Descriptor], calls: Iterable[Any]) -> None:
    for call in calls:
        if call is not None and call.active():
            call.cancel()
    for descriptor in descriptors:
        reactor.removeReader(descriptor)
        if isinstance(descriptor, _Watched):
            reactor.removeWriter(descriptor)
        descriptor.let_go()


def _come_in_time(ref: weakref.ref[TwistedRuntime]) -> None:
    runtime = ref()
    if runtime is not None:
        runtime._delayed = None
        runtime.turn()


# --- the reactor of the process ------------------------------------------------------------------


def in_reactor_thread() -> bool:
    """Say whether this thread is the reactor's, or may become so as long as nobody runs it."""
    return threadable.ioThread in (None, get_ident())


_guard = threading.Lock()
_lost = False  # this is a forked child, and the reactor runs in a thread of its parent
_private: Any = None  # what stands for it then


def _the_reactor() -> Any:
    """Return the process's reactor."""
    # Not before: it installs one, if the application has not.
    from twisted.internet import reactor

    if not IReactorFDSet.providedBy(reactor):
        raise UnsupportedOperation(
            f"Twisted's {type(reactor).__name__} cannot watch sockets: install another reactor "
            "before anything imports twisted.internet.reactor, for instance by "
            "twisted.internet.selectreactor.install()"
        )
    if _lost:
        raise UnsupportedOperation(
            "this process was forked while Twisted's reactor ran in another thread: the reactor "
            "cannot run here. Fork before it runs, or start the process anew (spawn)"
        )
    return reactor


def _running_reactor(may_run: bool) -> Any:
    """Return a reactor that runs, by a thread of ours if need be."""
    global _private
    with _guard:
        if not _lost:
            reactor = _the_reactor()
            kind = None
        else:
            # None of the application's can work here, so that one of its own disturbs nobody.
            reactor, kind = _private, _kind_of_reactor()
        if reactor is not None and reactor.running:
            return reactor
        if reactor is not None and threadable.ioThread is not None:
            raise UnsupportedOperation(
                "Twisted's reactor has ended, or rests between two tests of trial: connect while "
                "it runs"
            )
        if not may_run:
            raise InvalidArgument(
                "background_thread=False, and nobody runs Twisted's reactor: run it before, or "
                "let the driver run it in a thread"
            )
        runner = _Runner(reactor, kind)
        runner.run_in_thread()
        if _lost:
            _private = runner.reactor
        return runner.reactor


def _kind_of_reactor() -> Any:
    from twisted.internet import reactor

    return type(reactor)


class _Runner:
    """Runs a reactor in a thread, for as long as the process lives."""

    def __init__(self, reactor: Any, kind: Any) -> None:
        self.reactor = reactor
        self._kind = kind
        self._error: Exception | None = None
        self._begun = threading.Event()

    def run_in_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="cql-driver-twisted", daemon=True)
        thread.start()
        if not self._begun.wait(_PATIENCE):
            raise UnsupportedOperation(
                f"Twisted's reactor did not begin to run within {_PATIENCE:.0f} s"
            )
        if self._error is not None:
            raise UnsupportedOperation(
                f"Twisted's reactor cannot be run: {type(self._error).__name__} "
                f"{self._error}. It runs once in a process: run it in the application, and "
                "connect while it runs"
            ) from self._error
        logger.info("Nobody ran Twisted's reactor: it runs in a thread of the driver's from now on")

    def _run(self) -> None:
        from twisted.internet.error import ReactorAlreadyRunning

        try:
            if self.reactor is None:
                self.reactor = self._kind()
            self.reactor.callWhenRunning(self._begun.set)
            self.reactor.run(installSignalHandlers=False)
        except ReactorAlreadyRunning:
            pass  # the application was faster
        except Exception as exc:  # noqa: BLE001 - told to who waits
            self._error = exc
        finally:
            self._begun.set()


def _after_fork_in_child() -> None:
    global _guard, _lost, _private
    import sys

    _guard = threading.Lock()
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is not None and reactor.running and threadable.ioThread != get_ident():
        _lost, _private = True, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
