# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What a result holds; the twin of cql_driver.cluster.page."""

cdef extern from *:
    """
    static inline PyObject *new_object(PyObject *cls, PyObject *no_arguments) {
        return ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, no_arguments, NULL);
    }
    """
    object new_object(object cls, object no_arguments)

__all__ = ["Page", "page_of"]

cdef tuple nothing = ()


cdef class Page:
    """The fields of results; `page_of` makes one, for every request one."""


def page_of(cls, session, execution):
    """Return the result, of a class that derives from `Page`, of an execution that succeeded."""
    return new_page(cls, session, execution)


cdef Page new_page(object cls, object session, object execution):
    cdef Page page = <Page>new_object(cls, nothing)
    page._session = session
    page._execution = execution
    return page
