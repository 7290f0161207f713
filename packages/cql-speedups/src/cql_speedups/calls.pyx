# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Requests of callers that wait for each; the twin of `Session.execute` (cluster/session.py)."""

from cql_speedups.attempts cimport FirstAttempt
from cql_speedups.making cimport RequestMaker, Usual
from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.pages cimport new_page
from cql_speedups.turns cimport Turns

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_protocol.messages import RawRows, VoidResult

__all__ = ["execute"]

cdef object not_set = NOT_SET
cdef object default_profile = EXEC_PROFILE_DEFAULT
cdef object rows_class = RawRows
cdef object void_class = VoidResult

# What `cql_driver` has, which is being imported while this is: looked up by the first request.
cdef object result_class = None
cdef object led_class = None  # of the runtime that was seen last to be driven by its callers
cdef Member m_engine, m_requests, m_runtime


cdef int look_up() except -1:
    global result_class
    from cql_driver.cluster.results import ResultSet
    from cql_driver.cluster.session import Session
    from cql_driver.core.engine import Engine
    from cql_driver.core.sessions import SessionPools

    find_member(SessionPools, "engine", &m_engine)
    find_member(Engine, "runtime", &m_runtime)
    find_member(Session, "_requests", &m_requests)
    result_class = ResultSet
    return 0


def execute(
    self,
    query,
    parameters=None,
    timeout=NOT_SET,
    trace=False,
    custom_payload=None,
    execution_profile=EXEC_PROFILE_DEFAULT,
    paging_state=None,
    host=None,
    execute_as=None,
    row_factory=None,
):
    """Run a statement and return its rows."""
    cdef FirstAttempt request = None
    cdef Usual usual = None
    cdef object maker, outcome
    if result_class is None:
        look_up()
    maker = read_member(self, &m_requests)
    if row_factory is not None:
        execution_profile = self.profile(execution_profile).with_row_factory(row_factory)
    if (
        timeout is not_set
        and trace is False
        and custom_payload is None
        and paging_state is None
        and host is None
        and execute_as is None
        and isinstance(maker, RequestMaker)
    ):
        request = (<RequestMaker>maker).make_usual(query, parameters, execution_profile)
        usual = (<RequestMaker>maker).usual
    if request is None:
        request = <FirstAttempt?>self._make(
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
    if (usual is None or usual.listened) and self._listeners:
        self._tell_listeners(self.future_of(request))
    perform(request)
    outcome = request.outcome
    if type(outcome) is not rows_class and type(outcome) is not void_class:
        if isinstance(outcome, BaseException):
            raise outcome
    return new_page(result_class, self, request)


cdef int perform(FirstAttempt request) except -1:
    """Have the loop start the request, and wait until it is done."""
    global led_class
    cdef object runtime = read_member(read_member(request.session, &m_engine), &m_runtime)
    if type(runtime) is not led_class:
        if not isinstance(runtime, Turns) or type(runtime).perform is not Turns.perform:
            runtime.perform((<object>request).start, request)
            return 0
        led_class = type(runtime)
    return (<Turns>runtime).drive(None, request, request)
