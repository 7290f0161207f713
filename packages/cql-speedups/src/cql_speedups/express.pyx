# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The course that nearly all requests take, without a call of Python where that can be.

The twins of classes and functions of `cql_driver`: `FirstAttempt` (core.first), `Outbox`
(core.outbox), `Page` and `page_of` (cluster.page), `RequestMaker` (cluster.making), `resolve`
(aio.waiting). A request for a prepared statement with nothing unusual about it is encoded
when it is made; statement and message are made of those bytes when somebody asks for them.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.method cimport PyMethod_Check
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from cql_speedups.encoding cimport Buffer, RowEncoder, begin, end, need, put_bytes
from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.frames cimport Description, Receiver
from cql_speedups.wire cimport get32, put16, put32, put64

from _thread import allocate_lock
from asyncio import InvalidStateError

from cql_protocol.connection import State
from cql_protocol.errors import DriverException, LocalProtocolError, StreamsExhausted
from cql_protocol.messages import RawRows
from cql_protocol.messages.results import VoidResult
from cql_protocol.values import UNSET

cdef extern from "Python.h":
    object PyObject_CallMethodOneArg(object instance, object name, object argument)

cdef extern from *:
    """
    static inline PyObject *method_function(PyObject *method) {
        return Py_NewRef(PyMethod_GET_FUNCTION(method));
    }
    #include <time.h>
    static inline int64_t microseconds(void) {
        struct timespec now;
        timespec_get(&now, TIME_UTC);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    }
    static inline PyObject *new_object(PyObject *cls, PyObject *no_arguments) {
        return ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, no_arguments, NULL);
    }
    """
    object method_function(object method)
    int64_t microseconds()
    object new_object(object cls, object no_arguments)

__all__ = [
    "FirstAttempt",
    "Outbox",
    "Page",
    "RequestMaker",
    "LastTimestamp",
    "page_of",
    "resolve",
]

cdef tuple nothing = ()
cdef object unset = UNSET
cdef object ready = State.READY
cdef object closed = State.CLOSED
cdef object rows_class = RawRows
cdef object void_class = VoidResult
cdef object set_result = "set_result"

cdef enum:
    HEADER = 9
    EXECUTE = 10
    MOST_MARKERS = 64

# What `cql_driver` has, which is being imported while this is: looked up by the first request.
cdef object execution_class = None
cdef object prepared_class = None
cdef object bound_class = None
cdef object message_class = None
cdef object default_profile = None
cdef object not_set = None
cdef object make_shape = None
cdef object profile_class = None
cdef object generator_class = None
cdef object pick_replica = None
cdef object pick_nearest = None

# What is read of objects for every request.
cdef Member m_pools_closed, m_pools_engine, m_pools_keyspace, m_pools_pools, m_pools_waiting
cdef Member m_engine_sweeping, m_engine_tick, m_engine_watched
cdef Member m_options_pick, m_options_speculative_execution_policy, m_options_ticks, m_options_timeout
cdef Member m_pool_single
cdef Member m_prepared_inherited, m_prepared_protocol_version, m_prepared_state
cdef Member m_state_is_read, m_state_renew, m_state_snapshot
cdef Member m_snapshot_express
cdef Member m_connection_beta_flag, m_connection_compressor, m_connection_dialect, m_connection_max_frame_size, m_connection_state
cdef Member m_dialect_kind


cdef int look_up() except -1:
    global execution_class, prepared_class, bound_class, message_class, default_profile
    global generator_class, not_set, make_shape, profile_class, pick_replica, pick_nearest
    from cql_driver.cluster.making import shape_of
    from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET, ExecutionProfile
    from cql_driver.core.execution import Execution
    from cql_driver.policies.round_robin import LocalFirst
    from cql_driver.policies.token_aware import TokenAwarePolicy
    from cql_driver.query import BoundStatement, PreparedStatement
    from cql_driver.query.messages import ShapedExecute
    from cql_driver.timestamps import MonotonicTimestampGenerator

    prepared_class, bound_class, message_class = PreparedStatement, BoundStatement, ShapedExecute
    default_profile, not_set, make_shape = EXEC_PROFILE_DEFAULT, NOT_SET, shape_of
    profile_class, generator_class = ExecutionProfile, MonotonicTimestampGenerator
    pick_replica, pick_nearest = TokenAwarePolicy.pick, LocalFirst.pick
    find_members()
    execution_class = Execution
    return 0


