# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Requests that tasks of asyncio await; the twin of cql_driver.aio.requests.

What `execute` returns does as a coroutine does; it is not one, which would cost more than all
the rest of a request.
"""

cimport cython
from cpython.object cimport PyObject

from cql_speedups.attempts cimport Completion, FirstAttempt
from cql_speedups.making cimport RequestMaker, look_up
from cql_speedups.pages cimport new_page

from asyncio import InvalidStateError, _get_running_loop
from warnings import warn

from cql_driver.aio.results import AsyncResultSet
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_protocol.messages import RawRows
from cql_protocol.messages.results import VoidResult

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    PySendResult PyIter_Send(object iterator, object argument, PyObject **result)
    object PyObject_CallMethodOneArg(object instance, object name, object argument)
    void Py_DECREF(PyObject *)
    void Py_INCREF(object)
    void PyErr_SetObject(object, object)

cdef extern from *:
    """
    /* Cython has no name for this slot, by which tasks go on without an exception at the end. */
    static void set_am_send(PyObject *cls, sendfunc send) {
        ((PyTypeObject *)cls)->tp_as_async->am_send = send;
        PyType_Modified((PyTypeObject *)cls);
    }
    """
    ctypedef PySendResult (*sendfunc)(PyObject *, PyObject *, PyObject **) noexcept
    void set_am_send(object cls, sendfunc send)

__all__ = ["AsyncRequests"]

cdef object result_class = AsyncResultSet
cdef object rows_class = RawRows
cdef object void_class = VoidResult
cdef object running_loop = _get_running_loop
cdef object set_result = "set_result"
cdef object default_profile = EXEC_PROFILE_DEFAULT
cdef object not_set = NOT_SET

cdef enum:
    NEW
    STARTED
    ENDED


cdef class AsyncRequests:
    """The part of an `AsyncSession` that runs a statement and waits for it."""

    cdef public object _loop
    cdef public object _listeners
    cdef public object _new_future
    cdef public object _requests

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
        """Run a statement and return its rows; see `cql_driver.aio.AsyncSession`."""
        cdef Waiting waiting = Waiting.__new__(Waiting)
        waiting.session = self
        waiting.query = query
        waiting.parameters = parameters
        waiting.profile = execution_profile
        if (
            timeout is not not_set
            or trace is not False
            or custom_payload is not None
            or paging_state is not None
            or host is not None
            or execute_as is not None
        ):
            waiting.others = (timeout, trace, custom_payload, paging_state, host, execute_as)
        waiting.row_factory = row_factory
        return waiting


@cython.final
cdef class Waiting(Completion):
    """A request that is awaited: it is made and started by the first step."""

    cdef AsyncRequests session
    cdef object query
    cdef object parameters
    cdef object profile
    cdef object row_factory
    cdef tuple others
    cdef FirstAttempt request
    cdef object future
    cdef object steps
    cdef int state

    __name__ = "execute"
    __qualname__ = "AsyncSession.execute"

    def __await__(self):
        if self.state != NEW:
            raise RuntimeError(
                "coroutine is being awaited already"
                if self.state == STARTED
                else "cannot reuse already awaited coroutine"
            )
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        """Go on, as a coroutine does."""
        cdef PyObject *found = NULL
        cdef PySendResult how = self.go(value, &found)
        cdef object given = <object>found
        Py_DECREF(found)
        if how == PYGEN_NEXT:
            return given
        raise StopIteration(given)

    def throw(self, *error):
        """Have an error raised inside, as a coroutine does."""
        if self.state == STARTED:
            try:
                return self.steps.throw(*error)
            except BaseException:
                self.give_up()
                raise
        if self.state == ENDED:
            raise RuntimeError("cannot reuse already awaited coroutine")
        self.end()
        kind = error[0]
        if isinstance(kind, BaseException):
            raise kind
        value = error[1] if len(error) > 1 else None
        raise value if isinstance(value, BaseException) else kind()

    def close(self):
        """End it, as a coroutine is ended."""
        if self.state == STARTED:
            self.give_up()
        self.end()

    @property
    def cr_running(self):
        return False

    @property
    def cr_await(self):
        """What it waits for."""
        return self.future

    cdef PySendResult go(self, object argument, PyObject **out) except PYGEN_ERROR:
        """Go on, until the future gives itself or the request is done."""
        cdef PySendResult how
        if self.state == NEW:
            self.begin()
        elif self.state == ENDED:
            raise RuntimeError("cannot reuse already awaited coroutine")
        try:
            how = PyIter_Send(self.steps, argument, out)
        except BaseException:
            self.give_up()
            raise
        if how == PYGEN_RETURN:
            Py_DECREF(out[0])
            out[0] = NULL
            result = self.result()
            out[0] = give(result)
        return how

    cdef int begin(self) except -1:
        """Make the request and start it."""
        cdef AsyncRequests session = self.session
        cdef FirstAttempt request = None
        self.state = ENDED
        if running_loop() is not session._loop:
            raise session._refusal()
        if self.row_factory is not None:
            self.profile = session.profile(self.profile).with_row_factory(self.row_factory)
        if self.others is None:
            look_up()
            request = (<RequestMaker>session._requests).make_usual(
                self.query, self.parameters, self.profile
            )
        if request is None:
            request = self.make_any(session)
        self.query = self.parameters = self.row_factory = None
        if session._listeners:
            request.complete = session.told(request, self)
        else:
            request.complete = self
        self.future = session._new_future()
        self.request = request
        request.start()
        self.steps = self.future.__await__()
        self.state = STARTED
        return 0

    cdef FirstAttempt make_any(self, AsyncRequests session):
        others = self.others or (not_set, False, None, None, None, None)
        timeout, trace, payload, paging_state, host, execute_as = others
        return session._requests.make(
            self.query,
            self.parameters,
            timeout,
            trace,
            payload,
            self.profile,
            paging_state,
            host,
            execute_as,
        )

    cdef int completed(self, FirstAttempt request) except -1:
        """Wake the task."""
        try:
            PyObject_CallMethodOneArg(self.future, set_result, None)
        except InvalidStateError:
            pass  # the task was cancelled, and knows it
        return 0

    cdef object result(self):
        """Return the result of the request, or raise what it ended with."""
        cdef FirstAttempt request = self.request
        cdef AsyncRequests session = self.session
        cdef object outcome = request.outcome
        self.end()
        if type(outcome) is rows_class or type(outcome) is void_class:
            return new_page(result_class, session, request)
        if isinstance(outcome, BaseException):
            raise outcome
        return new_page(result_class, session, request)

    cdef int give_up(self) except -1:
        """Wait no more."""
        cdef FirstAttempt request = self.request
        self.end()
        if request is not None:
            request.cancel()
        return 0

    cdef int end(self) except -1:
        """Let go of all, so that it is no part of a cycle."""
        self.state = ENDED
        if self.request is not None and self.request.complete is self:
            self.request.complete = None
        self.session = None
        self.query = self.parameters = self.profile = self.row_factory = self.others = None
        self.request = None
        self.future = self.steps = None
        return 0

    def __del__(self):
        if self.state == NEW and self.session is not None:
            warn(
                "coroutine 'AsyncSession.execute' was never awaited",
                RuntimeWarning,
                stacklevel=2,
                source=self,
            )


cdef inline PyObject *give(object result):
    """Return a reference of the caller's own."""
    Py_INCREF(result)
    return <PyObject *>result


cdef PySendResult send(PyObject *waiting, PyObject *argument, PyObject **out) noexcept:
    try:
        return (<Waiting>waiting).go(<object>argument, out)
    except BaseException as exc:
        return failed(exc)


cdef PySendResult failed(object error) noexcept:
    PyErr_SetObject(type(error), error)
    return PYGEN_ERROR


set_am_send(Waiting, send)
