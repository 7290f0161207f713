# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Requests that tasks of asyncio await; the twin of cql_driver.aio.requests.

What `execute` returns does as a coroutine does, and as the future that it waits for. Answers that
come together wake their tasks in one callback of the loop, each in its own context.
"""

cimport cython
from cpython.object cimport PyObject

from cql_speedups.attempts cimport Completion, FirstAttempt
from cql_speedups.making cimport RequestMaker, look_up
from cql_speedups.pages cimport new_page

from asyncio import CancelledError, _get_running_loop
from contextvars import copy_context

from cql_driver.aio.results import AsyncResultSet
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_protocol.messages import RawRows
from cql_protocol.messages.results import VoidResult

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    void Py_INCREF(object)
    void Py_DECREF(PyObject *)
    void PyErr_SetObject(object, object)
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    object PyObject_CallOneArg(object function, object argument)
    unsigned long PyThread_get_thread_ident()
    int PyErr_WarnEx(object category, const char *message, Py_ssize_t level) except -1

cdef extern from *:
    """
    /* By am_send, for which Cython has no name, tasks go on without an exception at the end. From
       Python 3.12 on a coroutine that awaits asks by tp_iternext: there is an exception, but not
       the traceback that Cython would make for it. */
    static void set_slots(PyObject *cls, sendfunc send, iternextfunc next) {
        ((PyTypeObject *)cls)->tp_as_async->am_send = send;
        ((PyTypeObject *)cls)->tp_iternext = next;
        PyType_Modified((PyTypeObject *)cls);
    }
    static void end_with(PyObject *result) {
        PyObject *end = PyObject_CallOneArg(PyExc_StopIteration, result);
        if (end == NULL) return;
        PyErr_SetObject(PyExc_StopIteration, end);
        Py_DECREF(end);
    }
    """
    ctypedef PySendResult (*sendfunc)(PyObject *, PyObject *, PyObject **) noexcept
    ctypedef PyObject *(*iternextfunc)(PyObject *) noexcept
    void end_with(object result)
    void set_slots(object cls, sendfunc send, iternextfunc next)

__all__ = ["AsyncRequests"]

cdef object result_class = AsyncResultSet
cdef object rows_class = RawRows
cdef object void_class = VoidResult
cdef object running_loop = _get_running_loop
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
    cdef list woken
    # The thread that has tasks go on right now: in it, the session's loop is the running one.
    cdef unsigned long stepping

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

    cdef int wake(self, Waiting waiting) except -1:
        """Have the loop call what waits, together with all that is woken in this turn."""
        if self.woken is None:
            self._loop.call_soon(self._call_woken)
            self.woken = []
        self.woken.append(waiting)
        return 0

    def _call_woken(self):
        """Have tasks go on; the loop calls it."""
        cdef list woken = self.woken
        cdef Waiting waiting
        cdef object context, callback
        cdef Py_ssize_t number = 0
        self.woken = None
        self.stepping = PyThread_get_thread_ident()
        try:
            for waiting in woken:
                number += 1
                callback, context = waiting.callback, waiting.context
                waiting.callback = waiting.context = None
                PyContext_Enter(context)
                try:
                    PyObject_CallOneArg(callback, waiting)
                finally:
                    PyContext_Exit(context)
        finally:
            self.stepping = 0
            if number < len(woken):  # one was interrupted, which does not concern the others
                for waiting in woken[number:]:
                    self.wake(waiting)


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
    cdef int state
    # As the future that a task waits for.
    cdef bint blocking
    cdef bint was_cancelled
    cdef object callback
    cdef object context
    cdef object message

    __name__ = "execute"
    __qualname__ = "AsyncSession.execute"

    # --- as a coroutine --------------------------------------------------------------------

    def __await__(self):
        if self.state == STARTED:
            raise RuntimeError("coroutine is being awaited already")
        if self.state == ENDED:
            raise RuntimeError("cannot reuse already awaited coroutine")
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        """Go on, as a coroutine does."""
        cdef PyObject *found = NULL
        cdef PySendResult how = self.go(&found)
        cdef object given = <object>found
        Py_DECREF(found)
        if how == PYGEN_NEXT:
            return given
        raise StopIteration(given)

    def throw(self, kind, value=None, traceback=None):
        """Have an error raised inside, as a coroutine does."""
        if self.state == ENDED:
            raise RuntimeError("cannot reuse already awaited coroutine")
        self.give_up()
        error = value if isinstance(value, BaseException) else kind
        if isinstance(error, type):
            error = error() if value is None else error(value)
        raise error if traceback is None else error.with_traceback(traceback)

    def close(self):
        """End it, as a coroutine is ended."""
        self.give_up()

    @property
    def cr_running(self):
        """Whether it is running, as tasks show it."""
        return False

    cdef PySendResult go(self, PyObject **out) except PYGEN_ERROR:
        """Go on, until the request is under way or done."""
        cdef object given
        if self.state == NEW:
            self.begin()
        elif self.state == ENDED:
            raise RuntimeError("cannot reuse already awaited coroutine")
        if self.request.done:
            given = self.outcome()
            Py_INCREF(given)
            out[0] = <PyObject *>given
            return PYGEN_RETURN
        if self.blocking:
            raise RuntimeError("await wasn't used with future")
        self.blocking = True
        Py_INCREF(self)
        out[0] = <PyObject *>self
        return PYGEN_NEXT

    cdef int begin(self) except -1:
        """Make the request and start it."""
        cdef AsyncRequests session = self.session
        cdef FirstAttempt request = None
        self.state = ENDED
        if (
            session.stepping != PyThread_get_thread_ident()
            and running_loop() is not session._loop
        ):
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
        request.complete = session.told(request, self) if session._listeners else self
        self.request = request
        request.begin()
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

    cdef object outcome(self):
        """Return the result of the request, or raise what it ended with."""
        cdef FirstAttempt request = self.request
        cdef AsyncRequests session = self.session
        cdef object outcome = request.outcome
        self.end()
        if (
            type(outcome) is not rows_class
            and type(outcome) is not void_class
            and isinstance(outcome, BaseException)
        ):
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
        return 0

    def __dealloc__(self):
        if self.state == NEW:
            PyErr_WarnEx(RuntimeWarning, "coroutine 'AsyncSession.execute' was never awaited", 1)

    # --- as the future that its task waits for ---------------------------------------------

    @property
    def _asyncio_future_blocking(self):
        """As of futures; None as long as this is a coroutine that nobody awaits."""
        return self.blocking if self.state == STARTED else None

    @_asyncio_future_blocking.setter
    def _asyncio_future_blocking(self, bint blocking):
        self.blocking = blocking

    def get_loop(self):
        """Return the loop whose tasks may await it."""
        return None if self.session is None else self.session._loop

    def add_done_callback(self, callback, *, context=None):
        """Have the loop call the task's callback once the request is done."""
        if self.callback is not None or self.session is None:
            raise RuntimeError("coroutine is being awaited already")
        self.callback = callback
        self.context = copy_context() if context is None else context
        if self.request is None or self.request.done:
            self.session.wake(self)

    def cancel(self, msg=None):
        """Have the task go on with a `CancelledError`; return whether it will."""
        if self.was_cancelled or self.request is None or self.request.done:
            return False
        self.was_cancelled = True
        self.message = msg
        if self.callback is not None:
            self.session.wake(self)
        return True

    def result(self):
        """Return None, or raise `CancelledError`: the task asks as it goes on."""
        if self.was_cancelled:
            raise CancelledError() if self.message is None else CancelledError(self.message)

    cdef int completed(self, FirstAttempt request) except -1:
        """Wake the task."""
        if self.callback is not None and not self.was_cancelled:
            self.session.wake(self)
        return 0


cdef PySendResult send(PyObject *waiting, PyObject *argument, PyObject **out) noexcept:
    try:
        return (<Waiting>waiting).go(out)
    except BaseException as exc:
        return failed(exc)


cdef PyObject *next_of(PyObject *waiting) noexcept:
    cdef PyObject *found = NULL
    cdef PySendResult how = send(waiting, NULL, &found)
    if how == PYGEN_RETURN:
        end_with(<object>found)
        Py_DECREF(found)
        return NULL
    return found


cdef PySendResult failed(object error) noexcept:
    PyErr_SetObject(type(error), error)
    return PYGEN_ERROR


set_slots(Waiting, send, next_of)
