# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What a result holds; the twin of cql_driver.cluster.page."""

cimport cython
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from cql_speedups.attempts cimport FirstAttempt
from cql_speedups.frames cimport Description
from cql_speedups.making cimport RequestMaker, Usual
from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.plans cimport Plan, ReadPage, Reading

from cql_protocol.messages import RawRows, ResultMetadata

cdef extern from *:
    """
    static inline PyObject *new_object(PyObject *cls, PyObject *no_arguments) {
        return ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, no_arguments, NULL);
    }
    """
    object new_object(object cls, object no_arguments)

__all__ = ["Page", "page_of"]

cdef tuple nothing = ()
cdef object rows_class = RawRows

# What `cql_driver` has, which is being imported while this is: looked up by the first page.
cdef object plain_handler = None
cdef object named_tuples = None

# What is read of objects for every page.
cdef Member m_requests, m_paging_state, m_metadata, m_row_count, m_body, m_offset, m_row_factory
find_member(RawRows, "metadata", &m_metadata)
find_member(ResultMetadata, "paging_state", &m_paging_state)
find_member(RawRows, "row_count", &m_row_count)
find_member(RawRows, "body", &m_body)
find_member(RawRows, "offset", &m_offset)


cdef int look_up() except -1:
    global named_tuples, plain_handler
    from cql_driver.cluster.session import Session
    from cql_driver.core.settings import RequestOptions
    from cql_driver.handlers import ProtocolHandler
    from cql_driver.query.rows import named_tuple_factory

    find_member(RequestOptions, "row_factory", &m_row_factory)
    find_member(Session, "_requests", &m_requests)
    named_tuples, plain_handler = named_tuple_factory, ProtocolHandler
    return 0


@cython.auto_pickle(True)  # so that it can be copied
cdef class Page:
    """The fields of results; `page_of` makes one, for every request one."""

    def _decode_page(self):
        """Decode the page at hand, and keep its rows."""
        return self.decode_page()

    cdef object decode_page(self):
        cdef object rows = self.plain_rows()
        if rows is None:
            rows = self._decode_any()
            self.learn(rows)
        with cython.critical_section(self):
            self._rows = rows
        return rows

    def _only_rows(self):
        """Return the rows, where this page is the only one and nothing of it was taken."""
        return self.only_rows()

    cdef object only_rows(self):
        cdef object outcome, rows
        if isinstance(self._execution, FirstAttempt):
            outcome = (<FirstAttempt>self._execution).outcome
        else:
            outcome = self._execution.outcome
        if self._left is not None or (
            type(outcome) is rows_class
            and not self._all
            and read_member(read_member(outcome, &m_metadata), &m_paging_state) is not None
        ):
            return None
        with cython.critical_section(self):
            rows = self._rows
        return self.decode_page() if rows is None else rows

    def __iter__(self):
        """Return what gives the rows one after the other."""
        cdef object rows = self.only_rows()
        if rows is None:
            with cython.critical_section(self):
                rows = self._rows if self._all else None
        return self._rows_to_come() if rows is None else iter(rows)

    def one(self):
        """Return the first row of the current page, or None."""
        cdef object rows
        with cython.critical_section(self):
            rows = self._rows
        if rows is None:
            rows = self.decode_page()
        if type(rows) is list:
            return (<list>rows)[0] if rows else None
        return next(iter(rows), None)

    cdef object plain_rows(self):
        """Return the rows of a page like the one before of the same statement, else None."""
        cdef FirstAttempt request
        cdef Reading reading
        cdef Usual usual = None
        cdef object outcome, maker, decoder, handler
        if not isinstance(self._execution, FirstAttempt):
            return None
        request = <FirstAttempt>self._execution
        outcome = request.outcome
        if type(outcome) is not rows_class or not goes_by_plan(request):
            return None
        reading = request.plan.read_by()
        if reading is None or reading.metadata is not read_member(outcome, &m_metadata):
            return None
        maker = read_member(self._session, &m_requests)
        if isinstance(maker, RequestMaker):
            usual = (<RequestMaker>maker).usual
        if usual is not None:
            decoder, handler = usual.decoder, usual.handler
        else:
            decoder, handler = self._session._decoder, self._session.client_protocol_handler
        if reading.decoder is not decoder or handler is not plain_handler:
            return None
        return reading.page(
            reading.reader,
            read_member(outcome, &m_body),
            read_member(outcome, &m_offset),
            read_member(outcome, &m_row_count),
            reading.make,
        )

    cdef int learn(self, object rows) except -1:
        """Keep what the next page of the statement can be read by."""
        cdef FirstAttempt request
        cdef Description description
        cdef Reading reading
        if plain_handler is None:
            look_up()
        if not isinstance(self._execution, FirstAttempt):
            return 0
        request = <FirstAttempt>self._execution
        if (
            not goes_by_plan(request)
            or (description := request.plan.known()) is None
            or type(request.outcome) is not rows_class
            or request.outcome.metadata is not description.metadata
            or self._session.client_protocol_handler is not plain_handler
            or read_member(request.options, &m_row_factory) is not named_tuples
        ):
            return 0
        decoder = self._session._decoder
        plain = decoder._plain.get(id(description.metadata))
        if plain is None and description.metadata.columns is None:
            plain = decoder._plain.get(id(request.result_columns))
        if plain is not None:
            _, decode, make = plain
            compiled = decode.__self__._compiled
            if compiled is not None:
                reading = Reading.__new__(Reading)
                reading.metadata, reading.decoder = description.metadata, decoder
                reading.reader, reading.make, reading.page = compiled, make, page_reader()
                request.plan.keep(reading)
        return 0


cdef ReadPage page_reader() except NULL:
    """Return `read_page`, which is loaded by now."""
    from cql_speedups import rows

    cdef object capsule = rows.__pyx_capi__["read_page"]
    return <ReadPage>PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


cdef bint goes_by_plan(FirstAttempt request) except -1:
    """Say whether a request has a plan, and was not sent again for a statement prepared anew."""
    return request.plan is not None and (
        request.frame is not None or request.sent.snapshot is request.plan.snapshot
    )


def page_of(cls, session, execution):
    """Return the result, of a class that derives from `Page`, of an execution that succeeded."""
    return new_page(cls, session, execution)


cdef Page new_page(object cls, object session, object execution):
    cdef Page page = <Page>new_object(cls, nothing)
    page._session = session
    page._execution = execution
    return page
