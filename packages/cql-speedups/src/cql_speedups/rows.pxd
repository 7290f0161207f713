# `RowReader.read` without a call of Python. Who wants it before this module is loaded asks
# `__pyx_capi__` for it, which is what a cimport does as soon as a module is loaded.
cdef object read_page(
    object reader, object body, Py_ssize_t offset, Py_ssize_t count, object make
)
