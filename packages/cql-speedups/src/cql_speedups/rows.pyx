# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Rows made straight of the bytes of a page; the twin of the readers of cql_protocol.rows.

What does not fit (a length beyond the end, bytes that are no text) is not explained here: the
page is then read in Python once more, which raises the error that names row, column and reason.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Copy, PyDict_SetItem
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM

cimport cql_speedups.cells as cells_module
from cql_speedups.cells cimport (
    Cell,
    Nursery,
    empty_nursery,
    give_back,
    keep,
    take,
)
from cql_speedups.containers cimport cell_of
from cql_speedups.values cimport (
    allocate,
    restart_collector,
    stop_collector,
    untrack,
    untrack_dict,
)

cdef extern from "nursery.h":
    bint nobody_else_has(void *container) noexcept

from functools import partial
from gc import collect

from cql_protocol.errors import DecodeError
from cql_speedups.cells import Odd

__all__ = ["make_reader"]

cdef enum:
    MANY = 16  # rows from which stopping the collector pays
    MANY_KEPT = 500  # containers, from which having it look before it gets them pays

# What to raise again in Python; what an application's own code raises may be anything.
cdef tuple EXPECTED = (Odd, DecodeError, UnicodeDecodeError, ArithmeticError)


@cython.final
cdef class RowReader:
    """Reads rows of one shape; None stands for a page that Python is to read."""

    cdef tuple cells
    cdef Py_ssize_t width
    cdef readonly bint plain
    cdef readonly bint foreign
    cdef tuple latest_class
    # A container of the latest page: is it ours alone, then that page is gone.
    cdef object witness
    cdef Py_ssize_t place

    def __init__(self, columns, options):
        self.cells = tuple([cell_of(column, options) for column in columns])
        self.width = len(self.cells)
        self.plain = all([cell.plain for cell in self.cells])
        self.foreign = any([cell.foreign for cell in self.cells])
        self.place = [cell.plain for cell in self.cells].index(False) if not self.plain else 0

    def read(self, body, Py_ssize_t offset, Py_ssize_t count, make=None):
        """Return rows as tuples, or as what `make` makes of tuples."""
        return self.read_rows(body, offset, count, make)

    cdef object read_rows(
        self, object body, Py_ssize_t offset, Py_ssize_t count, object make
    ):
        if make is None:
            return self.page(body, offset, count, tuple, None)
        cls = self.class_of(make)
        if cls is not None:
            return self.page(body, offset, count, cls, None)
        rows = self.page(body, offset, count, tuple, None)
        return None if rows is None else [make(row) for row in rows]

    def dicts(self, body, Py_ssize_t offset, Py_ssize_t count, names):
        """Return rows as dicts of names to values; of equal names the last one has the value."""
        if len(names) != self.width:
            return None
        return self.page(body, offset, count, dict, tuple(names))

    cdef object page(
        self, object body, Py_ssize_t offset, Py_ssize_t count, object cls, tuple names
    ):
        """Return the rows as a list."""
        if type(body) is not bytes or offset < 0 or count < 0 or not self.width:
            return None
        cdef const char *p = PyBytes_AS_STRING(body)
        cdef const char *end = p + PyBytes_GET_SIZE(body)
        if offset > end - p or count > (end - p - offset) // (4 * self.width):
            return None
        p += offset
        cdef int collects = 0
        cdef Nursery kept
        cdef list made = None
        empty_nursery(&kept)
        if count >= MANY and not self.foreign:
            collects = stop_collector()
            if collects and nobody_else_has(<void *>self.witness):
                cells_module.nursery = &kept
        try:
            if names is not None:
                made = self.dict_rows(p, end, count, names)
            else:
                made = self.tuple_rows(p, end, count, cls)
        except Exception as error:
            if not self.foreign and not isinstance(error, EXPECTED):
                raise
        finally:
            if collects:
                cells_module.nursery = NULL
                restart_collector(collects)
            if made is None or kept.size < MANY_KEPT:
                give_back(&kept)
        if kept.size:
            try:
                collect(0)
            finally:
                give_back(&kept)
        if collects and made and not self.plain:
            self.witness = made[0][self.place if names is None else names[self.place]]
        return made

    cdef list tuple_rows(self, const char *p, const char *end, Py_ssize_t count, object cls):
        cdef list made = []
        cdef object row, value
        cdef Py_ssize_t number, at, width = self.width
        cdef bint plain = self.plain, usual = cls is tuple
        cdef tuple cells = self.cells
        for number in range(count):
            row = PyTuple_New(width) if usual else allocate(cls, width)
            for at in range(width):
                value = take(<Cell>cells[at], &p, end)
                Py_INCREF(value)
                PyTuple_SET_ITEM(row, at, value)
            if plain:
                untrack(row)
            else:
                keep(cells_module.nursery, row)
            made.append(row)
        keep(cells_module.nursery, made)
        return made if p == end else None

    cdef list dict_rows(self, const char *p, const char *end, Py_ssize_t count, tuple names):
        cdef list made = []
        cdef object row
        cdef Py_ssize_t number, at, width = self.width
        cdef bint plain = self.plain
        cdef tuple cells = self.cells
        cdef dict empty = dict.fromkeys(names)
        for number in range(count):
            row = PyDict_Copy(empty)
            for at in range(width):
                PyDict_SetItem(row, names[at], take(<Cell>cells[at], &p, end))
            if plain:
                untrack_dict(row)
            else:
                keep(cells_module.nursery, row)
            made.append(row)
        keep(cells_module.nursery, made)
        return made if p == end else None

    @cython.critical_section
    cdef object class_of(self, object make):
        """Return the class of tuples that `make` makes, None when it may do anything else."""
        cdef tuple latest = self.latest_class
        if latest is None or latest[0] is not make:
            latest = self.latest_class = (make, row_class(make))
        return latest[1]


cdef object row_class(object make):
    if type(make) is not partial or make.func is not tuple.__new__ or make.keywords:
        return None
    if len(make.args) != 1 or not isinstance(make.args[0], type):
        return None
    cls = make.args[0]
    if not issubclass(cls, tuple) or cls.__basicsize__ != tuple.__basicsize__:
        return None
    try:
        make(())
    except TypeError:
        return None  # a class with a way of its own to make instances
    return cls


cdef object read_page(
    object reader, object body, Py_ssize_t offset, Py_ssize_t count, object make
):
    return (<RowReader?>reader).read_rows(body, offset, count, make)


def make_reader(columns, options):
    """Return the reader of rows of this shape."""
    return RowReader(columns, options)
