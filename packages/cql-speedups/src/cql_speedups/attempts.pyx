# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The course of nearly all requests; the twin of cql_driver.core.first.

A request for a prepared statement with nothing unusual about it is encoded when it is made;
statement and message are made of those bytes when somebody asks for them.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from cql_speedups.frames cimport Description
from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.outbox cimport Encoded, Outbox
from cql_speedups.picks cimport pick_host, undecided
from cql_speedups.threads cimport full_fence

from cql_protocol.errors import DriverException, StreamsExhausted
from cql_protocol.messages import RawRows
from cql_protocol.messages.results import VoidResult

__all__ = ["FirstAttempt"]

cdef object rows_class = RawRows
cdef object void_class = VoidResult

# What `cql_driver` has, which is being imported while this is: looked up by the first request.
cdef object bound_class = None
cdef object message_class = None
cdef bint looked = False

# What is read of objects for every request.
cdef Member m_closed, m_engine, m_keyspace, m_pools, m_waiting
cdef Member m_sweeping, m_tick
cdef Member m_pick, m_speculative_execution_policy
cdef Member m_single
cdef Member m_key


cdef int look_up() except -1:
    global bound_class, looked, message_class
    if looked:
        return 0
    from cql_driver.core.engine import Engine
    from cql_driver.core.sessions import SessionPools
    from cql_driver.core.settings import RequestOptions
    from cql_driver.pools.host import Host
    from cql_driver.pools.pool import HostPool
    from cql_driver.query import BoundStatement
    from cql_driver.query.messages import ShapedExecute

    find_member(SessionPools, "closed", &m_closed)
    find_member(SessionPools, "engine", &m_engine)
    find_member(SessionPools, "keyspace", &m_keyspace)
    find_member(SessionPools, "pools", &m_pools)
    find_member(SessionPools, "waiting", &m_waiting)
    find_member(Engine, "sweeping", &m_sweeping)
    find_member(Engine, "tick", &m_tick)
    find_member(RequestOptions, "pick", &m_pick)
    find_member(
        RequestOptions, "speculative_execution_policy", &m_speculative_execution_policy
    )
    find_member(HostPool, "single", &m_single)
    find_member(Host, "key", &m_key)
    bound_class, message_class = BoundStatement, ShapedExecute
    looked = True
    return 0


cdef inline int release(object waiter) except -1:
    try:
        waiter.release()
    except RuntimeError:
        pass  # it is released already
    return 0


cdef class Completion:
    """What is told of the end of a request."""

    def __call__(self, request):
        """Take note of the end."""
        self.completed(request)

    cdef int completed(self, FirstAttempt request) except -1:
        raise NotImplementedError


