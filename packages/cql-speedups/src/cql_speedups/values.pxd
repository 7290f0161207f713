# Python values made of the bytes of cells, and instances filled without their class's help.
from libc.stdint cimport int64_t

cdef extern from "values.h":
    double get_double(const char *p) noexcept
    double get_float(const char *p)
    int load_datetime() except -1
    object make_datetime(int64_t milliseconds, bint aware)
    object make_int(const char *p, Py_ssize_t size)
    object make_uint(const char *p, Py_ssize_t size)
    object make_text(const char *p, Py_ssize_t size)
    object make_ascii(const char *p, Py_ssize_t size)
    object make_address(const char *p)
    object make_scientific(int64_t digits, int64_t exponent)
    int take_vint(const char **p, const char *end, int64_t *value) noexcept
    int take_unsigned(const char **p, const char *end, Py_ssize_t *value) noexcept
    int stop_collector() noexcept
    void restart_collector(int was_on) noexcept
    void untrack(object instance) noexcept
    void untrack_dict(object instance) noexcept
    object allocate(object cls, Py_ssize_t size)
    Py_ssize_t place_of(object member) noexcept
    void fill(object instance, Py_ssize_t place, object value) noexcept