cdef int find_members() except -1:
    from cql_driver.core.engine import Engine
    from cql_driver.core.sessions import SessionPools
    from cql_driver.core.settings import RequestOptions
    from cql_driver.pools.pool import HostPool
    from cql_driver.query import PreparedStatement
    from cql_driver.query.prepared import PreparedState
    from cql_driver.query.snapshot import Snapshot
    from cql_protocol import ClientConnection, Dialect

    find_member(SessionPools, "closed", &m_pools_closed)
    find_member(SessionPools, "engine", &m_pools_engine)
    find_member(SessionPools, "keyspace", &m_pools_keyspace)
    find_member(SessionPools, "pools", &m_pools_pools)
    find_member(SessionPools, "waiting", &m_pools_waiting)
    find_member(Engine, "sweeping", &m_engine_sweeping)
    find_member(Engine, "tick", &m_engine_tick)
    find_member(Engine, "watched", &m_engine_watched)
    find_member(RequestOptions, "pick", &m_options_pick)
    find_member(RequestOptions, "speculative_execution_policy", &m_options_speculative_execution_policy)
    find_member(RequestOptions, "ticks", &m_options_ticks)
    find_member(RequestOptions, "timeout", &m_options_timeout)
    find_member(HostPool, "single", &m_pool_single)
    find_member(PreparedStatement, "_inherited", &m_prepared_inherited)
    find_member(PreparedStatement, "protocol_version", &m_prepared_protocol_version)
    find_member(PreparedStatement, "state", &m_prepared_state)
    find_member(PreparedState, "is_read", &m_state_is_read)
    find_member(PreparedState, "renew", &m_state_renew)
    find_member(PreparedState, "snapshot", &m_state_snapshot)
    find_member(Snapshot, "express", &m_snapshot_express)
    find_member(ClientConnection, "_beta_flag", &m_connection_beta_flag)
    find_member(ClientConnection, "compressor", &m_connection_compressor)
    find_member(ClientConnection, "dialect", &m_connection_dialect)
    find_member(ClientConnection, "max_frame_size", &m_connection_max_frame_size)
    find_member(ClientConnection, "state", &m_connection_state)
    find_member(Dialect, "kind", &m_dialect_kind)
    return 0


cdef inline int release(object waiter) except -1:
    try:
        waiter.release()
    except RuntimeError:
        pass  # it is released already
    return 0


@cython.final
cdef class Plan:
    """What requests of one shape have alike; see `cql_driver.query.messages.Shape`."""

    cdef object shape
    cdef object snapshot
    cdef object keyspace
    cdef RowEncoder encoder
    cdef bytes start
    cdef bytes tail
    cdef bint lwt
    cdef int kind
    cdef int version
    cdef Description description

    @staticmethod
    cdef Plan of(object shape, object snapshot):
        """Return one, or None as long as no request of the shape was encoded."""
        cdef Plan plan
        if snapshot.count > MOST_MARKERS:
            return None
        for kind, start in enumerate(shape.starts):
            if start is not None:
                plan = Plan.__new__(Plan)
                plan.shape, plan.snapshot, plan.keyspace = shape, snapshot, snapshot.keyspace
                plan.encoder = RowEncoder(
                    [column.type for column in snapshot.columns], snapshot.pk_indexes
                )
                plan.start, plan.tail, plan.lwt = start, shape.end, snapshot.lwt
                plan.kind, plan.version = kind, 3 + kind % 3
                return plan
        return None

    cdef bytes frame(self, object values, object timestamp, bint allow_unset):
        """Return a frame without its stream; None when the values need a closer look."""
        cdef Buffer buffer
        cdef Py_ssize_t[MOST_MARKERS + 1] cells
        cdef char *head
        begin(&buffer)
        try:
            head = need(&buffer, HEADER)
            put_bytes(&buffer, PyBytes_AS_STRING(self.start), PyBytes_GET_SIZE(self.start))
            if not self.encoder.put(values, &buffer, allow_unset, cells):
                return None
            put_bytes(&buffer, PyBytes_AS_STRING(self.tail), PyBytes_GET_SIZE(self.tail))
            if timestamp is not None:
                put64(need(&buffer, 8), <int64_t>timestamp)
            head = buffer.data
            head[0] = self.version
            head[1] = head[2] = head[3] = 0
            head[4] = EXECUTE
            put32(head + 5, <int32_t>(buffer.size - HEADER))
            return PyBytes_FromStringAndSize(buffer.data, buffer.size)
        except Exception:
            return None  # the same values give the same error in Python, with what to do
        finally:
            end(&buffer)

    cdef list cells(self, bytes frame):
        """Return the cells that a frame was made of."""
        cdef const char *data = PyBytes_AS_STRING(frame)
        cdef Py_ssize_t at = HEADER + PyBytes_GET_SIZE(self.start), size, count
        cdef list found = []
        for count in range(self.encoder.count):
            size = <int32_t>get32(data + at)
            at += 4
            if size >= 0:
                found.append(data[at : at + size])
                at += size
            else:
                found.append(None if size == -1 else unset)
        return found