cdef class FirstAttempt(Encoded):
    """A request and its first attempt, which is itself the receiver of its answer."""

    def __init__(
        self, session, statement, message, options, timeout, int64_t allowed_ticks
    ):
        look_up()
        self.session = session
        self.bound = statement
        self.sent = message
        self.options = options
        self.timeout = timeout
        self.expires = allowed_ticks

    @property
    def statement(self):
        """What is run."""
        # Threads may ask for it while the loop asks for the message, or for this.
        with cython.critical_section(self):
            if self.bound is None and self.frame is not None:
                self.bound = self.make_bound()
            return self.bound

    @statement.setter
    def statement(self, statement):
        self.bound = statement

    @property
    def message(self):
        """What is sent; from now on it may be changed, so that it has to be encoded anew."""
        cdef object bound
        with cython.critical_section(self):
            if self.sent is None and self.frame is not None:
                if self.bound is None:
                    self.bound = self.make_bound()
                bound = self.bound
                self.sent = message_class(self.plan.shape, bound.values, self.timestamp)
                self.frame = None
            return self.sent

    @message.setter
    def message(self, message):
        self.sent = message
        self.frame = None

    cdef object make_bound(self):
        """Return the statement that the frame was made of."""
        cdef object bound = bound_class.__new__(bound_class)
        cdef dict attributes = bound.__dict__
        attributes["prepared_statement"] = self.prepared
        attributes["snapshot"] = self.plan.snapshot
        attributes["values"] = self.plan.cells(self.frame)
        if self.prepared.is_idempotent:
            attributes["is_idempotent"] = True  # all that it can inherit without another message
        return bound

    @property
    def result_columns(self):
        """The columns of the rows as they were when the statement was prepared, else None."""
        cdef object snapshot
        if self.frame is not None:
            snapshot = self.plan.snapshot
        else:
            snapshot = getattr(self.sent, "snapshot", None)
        return None if snapshot is None else snapshot.result_columns

    def finish(self):
        """Become done and wake who waits. A second call does nothing."""
        if not self.done:
            self.wake()

    cdef int wake(self) except -1:
        """Become done. Who waits looks at `done` after it has set `waiter`."""
        full_fence()
        self.done = True
        full_fence()
        if self.waiter is not None:
            release(self.waiter)
        return 0

    def start(self):
        """Send the first attempt, or find out why that cannot be."""
        self.begin()

    cdef int begin(self) except -1:
        cdef object session = self.session
        cdef object engine = read_member(session, &m_engine)
        cdef object closed = read_member(session, &m_closed)
        if closed is not None:
            self.resolve(closed)
            return 0
        if not read_member(engine, &m_sweeping):
            engine.start_sweep()
        if self.more is not None:
            self.start_with_details(self.more)
            return 0
        self.expires += <int64_t>read_member(engine, &m_tick)
        if read_member(session, &m_waiting):
            session.queue_up(self)
            return 0
        cdef object pick = read_member(self.options, &m_pick), host, pool = None, link
        if pick is not None:
            try:
                host = self._pick(pick)
                if host is not None:
                    pool = (<dict>read_member(session, &m_pools)).get(read_member(host, &m_key))
            except Exception as exc:
                self.resolve(exc)
                return 0
            if pool is not None:
                link = read_member(pool, &m_single)
                if link is None:
                    link = pool.prefer()
                if link is not None and self._send(pool, link, host):
                    return 0
        self.advance()
        return 0

    cdef object _pick(self, object pick):
        """Return the host that the policy would have; None for the first of its plan."""
        cdef object host
        if self.frame is not None:
            host = pick_host(pick, self.plan, self.frame)
            if host is not undecided():
                return host
        return pick(read_member(self.session, &m_keyspace), self.statement)

    cdef bint _send(self, object pool, object link, object host) except -1:
        """Send it; return False where another host has to be found."""
        cdef int stream = -1
        if self.frame is not None and isinstance(link, Outbox):
            stream = (<Outbox>link).take(self)
        if stream >= 0:
            self.stream = stream
        else:
            try:
                self.stream = link.send(self.message, self)
            except StreamsExhausted:
                pool.exhausted()
                return False
            except DriverException as exc:
                if link.closed:
                    return False
                self.resolve(exc)
                return True
        self.link = link
        self.host = host
        if read_member(self.options, &m_speculative_execution_policy) is not None:
            self.plan_speculation()
        return True

    def __call__(self, response):
        """Take the answer to the attempt that this request itself is."""
        self.answer(response)

    cdef int answer(self, object response) except -1:
        cdef object link
        if (
            self.more is None
            and not self.done
            and (type(response) is void_class or type(response) is rows_class)
        ):
            self.link = None
            self.outcome = response
            self.wake()
            self.told()
            return 0
        link, self.link = self.link, None
        self.answered(self, link, response)
        return 0

    cdef Description described(self):
        return None if self.plan is None else self.plan.known()

    cdef int describe(self, Description description) except -1:
        if self.plan is not None:
            self.plan.learn(description)
        return 0

    cdef int told(self) except -1:
        """Call `complete`, right after it is done."""
        cdef object complete = self.complete
        if isinstance(complete, Completion):
            (<Completion>complete).completed(self)
        elif complete is not None:
            complete(self)
        return 0
