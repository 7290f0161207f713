"""The one interface by which metrics, tracing and loggers watch requests and connections."""

from __future__ import annotations

from time import monotonic

from cql_driver.errors import InvalidArgumentType
from cql_driver.logs import Seldom, get_logger

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["Observer", "ObserverGroup", "context_of"]

log = get_logger("cql_driver.observers")


class Observer:
    """Watches what the driver does; subclass it and override what you need.

    Give it to ``Cluster(observers=[...])``. Methods are called on the loop, in the middle of
    the work, by position: they must be quick and must not block. What they raise is logged,
    and harms nothing. Methods you do not override cost nothing.

    `request` is the same object from start to end; it has `statement`, `session` (the pools
    that carry it), `options` (what its execution profile says, as `consistency_level`),
    `host` (the last coordinator or None), `started_at` (seconds of the runtime's clock),
    `attempts` (how many were made) and `context` (a dict of the observers' own, or None until
    one of them needs it: see `context_of`).

    Example::

        class SlowQueries(Observer):
            def request_ended(self, request, error, duration):
                if duration > 1:
                    print(duration, request.statement)
    """

    def request_created(self, request: Any) -> None:
        """The user asks for a request.

        Called in the caller's thread, before it reaches the loop: here, and only here, what
        belongs to the caller (its context variables) can be seen. Other methods may be
        running on the loop meanwhile, for other requests.
        """

    def request_started(self, request: Any) -> None:
        """A request was accepted; nothing is sent yet."""

    def attempt_started(self, request: Any, host: Host, speculative: bool) -> None:
        """The request is sent to `host`."""

    def attempt_ended(
        self, request: Any, host: Host, error: BaseException | None, duration: float
    ) -> None:
        """`host` answered the attempt, with `error` if there is one, after `duration` seconds."""

    def request_retried(self, request: Any, error: BaseException, same_host: bool) -> None:
        """The error of an attempt leads to another one."""

    def request_ignored(self, request: Any, error: BaseException) -> None:
        """The retry policy has the error ignored: the request ends without rows."""

    def request_ended(self, request: Any, error: BaseException | None, duration: float) -> None:
        """The request is over, with `error` if it failed, `duration` seconds after its start."""

    def client_timed_out(self, request: Any, host: Host | None) -> None:
        """The request ran out of time on the client's side; `request_ended` follows."""

    def connection_opened(self, host: Host) -> None:
        """A connection of a pool is ready."""

    def connection_closed(self, host: Host, error: BaseException | None) -> None:
        """A connection of a pool is gone, because of `error` unless we closed it."""

    def connection_failed(self, host: Host, error: BaseException) -> None:
        """A connection could not be made."""

    def bytes_sent(self, host: Host, size: int) -> None:
        """`size` bytes were given to the transport of a connection to `host`."""

    def bytes_received(self, host: Host, size: int) -> None:
        """`size` bytes came from `host`."""

    def host_changed(self, host: Host, change: str) -> None:
        """A host was ``"added"``, ``"removed"``, or went ``"up"``, ``"down"`` or ``"sick"``.

        After ``"sick"`` follows ``"well"``, before ``"down"`` or ``"removed"`` too.
        """

    def attached(self, cluster: Any) -> None:
        """The cluster connects, and this observer watches it from now on."""

    def detached(self, cluster: Any) -> None:
        """The cluster is shut down."""


def context_of(request: Any) -> dict[Any, Any]:
    """Return the dict in which observers keep what they know of a request, made on first use.

    Use the observer itself as key: then no two of them meet.
    """
    context: dict[Any, Any] | None = request.context
    if context is None:
        context = request.context = {}
    return context


_OF_REQUESTS = (
    "request_created",
    "request_started",
    "attempt_started",
    "attempt_ended",
    "request_retried",
    "request_ignored",
    "request_ended",
    "client_timed_out",
)