cdef class FirstAttempt(Receiver):
    """A request and its first attempt, which is itself the receiver of its answer."""

    cdef public bint done
    cdef public object waiter
    cdef public object complete
    cdef public object future
    cdef public object host
    cdef public object link
    cdef public object more
    cdef public object options
    cdef public object outcome
    cdef public object session
    cdef public object timeout
    cdef public int64_t expires
    cdef public int stream
    cdef object _statement
    cdef object _message
    # What statement and message are made of, when that was encoded already.
    cdef Plan _plan
    cdef bytes _frame
    cdef object _prepared
    cdef object _timestamp

    def __init__(
        self, session, statement, message, options, timeout, int64_t allowed_ticks
    ):
        self.session = session
        self._statement = statement
        self._message = message
        self.options = options
        self.timeout = timeout
        self.expires = allowed_ticks

    @property
    def statement(self):
        """What is run."""
        if self._statement is None and self._frame is not None:
            self._statement = bound_class.__new__(bound_class)
            attributes = self._statement.__dict__
            attributes["prepared_statement"] = self._prepared
            attributes["snapshot"] = self._plan.snapshot
            attributes["values"] = self._plan.cells(self._frame)
        return self._statement

    @statement.setter
    def statement(self, statement):
        self._statement = statement

    @property
    def message(self):
        """What is sent; from now on it may be changed, so that it has to be encoded anew."""
        if self._message is None and self._frame is not None:
            self._message = message_class(
                self._plan.shape, self.statement.values, self._timestamp
            )
            self._frame = None
        return self._message

    @message.setter
    def message(self, message):
        self._message = message
        self._frame = None

    @property
    def result_columns(self):
        """The columns of the rows as they were when the statement was prepared, else None."""
        cdef object snapshot
        if self._frame is not None:
            snapshot = self._plan.snapshot
        else:
            snapshot = getattr(self._message, "snapshot", None)
        return None if snapshot is None else snapshot.result_columns

    def finish(self):
        """Become done and wake who waits. A second call does nothing."""
        if not self.done:
            self.done = True
            if self.waiter is not None:
                release(self.waiter)

    def start(self):
        """Send the first attempt, or find out why that cannot be."""
        cdef object session = self.session
        cdef object engine = read_member(session, &m_pools_engine)
        cdef object closed = read_member(session, &m_pools_closed)
        if closed is not None:
            self.resolve(closed)
            return
        if not read_member(engine, &m_engine_sweeping):
            engine.start_sweep()
        if self.more is not None:
            self.start_with_details(self.more)
            return
        self.expires += <int64_t>read_member(engine, &m_engine_tick)
        if read_member(session, &m_pools_waiting):
            session.queue_up(self)
            return
        cdef object pick = read_member(self.options, &m_options_pick), host, pool, link
        if pick is not None:
            try:
                host = self._pick(pick)
            except Exception as exc:
                self.resolve(exc)
                return
            if host is not None:
                pool = (<dict>read_member(session, &m_pools_pools)).get(host.key)
                if pool is not None:
                    link = read_member(pool, &m_pool_single)
                    if link is None:
                        link = pool.prefer()
                    if link is not None and self._send(pool, link, host):
                        return
        self.advance()

    cdef object _pick(self, object pick):
        """Return the host that the policy would have; None for the first of its plan."""
        cdef object policy, metadata
        if self._frame is not None and not self._plan.lwt and function_of(pick) is pick_replica:
            policy = pick.__self__
            metadata = policy._metadata
            if (
                metadata is not None
                and policy.shuffle_replicas
                and self._plan.keyspace is not None
                and self._plan.keyspace not in metadata.spreading
            ):
                pick = policy._child_pick
                if pick is None:
                    return None
                if function_of(pick) is pick_nearest:
                    return nearest_of(pick.__self__)
                return pick(self._plan.keyspace, self.statement)
        return pick(read_member(self.session, &m_pools_keyspace), self.statement)

    cdef bint _send(self, object pool, object link, object host) except -1:
        """Send it; return False where another host has to be found."""
        cdef int stream = -1
        if self._frame is not None and isinstance(link, Outbox):
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
        if read_member(self.options, &m_options_speculative_execution_policy) is not None:
            self.plan_speculation()
        return True

    def __call__(self, response):
        """Take the answer to the attempt that this request itself is."""
        self.answer(response)

    cdef int answer(self, object response) except -1:
        cdef object complete, link
        if self.more is None and (type(response) is void_class or type(response) is rows_class):
            self.link = None
            self.outcome = response
            self.done = True
            if self.waiter is not None:
                release(self.waiter)
            complete = self.complete
            if complete is resolve:
                wake(self.future)
            elif complete is not None:
                complete(self)
            return 0
        link, self.link = self.link, None
        self.answered(self, link, response)
        return 0

    cdef Description described(self):
        return None if self._plan is None else self._plan.description

    cdef int describe(self, Description description) except -1:
        if self._plan is not None:
            self._plan.description = description
        return 0


