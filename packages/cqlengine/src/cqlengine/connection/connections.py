"""`Connection`: a cluster that models use, by its blocking and its awaited sessions."""

from __future__ import annotations

from os import getpid
from threading import Lock
from weakref import WeakSet, ref

from cql_driver.cluster.profiles import checked_consistency
from cql_driver.cluster.session_base import SessionBase
from cql_driver.logs import get_logger
from cql_protocol.errors import NoHostAvailable, UnresolvableContactPoints
from cqlengine.connection import making
from cqlengine.connection.sessions import BlockingSession, BorrowedBlockingSession
from cqlengine.errors import CQLEngineException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any, Self

    from cql_driver.aio import AsyncResultSet, AsyncSession
    from cql_driver.cluster import Cluster, Session
    from cql_driver.cluster.base import ClusterBase
    from cql_driver.cluster.results import ResultSet
    from cqlengine.connection.loops import LoopSessions
    from cqlengine.query.requests import Request

__all__ = ["Connection"]

log = get_logger("cqlengine.connection")


class Connection:
    """A cluster that models use, under a name.

    - `name`: by which ``using(connection=name)`` finds it once it is registered
    - `hosts`: contact points, see `cql_driver.cluster.Cluster`; 127.0.0.1 when None
    - `consistency`: a `ConsistencyLevel` or its name, for requests that have none of their own
    - `lazy_connect`: connect when the first request needs it
    - `retry_connect`: when no node can be reached, go on trying: for ten seconds each time
      (``wait_for_cluster`` in `cluster_options` is another number), and again with every request
    - `cluster_options`: further parameters of `Cluster` and `AsyncCluster`, a dict; or a
      function without parameters that returns one, where what is in it (a policy) is for one
      cluster alone, but the connection is used both blocking and on event loops

    Blocking calls share one `Session`, and each event loop that awaits something gets an
    `AsyncSession` of its own; each is opened when it is first needed. What comes of a given
    session (`from_session`) is used by it alone.

    `session` and `cluster` are the blocking ones, None as long as there is none.

    Example::

        connection = Connection("reports", ["10.0.0.1"], consistency=ConsistencyLevel.ONE)
        Sale.objects.using(connection=connection).filter(day=today)
    """

    name: Any
    hosts: Sequence[Any] | None
    consistency: int | None
    lazy_connect: bool = False
    retry_connect: bool = False
    cluster_options: Any
    session: Any = None
    cluster: Any = None

    def __init__(
        self,
        name: Any,
        hosts: Sequence[Any] | None = None,
        consistency: int | str | None = None,
        lazy_connect: bool = False,
        retry_connect: bool = False,
        cluster_options: Any = None,
    ) -> None:
        self.name = name
        self.hosts = hosts
        if consistency is not None:
            consistency = checked_consistency("consistency", consistency)
        self.consistency = consistency
        self.lazy_connect = lazy_connect
        self.retry_connect = retry_connect
        self.cluster_options = cluster_options if cluster_options is not None else {}
        self._opens = True
        """Whether what is missing is opened by `hosts`; else there is a given session alone."""
        self._closed = False
        self._opened: Cluster | None = None
        """The cluster of the blocking session, where it is the connection's own."""
        self._given: Callable[[], Any] | None = None
        self._blocking: BlockingSession | None = None
        self._loops: LoopSessions | None = None
        self.clusters: WeakSet[ClusterBase] = WeakSet()
        """Those that were opened for it, blocking and awaited ones."""
        self._attempts: dict[int, _Attempt] = {}
        making.check_options(making.options_of(self))

    @classmethod
    def from_session(
        cls,
        name: Any,
        session: Session | AsyncSession,
        *,
        consistency: int | str | None = None,
        borrowed: bool = False,
    ) -> Self:
        """Return a connection that uses a session of the application's, and changes nothing of it.

        Through a `Session` the verbs of models block, through an `AsyncSession` they are awaited;
        the other kind is refused. With `borrowed` the session is held weakly. Raises
        `CQLEngineException` for anything else, and for a session that is shut down.

        Example::

            connection = Connection.from_session("web", cluster.connect())
        """
        self = cls(name, consistency=consistency)
        self._opens = False
        self.take_session(session, borrowed)
        return self

    def take_session(self, session: Any, borrowed: bool = False) -> None:
        """Use a session of the application's for its kind of calls."""
        if not isinstance(session, SessionBase):
            what = f"the class {session.__name__}" if isinstance(session, type) else repr(session)
            raise CQLEngineException(
                f"{what} is no session: give what Cluster.connect() or, awaited, "
                "AsyncCluster.connect() returns, the name of a connection, or a Connection"
            )
        if session.is_shutdown:
            raise CQLEngineException("the session is shut down: give one that is connected")
        if making.is_awaited(session):
            from cqlengine.connection.loops import LoopSessions

            self._loops = LoopSessions(self, session, borrowed)
        elif making.is_blocking(session):
            use = BorrowedBlockingSession if borrowed else BlockingSession
            self._blocking = use(session, self.consistency)
        else:
            raise CQLEngineException(
                f"a {type(session).__name__} cannot carry models: give a Session or an AsyncSession"
            )
        if borrowed:
            self._given = ref(session)
        else:
            self._given = lambda: session
            self.session, self.cluster = session, session.cluster

    def __repr__(self) -> str:
        if self._opens:
            about = f"hosts={self.hosts!r}"
        else:
            about = f"session={self.session!r}" if self.session is not None else "of a session"
        return f"<Connection {self.name!r}, {about}>"

    @property
    def is_blocking(self) -> bool:
        """Whether blocking calls can use it; all but connections of an `AsyncSession` can."""
        return self._opens or self._blocking is not None

    @property
    def given_session(self) -> Any:
        """The session that it was made of; None where it opens its own."""
        return self._given() if self._given is not None else None

    # --- running requests ------------------------------------------------------------------------

    def execute(self, request: Request) -> ResultSet:
        """Run a request, connecting first if need be; return its first page.

        Raises what `Session.execute` raises, and `CQLEngineException` where the connection is one
        of an `AsyncSession`.
        """
        use = self._blocking
        if use is None:
            use = self.connected()
        return use.execute(request)

    def aexecute(self, request: Request) -> Awaitable[AsyncResultSet]:
        """Do as `execute` on the running event loop; to be awaited."""
        loops = self._loops
        if loops is None:
            loops = self.loop_sessions()
        return loops.execute(request)

    # --- connecting ------------------------------------------------------------------------------

    def setup(self) -> None:
        """Connect for blocking calls now; raises `NoHostAvailable` when no node can be reached.

        With `retry_connect` that is logged instead, and the requests to come try again.
        """
        self._closed = False
        try:
            self.connected()
        except (NoHostAvailable, UnresolvableContactPoints) as exc:
            if not self.retry_connect:
                raise
            self.lazy_connect = True
            text = "Connection %s is not there yet, the next request tries again: %s"
            log.warning(text, self.name, exc)

    def handle_lazy_connect(self) -> None:
        """Connect for blocking calls, unless that was done before."""
        self.connected()

    def setup_session(self) -> None:
        """Register the user types of `register_udt` with the blocking cluster.

        Connecting does so by itself; the name is here for applications that call it.
        """
        from cqlengine.connection.types import register_all

        register_all(self.connected().session.cluster)

    def connected(self) -> BlockingSession:
        """Return the blocking session, connecting first if need be; threads share the attempt."""
        while (use := self._blocking) is None:
            self.check_opens("a blocking call")
            mine = _Attempt()
            # A forked child does not wait for a thread that it does not have.
            running = self._attempts.setdefault(mine.process, mine)
            if running is not mine:
                running.wait()
                continue
            try:
                if self._blocking is None:
                    self._open()
            except Exception as exc:
                mine.error = exc
                raise
            finally:
                del self._attempts[mine.process]
                mine.end()
        return use

    def check_opens(self, what: str) -> None:
        """Raise when nothing may be opened for this kind of call."""
        if self._closed:
            raise CQLEngineException(
                f"connection {self.name!r} is closed: register it anew before it is used"
            )
        if self._opens:
            return
        if what == "a blocking call":
            raise CQLEngineException(
                f"{what} cannot use connection {self.name!r}, which is of an AsyncSession: await "
                "the verb with the letter a before its name (acreate, asave, aget), or register a "
                "connection with hosts"
            )
        raise CQLEngineException(
            f"{what} cannot use connection {self.name!r}, which is of a blocking Session: give "
            "an AsyncSession by using(connection=...), or register a connection with hosts, which "
            "opens a session for each event loop"
        )

    def _open(self) -> None:
        cluster = making.new_cluster(self)
        try:
            session = cluster.connect()
            if self._closed:  # by another thread
                self.check_opens("a blocking call")
        except BaseException:
            cluster.shutdown()
            raise
        from cqlengine.connection.types import register_all

        register_all(cluster)
        self.cluster, self.session = cluster, session
        self._opened = cluster
        self._blocking = BlockingSession(session, self.consistency)

    def loop_sessions(self) -> LoopSessions:
        """Return what has the sessions of event loops."""
        loops = self._loops
        if loops is None:
            self.check_opens("an awaited call")
            from cqlengine.connection.loops import LoopSessions

            loops = self.__dict__["_loops"] = LoopSessions(self)
        return loops

    async def aget_session(self) -> AsyncSession:
        """Return the `AsyncSession` of the running event loop, connecting first if need be.

        Example::

            session = await connection.aget_session()
            await session.execute("SELECT release_version FROM system.local")
        """
        opened = await self.loop_sessions().opened()
        return opened.session

    # --- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Close what the connection has opened; a session that was given stays open.

        Sessions of event loops are closed by their loops soon after; `aclose` waits for it.
        """
        self._closed = self._opens
        if self._loops is not None:
            self._loops.close()
        self._close_blocking()

    async def aclose(self) -> None:
        """Do as `close`, and wait until the sessions of event loops are closed too."""
        self._closed = self._opens
        if self._loops is not None:
            await self._loops.aclose()
        self._close_blocking()

    def _close_blocking(self) -> None:
        cluster, self._opened = self._opened, None
        if cluster is not None:
            self._blocking = self.session = self.cluster = None
            cluster.shutdown()


class _Attempt:
    """One thread's attempt to connect, which others wait for."""

    __slots__ = ("_running", "error", "process")

    error: Exception | None

    def __init__(self) -> None:
        self.process = getpid()
        self.error = None
        self._running = Lock()
        self._running.acquire()

    def wait(self) -> None:
        """Wait until it is over; raises what it raised."""
        with self._running:
            pass
        if self.error is not None:
            raise self.error

    def end(self) -> None:
        """Let the others go on."""
        self._running.release()