class ObserverGroup:
    """What the core calls: for each hook those observers that override it, guarded.

    There is one attribute for each method of `Observer`. It is None when no observer
    overrides the method, so that the core skips it at the price of one test::

        hook = group.request_started
        if hook is not None:
            hook(request)

    Arguments go by position. A hook never raises: what an observer raises is logged, and
    then not again for a minute from the same method of the same observer. A group does not
    change; to add an observer, make a new one.
    """

    __slots__ = (
        "observers",
        "request_created",
        "request_started",
        "attempt_started",
        "attempt_ended",
        "request_retried",
        "request_ignored",
        "request_ended",
        "client_timed_out",
        "connection_opened",
        "connection_closed",
        "connection_failed",
        "bytes_sent",
        "bytes_received",
        "host_changed",
        "attached",
        "detached",
    )

    observers: tuple[Observer, ...]
    request_created: Callable[[Any], None] | None
    request_started: Callable[[Any], None] | None
    attempt_started: Callable[[Any, Host, bool], None] | None
    attempt_ended: Callable[[Any, Host, BaseException | None, float], None] | None
    request_retried: Callable[[Any, BaseException, bool], None] | None
    request_ignored: Callable[[Any, BaseException], None] | None
    request_ended: Callable[[Any, BaseException | None, float], None] | None
    client_timed_out: Callable[[Any, Host | None], None] | None
    connection_opened: Callable[[Host], None] | None
    connection_closed: Callable[[Host, BaseException | None], None] | None
    connection_failed: Callable[[Host, BaseException], None] | None
    bytes_sent: Callable[[Host, int], None] | None
    bytes_received: Callable[[Host, int], None] | None
    host_changed: Callable[[Host, str], None] | None
    attached: Callable[[Any], None] | None
    detached: Callable[[Any], None] | None

    def __init__(
        self, observers: Iterable[Observer] = (), *, clock: Callable[[], float] = monotonic
    ) -> None:
        self.observers = tuple(observers)
        for observer in self.observers:
            if isinstance(observer, type) or not isinstance(observer, Observer):
                raise InvalidArgumentType(
                    f"observers has {observer!r}: give instances of subclasses of Observer"
                )
        for name in self.__slots__[1:]:
            setattr(self, name, self._hook(name, clock))

    @property
    def watches_requests(self) -> bool:
        """Whether any observer wants to be told of requests."""
        return any(getattr(self, name) is not None for name in _OF_REQUESTS)

    def _hook(self, name: str, clock: Callable[[], float]) -> Callable[..., None] | None:
        default = getattr(Observer, name)
        arity = default.__code__.co_argcount - 1
        guarded = []
        for observer in self.observers:
            method = getattr(observer, name)
            if getattr(method, "__func__", method) is not default:
                guarded.append(_GUARDS[arity](method, _Complaint(observer, name, clock)))
        if len(guarded) > 1:
            return _LOOPS[arity](tuple(guarded))
        return guarded[0] if guarded else None


class _Complaint:
    """Logs what one method of one observer raises, now and then."""

    __slots__ = ("_name", "_seldom")

    def __init__(self, observer: Observer, hook: str, clock: Callable[[], float]) -> None:
        self._name = f"{type(observer).__qualname__}.{hook}"
        self._seldom = Seldom(clock)

    def __call__(self, error: Exception) -> None:
        self._seldom(log.error, None, "The observer's %s raised", self._name, error=error)


# One function for each number of arguments: `*args` would cost a tuple for every call.


def _guard1(method: Callable[..., None], complain: _Complaint) -> Callable[..., None]:
    def call(a: Any) -> None:
        try:
            method(a)
        except Exception as error:  # noqa: BLE001
            complain(error)

    return call


def _guard2(method: Callable[..., None], complain: _Complaint) -> Callable[..., None]:
    def call(a: Any, b: Any) -> None:
        try:
            method(a, b)
        except Exception as error:  # noqa: BLE001
            complain(error)

    return call


def _guard3(method: Callable[..., None], complain: _Complaint) -> Callable[..., None]:
    def call(a: Any, b: Any, c: Any) -> None:
        try:
            method(a, b, c)
        except Exception as error:  # noqa: BLE001
            complain(error)

    return call


def _guard4(method: Callable[..., None], complain: _Complaint) -> Callable[..., None]:
    def call(a: Any, b: Any, c: Any, d: Any) -> None:
        try:
            method(a, b, c, d)
        except Exception as error:  # noqa: BLE001
            complain(error)

    return call


def _loop1(calls: tuple[Callable[..., None], ...]) -> Callable[..., None]:
    def call(a: Any) -> None:
        for one in calls:
            one(a)

    return call


def _loop2(calls: tuple[Callable[..., None], ...]) -> Callable[..., None]:
    def call(a: Any, b: Any) -> None:
        for one in calls:
            one(a, b)

    return call


def _loop3(calls: tuple[Callable[..., None], ...]) -> Callable[..., None]:
    def call(a: Any, b: Any, c: Any) -> None:
        for one in calls:
            one(a, b, c)

    return call


def _loop4(calls: tuple[Callable[..., None], ...]) -> Callable[..., None]:
    def call(a: Any, b: Any, c: Any, d: Any) -> None:
        for one in calls:
            one(a, b, c, d)

    return call


_GUARDS = {1: _guard1, 2: _guard2, 3: _guard3, 4: _guard4}
_LOOPS = {1: _loop1, 2: _loop2, 3: _loop3, 4: _loop4}
