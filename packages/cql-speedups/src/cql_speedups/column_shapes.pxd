# What a column of each type is in Arrow's layout, and the columns themselves.
from libc.stdint cimport int32_t, int64_t

cdef extern from "column.h" nogil:
    enum:
        COLUMN_OK
        COLUMN_ODD
        COLUMN_NO_MEMORY
        COLUMN_TOO_LARGE
        KIND_SKIPPED
        KIND_NOTHING
        KIND_FIXED
        KIND_1
        KIND_2
        KIND_4
        KIND_8
        KIND_BOOLEAN
        KIND_DATE
        KIND_TIME
        KIND_DURATION
        KIND_PARTS
        KIND_BYTES
        KIND_ASCII
        KIND_TEXT
        KIND_INET
        KIND_VARINT
        KIND_DECIMAL
        KIND_LIST
        KIND_MAP
        KIND_STRUCT
        KIND_VECTOR
    ctypedef struct Shape:
        int kind
        int32_t width
        int32_t dimension
        int32_t element_size
        bint takes_empty
        bint nullable
        int64_t n_children
        Shape **children
        char *format
        char *name
        char *metadata
    ctypedef struct Column:
        const Shape *shape
        Column *children
        int64_t length
        int64_t nulls
        unsigned char *validity
        unsigned char *data
    ctypedef struct Page:
        Column root
    Shape *shape_new(int kind, int64_t n_children)
    void shape_drop(Shape *shape)
    Page *page_new(Shape *shape)
    void page_drop(Page *page)

cdef Shape *shape_of_columns(tuple columns, tuple names, str form) except NULL
