cdef class Page:
    cdef public object _session
    cdef public object _execution
    cdef public object _future
    cdef public object _rows
    cdef public object _left
    cdef public object _next
    cdef public bint _all
    cdef public bint _fetching
    cdef public bint _started
    cdef object decode_page(self)
    cdef object only_rows(self)
    cdef object plain_rows(self)
    cdef int learn(self, object rows) except -1

cdef Page new_page(object cls, object session, object execution)