cdef inline object function_of(object method):
    """Return the function that a bound method calls; None for anything else."""
    return method_function(method) if PyMethod_Check(method) else None


cdef inline object nearest_of(object policy):
    """Do as `LocalFirst.pick`."""
    cdef tuple tiers = policy._tiers, nearest
    if not tiers:
        return None
    nearest = <tuple>tiers[0]
    if len(nearest) == 1:
        return nearest[0]
    return nearest[<Py_ssize_t>next(policy._turns) % len(nearest)]


cdef inline int wake(object future) except -1:
    try:
        PyObject_CallMethodOneArg(future, set_result, None)
    except InvalidStateError:
        pass  # the task was cancelled, and knows it
    return 0


def resolve(execution):
    """Wake the task that waits for an execution: its `complete`, with its `future`."""
    wake(execution.future)


cdef class Outbox:
    """What leaves on a connection."""

    cdef public object connection
    cdef public object endpoint
    cdef public object runtime
    cdef public object transport
    cdef public object bytes_sent
    cdef public object streams
    cdef public list out
    cdef public bint closed
    cdef public bint _gathers
    cdef public int64_t _sent
    cdef list _waiting
    cdef list _free

    def __init__(self, runtime, connection, endpoint):
        self.runtime = runtime
        self.connection = connection
        self.streams = connection.streams
        self.endpoint = endpoint
        self.out = []
        # The table changes these and never replaces them.
        self._waiting = self.streams.waiting
        self._free = self.streams._free

    cdef int take(self, FirstAttempt request) except -2:
        """Send a request that is encoded already; return its stream, or -1 if that cannot be."""
        cdef object connection = self.connection
        cdef object dialect = read_member(connection, &m_connection_dialect)
        cdef Plan plan = request._plan
        cdef bytes frame = request._frame
        cdef char *head
        cdef bint at_once
        cdef int stream
        if (
            read_member(connection, &m_connection_state) is not ready
            or <int>read_member(dialect, &m_dialect_kind) != plan.kind
            or not self._free
            or PyBytes_GET_SIZE(frame) - HEADER
            > <Py_ssize_t>read_member(connection, &m_connection_max_frame_size)
            or (
                plan.version < 5
                and read_member(connection, &m_connection_compressor) is not None
            )
        ):
            return -1
        at_once = not self.out and not self._gathers and len(self._free) == len(self._waiting)
        stream = self._free.pop()
        self._waiting[stream] = request
        head = PyBytes_AS_STRING(frame)  # nobody else has these bytes yet
        head[1] = <int>read_member(connection, &m_connection_beta_flag)
        put16(head + 2, stream)
        self._sent += 1
        if at_once:
            self._write(connection.wrap((frame,)))
        else:
            if not self.out:
                self.runtime.call_soon(self.flush)
            self.out.append(frame)
        return stream

    def send(self, message, receiver, bint tracing=False, custom_payload=None):
        """Send a request and return its stream id; `receiver` gets the answer."""
        cdef object connection = self.connection
        cdef bint at_once = (
            not self.out and not self._gathers and len(self._free) == len(self._waiting)
        )
        try:
            frame = connection.frame(message, receiver, tracing, custom_payload)
        except LocalProtocolError as exc:
            if connection.state is not closed:
                raise
            raise self.broke() from exc
        stream = connection.last_stream
        self._sent += 1
        if at_once:
            self._write(connection.wrap((frame,)))
        else:
            if not self.out:
                self.runtime.call_soon(self.flush)
            self.out.append(frame)
        return stream

    def flush(self):
        """Write what this turn has gathered."""
        cdef list out = self.out
        if out:
            self.out = []
            self._gathers = len(out) > 1
            if not self.closed:
                self._write(self.connection.wrap(out))

    cpdef _write(self, data):
        if self.bytes_sent is not None:
            self.bytes_sent(len(data))
        self.transport.write(data)


