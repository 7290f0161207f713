# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What each statement of a concurrent execution goes through; the twin of cql_driver.cluster.rounds."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM

from cql_speedups.attempts cimport Completion, FirstAttempt
from cql_speedups.making cimport RequestMaker, look_up
from cql_speedups.pages cimport new_page

from cql_protocol.errors import DriverException
from cql_protocol.messages import RawRows
from cql_protocol.messages.results import VoidResult

cdef extern from *:
    """
    static inline PyObject *new_pair(PyObject *cls) {
        return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 2);
    }
    """
    object new_pair(object cls)
    void PyObject_GC_UnTrack(PyObject *instance)

__all__ = ["Rounds"]

cdef object rows_class = RawRows
cdef object void_class = VoidResult

# What `cql_driver` has, which is being imported while this is: looked up by the first of all.
cdef object failed_class = None
cdef object pair_class = None
cdef object result_class = None
cdef object to_pair = None


cdef int look_up_classes() except -1:
    global failed_class, pair_class, result_class, to_pair
    if failed_class is None:
        from cql_driver.cluster.results import ResultSet
        from cql_driver.cluster.rounds import ExecutionResult, Failed, pair_of

        look_up()
        pair_class, result_class, to_pair = ExecutionResult, ResultSet, pair_of
        failed_class = Failed
    return 0


cdef class Rounds(Completion):
    """Counts what is in flight of a number of statements."""

    cdef public object session
    cdef public object profile
    cdef public object statement
    cdef public object failed
    cdef public object _end
    cdef public Py_ssize_t started
    cdef public Py_ssize_t finished
    cdef public Py_ssize_t _wanted
    cdef public bint raises
    cdef public bint ended

    def __init__(self, session, raises, profile, statement):
        look_up_classes()
        self.session = session
        self.raises = raises
        self.profile = profile
        self.statement = statement

    def take(self, items, Py_ssize_t room):
        """Make executions of what comes next, `room` at most; those that failed are done."""
        cdef list taken = []
        cdef object statement = self.statement, parameters, item, request, made
        while room > 0 and not self.ended:
            room -= 1
            try:
                item = next(items)
            except StopIteration:
                self.ended = True
                break
            if self.statement is not None:
                parameters = item
            else:
                if type(item) is not tuple or len(<tuple>item) != 2:
                    item = to_pair(item)
                statement, parameters = <tuple>item
            try:
                made = self.make(statement, parameters)
            except DriverException as exc:
                made = failed_class(exc)
                if self.raises:
                    self.failed = exc
                    self.ended = True
            else:
                self.started += 1
            taken.append(made)
        return taken

    cdef FirstAttempt make(self, object statement, object parameters):
        """Return the execution of a statement."""
        cdef FirstAttempt request
        if not self.session._listeners:
            request = (<RequestMaker>self.session._requests).make_usual(
                statement, parameters, self.profile
            )
            if request is not None:
                request.complete = self
                return request
        return self.session.request(statement, parameters, self.profile, self)

    def begin(self, end, Py_ssize_t wanted, list taken):
        """Start executions; `end` is done when `wanted` of all have finished, or one failed."""
        self._end = end
        self._wanted = wanted
        for request in taken:
            if isinstance(request, FirstAttempt) and not (<FirstAttempt>request).done:
                (<FirstAttempt>request).begin()
        if self.finished >= wanted or self.failed is not None:
            end.finish()

    cdef int completed(self, FirstAttempt request) except -1:
        """An execution is done."""
        cdef object outcome = request.outcome
        self.finished += 1
        if type(outcome) is void_class or type(outcome) is rows_class:
            if request.more is None and request.complete is self:
                # What it still has leads to nothing that has it, so the collector need not look
                # at it, though thousands of them may be kept.
                request.complete = None
                PyObject_GC_UnTrack(<PyObject *>request)
        elif self.raises and isinstance(outcome, BaseException) and self.failed is None:
            self.failed = outcome
        if self._end is not None and (self.finished >= self._wanted or self.failed is not None):
            self._end.finish()
        return 0

    def results(self, executions):
        """Return what became of executions that are done."""
        cdef list found = []
        cdef object outcome, result, pair, success
        for execution in executions:
            outcome = execution.outcome
            success = (
                type(outcome) is void_class
                or type(outcome) is rows_class
                or not isinstance(outcome, BaseException)
            )
            result = new_page(result_class, self.session, execution) if success else outcome
            pair = new_pair(pair_class)
            Py_INCREF(success)
            PyTuple_SET_ITEM(pair, 0, success)
            Py_INCREF(result)
            PyTuple_SET_ITEM(pair, 1, result)
            PyObject_GC_UnTrack(<PyObject *>pair)  # no result leads to its pair
            found.append(pair)
        return found
