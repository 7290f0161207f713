# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Executions of the usual requests; the twin of cql_driver.cluster.making."""

cimport cython
from libc.stdint cimport int64_t

from cql_speedups.attempts cimport FirstAttempt, look_up as look_up_attempts
from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.plans cimport Plan, plan_of
from cql_speedups.timestamps cimport LastTimestamp

from collections import deque

cdef extern from *:
    """
    static inline PyObject *new_object(PyObject *cls, PyObject *no_arguments) {
        return ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, no_arguments, NULL);
    }
    """
    object new_object(object cls, object no_arguments)

__all__ = ["RequestMaker"]

cdef tuple nothing = ()

# What `cql_driver` has, which is being imported while this is: looked up by the first request.
cdef object execution_class = None
cdef object prepared_class = None
cdef object message_class = None
cdef object default_profile = None
cdef object not_set = None
cdef object make_shape = None
cdef object profile_class = None
cdef object generator_class = None

# What is read of objects for every request.
cdef Member m_engine, m_watched
cdef Member m_known_to, m_ticks, m_timeout
cdef Member m_alters_requests, m_protocol_version, m_prepared_state
cdef Member m_is_read, m_renew, m_snapshot
cdef Member m_express
cdef Member m_options


cdef int look_up() except -1:
    global default_profile, execution_class, generator_class, make_shape
    global message_class, not_set, prepared_class, profile_class
    if execution_class is not None:
        return 0
    from cql_driver.cluster.making import shape_of
    from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET, ExecutionProfile
    from cql_driver.core.engine import Engine
    from cql_driver.core.execution import Execution
    from cql_driver.core.sessions import SessionPools
    from cql_driver.core.settings import RequestOptions
    from cql_driver.query import PreparedStatement
    from cql_driver.query.messages import ShapedExecute
    from cql_driver.query.prepared import PreparedState
    from cql_driver.query.snapshot import Snapshot
    from cql_driver.timestamps import MonotonicTimestampGenerator

    find_member(SessionPools, "engine", &m_engine)
    find_member(Engine, "watched", &m_watched)
    find_member(RequestOptions, "known_to", &m_known_to)
    find_member(RequestOptions, "ticks", &m_ticks)
    find_member(RequestOptions, "timeout", &m_timeout)
    find_member(PreparedStatement, "alters_requests", &m_alters_requests)
    find_member(PreparedStatement, "protocol_version", &m_protocol_version)
    find_member(PreparedStatement, "state", &m_prepared_state)
    find_member(PreparedState, "is_read", &m_is_read)
    find_member(PreparedState, "renew", &m_renew)
    find_member(PreparedState, "snapshot", &m_snapshot)
    find_member(Snapshot, "express", &m_express)
    find_member(ExecutionProfile, "_options", &m_options)
    prepared_class, message_class = PreparedStatement, ShapedExecute
    default_profile, not_set, make_shape = EXEC_PROFILE_DEFAULT, NOT_SET, shape_of
    profile_class, generator_class = ExecutionProfile, MonotonicTimestampGenerator
    look_up_attempts()
    execution_class = Execution
    return 0


cdef class Usual:
    """What a session's requests have alike."""


cdef class RequestMaker:
    """Makes executions for one session: here the usual ones."""

    def __init__(self, session):
        self.session = session
        # Another thread may be reading what is replaced, and no more than these long ago.
        self.replaced = deque(maxlen=64)

    def renew(self):
        """Look at the session's attributes anew."""
        with cython.critical_section(self):
            self.renewed += 1
            if self.usual is not None:
                self.replaced.append(self.usual)
                self.usual = None

    cdef Usual look(self):
        """Return what the session says now; None as long as it is not connected."""
        cdef Usual usual = Usual.__new__(Usual)
        cdef Py_ssize_t renewed = self.renewed
        session = self.session
        usual.pools = session._pools
        if usual.pools is None:
            return None
        manager = session.cluster.profile_manager
        usual.mark = manager.mark
        usual.profile = manager.profiles[default_profile]
        usual.timed = session.use_client_timestamp
        usual.generator = session.timestamp_generator
        usual.clocked = type(usual.generator) is generator_class
        usual.next_timestamp = session.next_timestamp
        usual.page_size = session.default_fetch_size
        usual.decoder, usual.handler = session._decoder, session.client_protocol_handler
        usual.listened = bool(session._listeners)
        with cython.critical_section(self):
            # Else an attribute has changed meanwhile, or another thread has looked as well.
            if self.renewed == renewed and self.usual is None:
                self.usual = usual
        return usual

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
        look_up()
        if (
            timeout is not_set
            and trace is False
            and custom_payload is None
            and paging_state is None
            and host is None
            and execute_as is None
        ):
            request = self.make_usual(query, parameters, execution_profile)
            if request is not None:
                return request
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

    cdef FirstAttempt make_usual(self, object query, object parameters, object profile):
        """Return the execution of a statement; None when that is nothing usual."""
        cdef Usual usual = self.usual
        if (
            type(query) is not prepared_class
            or (type(parameters) is not tuple and type(parameters) is not list)
            or (profile is not default_profile and type(profile) is not profile_class)
            or (usual is None and (usual := self.look()) is None)
        ):
            return None
        cdef object state = read_member(query, &m_prepared_state), options, snapshot
        cdef object timestamp = None, frame = None
        cdef Plan plan
        cdef FirstAttempt request
        if (
            read_member(state, &m_renew) is not None
            or read_member(query, &m_alters_requests)
            or read_member(read_member(usual.pools, &m_engine), &m_watched)
        ):
            return None
        if profile is default_profile:
            profile = usual.profile
        options = read_member(profile, &m_options)
        if options is None or read_member(options, &m_known_to) is not usual.mark:
            return None  # its policy may not know the hosts yet
        snapshot = read_member(state, &m_snapshot)
        if usual.timed and not read_member(state, &m_is_read):
            if usual.clocked:
                timestamp = (<LastTimestamp>usual.generator).by_clock()
            else:
                timestamp = usual.next_timestamp()
        plan = self._find_plan(snapshot, options, usual.page_size, timestamp is not None)
        if plan is not None:
            frame = plan.frame(
                parameters, timestamp, <int>read_member(query, &m_protocol_version) >= 4
            )
        request = <FirstAttempt>new_object(execution_class, nothing)
        request.session = usual.pools
        request.options = options
        request.timeout = read_member(options, &m_timeout)
        request.expires = <int64_t>read_member(options, &m_ticks)
        request.plan = plan
        request.prepared = query
        request.timestamp = timestamp
        if frame is not None:
            request.frame = frame
        else:
            # The first of its shape, or with values that need a closer look.
            request.bound = query.bind(parameters)
            shape = make_shape(
                request.bound.snapshot, options, usual.page_size, timestamp is not None
            )
            request.sent = message_class(shape, request.bound.values, timestamp)
        return request

    cdef Plan _find_plan(self, object snapshot, object options, object page_size, bint timed):
        """Return the plan of requests of this shape; None when none of them was made yet."""
        cdef tuple latest = read_member(snapshot, &m_express)
        if (
            latest is not None
            and latest[0] is options
            and latest[1] is page_size
            and latest[2] is timed
        ):
            return <Plan>latest[3]
        shape = make_shape(snapshot, options, page_size, timed)
        plan = <Plan?>shape.express if shape.express is not None else plan_of(shape, snapshot)
        if plan is not None:
            shape.express = plan
            snapshot.express = (options, page_size, timed, plan)
        return plan