cdef class Page:
    """The fields of results; `page_of` makes one, for every request one."""

    cdef public object _session
    cdef public object _execution
    cdef public object _future
    cdef public object _rows
    cdef public object _left
    cdef public object _next
    cdef public bint _all
    cdef public bint _fetching
    cdef public bint _started


def page_of(cls, session, execution):
    """Return the result, of a class that derives from `Page`, of an execution that succeeded."""
    cdef Page page = <Page>new_object(cls, nothing)
    page._session = session
    page._execution = execution
    return page


cdef class RequestMaker:
    """Makes executions for one session: here the usual ones."""

    cdef public object session

    def __init__(self, session):
        self.session = session

    def make(
        self,
        query,
        parameters,
        timeout,
        trace,
        custom_payload,
        execution_profile,
        paging_state,
        host,
        execute_as,
    ):
        """Return the execution of the statement: have the loop `start` it."""
        cdef FirstAttempt request
        if (
            type(query) is prepared_class
            and (execution_profile is default_profile or type(execution_profile) is profile_class)
            and timeout is not_set
            and trace is False
            and custom_payload is None
            and paging_state is None
            and host is None
            and execute_as is None
            and (type(parameters) is tuple or type(parameters) is list)
        ):
            request = self._make_usual(query, parameters, execution_profile)
            if request is not None:
                return request
        elif execution_class is None:
            look_up()
        return self._make_any(
            query,
            parameters,
            timeout,
            trace,
            custom_payload,
            execution_profile,
            paging_state,
            host,
            execute_as,
        )

    cdef FirstAttempt _make_usual(self, object query, object parameters, object profile):
        cdef object state = read_member(query, &m_prepared_state)
        cdef object session = self.session, pools = session._pools, options, snapshot
        cdef object timestamp = None, frame = None, bound, shape, generator
        cdef Plan plan
        cdef FirstAttempt request
        if (
            pools is None
            or read_member(state, &m_state_renew) is not None
            or read_member(query, &m_prepared_inherited)
            or read_member(read_member(pools, &m_pools_engine), &m_engine_watched)
        ):
            return None
        if profile is default_profile:
            profile = (<dict>session.cluster.profile_manager.profiles)[default_profile]
        options = profile._options
        if options is None:
            options = profile.options()
        snapshot = read_member(state, &m_state_snapshot)
        if session.use_client_timestamp and not read_member(state, &m_state_is_read):
            generator = session.timestamp_generator
            if type(generator) is generator_class:
                timestamp = (<LastTimestamp>generator).by_clock()
            else:
                timestamp = session.next_timestamp()
        plan = self._find_plan(snapshot, options, session.default_fetch_size, timestamp is not None)
        if plan is not None:
            frame = plan.frame(parameters, timestamp, <int>read_member(query, &m_prepared_protocol_version) >= 4)
        request = <FirstAttempt>new_object(execution_class, nothing)
        request.session = pools
        request.options = options
        request.timeout = read_member(options, &m_options_timeout)
        request.expires = <int64_t>read_member(options, &m_options_ticks)
        request._plan = plan
        request._prepared = query
        request._timestamp = timestamp
        if frame is not None:
            request._frame = frame
        else:
            # The first of its shape, or with values that need a closer look.
            bound = query.bind(parameters)
            request._statement = bound
            shape = make_shape(
                bound.snapshot, options, session.default_fetch_size, timestamp is not None
            )
            request._message = message_class(shape, bound.values, timestamp)
        return request

    cdef Plan _find_plan(self, object snapshot, object options, object page_size, bint timed):
        """Return the plan of requests of this shape; None when none of them was made yet."""
        cdef tuple latest = read_member(snapshot, &m_snapshot_express)
        if (
            latest is not None
            and latest[0] is options
            and latest[1] is page_size
            and latest[2] is timed
        ):
            return <Plan>latest[3]
        shape = make_shape(snapshot, options, page_size, timed)
        plan = Plan.of(shape, snapshot)
        if plan is not None:
            snapshot.express = (options, page_size, timed, plan)
        return plan


cdef class LastTimestamp:
    """The last timestamp of a generator, which many threads take and replace."""

    cdef public int64_t last
    cdef public object _lock

    def __init__(self):
        self._lock = allocate_lock()

    def follow(self, int64_t now):
        """Return `now`, or one more than the last timestamp where that is later."""
        return self.after(now)

    cdef inline int64_t after(self, int64_t now):
        # No code of Python runs here, so no other thread comes between.
        self.last = now if now > self.last else self.last + 1
        return self.last

    cdef object by_clock(self):
        cdef int64_t now = microseconds(), last = self.after(now)
        if last > now:
            self.check_drift(last - now)
        return last
