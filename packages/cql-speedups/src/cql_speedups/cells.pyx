# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Readers of the simple types: the bytes of one cell to its value.

Each does what the reader does that the type makes of itself in `cql_protocol.types`. What is
wrong with bytes that do not fit is not explained here: `Odd` is raised, and Python, asked once
more, tells it.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport INT32_MAX, INT32_MIN, int8_t, int16_t, int32_t, int64_t

from cql_speedups.values cimport (
    allocate,
    fill,
    get_double,
    get_float,
    load_datetime,
    make_address,
    make_ascii,
    make_datetime,
    make_int,
    make_scientific,
    make_text,
    make_uint,
    place_of,
    take_vint,
    untrack,
)
from cql_speedups.wire cimport get16, get32, get64

from cql_protocol.types.base import INSTANCES

__all__ = ["Odd"]

cdef int64_t NS_PER_DAY = 86_400_000_000_000
cdef int64_t EPOCH_DAY = 1 << 31

cdef enum:
    SHORT = 12  # bytes of a decimal: its scale, and an integer of 64 bits
    LONG = 64  # and those up to which Python makes it of a text


nursery = NULL


class Odd(Exception):
    """Bytes that do not fit."""


cdef object odd():
    raise Odd


cdef class Cell:
    """The reader of one type."""

    def __cinit__(self):
        self.plain = self.hashed = True

    cdef object read(self, const char *p, Py_ssize_t size):
        """Return the value of so many bytes at `p`."""
        raise NotImplementedError

    cdef object unusual(self, Py_ssize_t size):
        """Return what a cell of another size than the type's is: nothing, or an error."""
        return odd() if size else self.empty


@cython.final
cdef class TinyInt(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <int8_t>p[0] if size == 1 else self.unusual(size)


@cython.final
cdef class SmallInt(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <int16_t>get16(p) if size == 2 else self.unusual(size)


@cython.final
cdef class Int(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <int32_t>get32(p) if size == 4 else self.unusual(size)


@cython.final
cdef class BigInt(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <int64_t>get64(p) if size == 8 else self.unusual(size)


@cython.final
cdef class Varint(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return make_int(p, size) if size else self.empty


@cython.final
cdef class Float(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return get_float(p) if size == 4 else self.unusual(size)


@cython.final
cdef class Double(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return get_double(p) if size == 8 else self.unusual(size)


@cython.final
cdef class Boolean(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return p[0] != 0 if size == 1 else self.unusual(size)


@cython.final
cdef class Text(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return make_text(p, size)


@cython.final
cdef class Ascii(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return make_ascii(p, size)


@cython.final
cdef class Blob(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return PyBytes_FromStringAndSize(p, size)


@cython.final
cdef class Nothing(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return self.unusual(size)


cdef class DecimalCell(Cell):
    cdef object decimal
    cdef object exact

    def __init__(self):
        from cql_protocol.types.numbers import _decimal

        self.decimal, _, self.exact = _decimal()
        # The decimals of a Python without their C library have slots.
        self.plain = self.hashed = "__slots__" not in vars(self.decimal)
        self.foreign = not self.plain

    cdef object read(self, const char *p, Py_ssize_t size):
        cdef int64_t exponent
        if size < 5:
            return self.unusual(size)
        exponent = -<int64_t><int32_t>get32(p)
        number = make_int(p + 4, size - 4)
        if size <= SHORT:
            return self.decimal(make_scientific(number, exponent))
        if size <= LONG:
            return self.decimal(f"{number}E{exponent}")
        return self.decimal(number).scaleb(exponent, self.exact)


cdef class Slotted(Cell):
    """Makes instances of a class of Python by filling their members."""

    cdef object cls
    cdef Py_ssize_t[3] places

    def __init__(self, cls, names):
        cdef Py_ssize_t at
        self.cls = cls
        self.hashed = False
        for at, name in enumerate(names):
            self.places[at] = place_of(vars(cls).get(name))
            if self.places[at] < 0:
                raise TypeError(f"{cls.__name__}.{name} is no member")

    cdef object make(self, object value):
        """Return an instance of one member."""
        cdef object made = allocate(self.cls, 0)
        fill(made, self.places[0], value)
        untrack(made)
        return made


@cython.final
cdef class UuidCell(Slotted):
    cdef object safe

    def __init__(self, cls, names):
        Slotted.__init__(self, cls, names)
        self.safe = cls(int=0).is_safe

    cdef object read(self, const char *p, Py_ssize_t size):
        if size != 16:
            return self.unusual(size)
        cdef object made = allocate(self.cls, 0)
        fill(made, self.places[0], make_uint(p, 16))
        fill(made, self.places[1], self.safe)
        untrack(made)
        return made


@cython.final
cdef class InetCell(Slotted):
    cdef object longer
    cdef Py_ssize_t[2] longer_places

    def __init__(self, cls, names):
        from ipaddress import IPv6Address

        cdef Slotted other = Slotted(IPv6Address, ["_ip", "_scope_id"])
        Slotted.__init__(self, cls, names)
        self.longer = IPv6Address
        self.longer_places[0], self.longer_places[1] = other.places[0], other.places[1]

    cdef object read(self, const char *p, Py_ssize_t size):
        cdef object made
        if size == 4:
            return self.make(get32(p))
        if size != 16:
            return self.unusual(size)
        made = allocate(self.longer, 0)
        fill(made, self.longer_places[0], make_uint(p, 16))
        fill(made, self.longer_places[1], None)
        untrack(made)
        return made


@cython.final
cdef class InetText(Cell):
    cdef object longer

    def __init__(self):
        from ipaddress import IPv6Address

        self.longer = IPv6Address
        self.foreign = True

    cdef object read(self, const char *p, Py_ssize_t size):
        if size == 4:
            return make_address(p)
        if size != 16:
            return self.unusual(size)
        return str(self.longer(PyBytes_FromStringAndSize(p, size)))


@cython.final
cdef class Moment(Slotted):
    cdef bint aware

    def __init__(self, cls, names):
        load_datetime()
        Slotted.__init__(self, cls, names)

    cdef object read(self, const char *p, Py_ssize_t size):
        if size != 8:
            return self.unusual(size)
        cdef int64_t milliseconds = <int64_t>get64(p)
        cdef object made = make_datetime(milliseconds, self.aware)
        return self.make(milliseconds) if made is None else made


@cython.final
cdef class Day(Slotted):
    cdef object read(self, const char *p, Py_ssize_t size):
        return self.make(<int64_t>get32(p) - EPOCH_DAY) if size == 4 else self.unusual(size)


@cython.final
cdef class Clock(Slotted):
    cdef object read(self, const char *p, Py_ssize_t size):
        if size != 8:
            return self.unusual(size)
        cdef int64_t nanoseconds = <int64_t>get64(p)
        return self.make(nanoseconds) if 0 <= nanoseconds < NS_PER_DAY else odd()


@cython.final
cdef class Span(Slotted):
    cdef object read(self, const char *p, Py_ssize_t size):
        cdef const char *end = p + size
        cdef int64_t[3] parts
        cdef int at, signs = 0
        if not size:
            return self.empty
        for at in range(3):
            if not take_vint(&p, end, &parts[at]):
                return odd()
            signs |= (parts[at] > 0) | (parts[at] < 0) << 1
            if at < 2 and not INT32_MIN <= parts[at] <= INT32_MAX:
                return odd()
        if p != end or signs == 3:
            return odd()
        cdef object made = allocate(self.cls, 0)
        for at in range(3):
            fill(made, self.places[at], parts[at])
        untrack(made)
        return made


@cython.final
cdef class Other(Cell):
    """A type that Python reads, cell by cell."""

    cdef object reader

    def __init__(self, reader):
        self.reader = reader
        self.plain = self.hashed = False
        self.foreign = True

    cdef object read(self, const char *p, Py_ssize_t size):
        return self.reader(PyBytes_FromStringAndSize(p, size))


cdef Cell other_cell(object cql_type, object options):
    """Return what asks the reader that the type has in Python."""
    return Other(cql_type.reader(options))


cdef dict PLAIN = {
    "ascii": Ascii,
    "bigint": BigInt,
    "blob": Blob,
    "boolean": Boolean,
    "counter": BigInt,
    "decimal": DecimalCell,
    "double": Double,
    "empty": Nothing,
    "float": Float,
    "int": Int,
    "smallint": SmallInt,
    "text": Text,
    "tinyint": TinyInt,
    "varint": Varint,
}

# The class of the values, its members, and a cell to try them with.
cdef dict SLOTTED = {
    "date": (Day, "cql_protocol.values.temporal", "Date", ("days_from_epoch",), b"\x7fabc"),
    "duration": (
        Span, "cql_protocol.values.duration", "Duration", ("months", "days", "nanoseconds"),
        b"\2\4\6",
    ),
    "inet": (InetCell, "ipaddress", "IPv4Address", ("_ip",), b"2001:db8:abcd:ef"),
    "time": (Clock, "cql_protocol.values.temporal", "Time", ("nanosecond_time",), b"\0\0\x11bcdef"),
    "timestamp": (
        Moment, "cql_protocol.values.temporal", "Timestamp", ("milliseconds",), b"abcdefgh",
    ),
    "timeuuid": (UuidCell, "uuid", "UUID", ("int", "is_safe"), b"abcdefghijklmnop"),
    "uuid": (UuidCell, "uuid", "UUID", ("int", "is_safe"), b"abcdefghijklmnop"),
}


cdef Cell simple_cell(object cql_type, object options):
    """Return the reader of a type without parameters, None for another type."""
    cdef object name = cql_type.name
    cdef Cell cell
    if INSTANCES.get(name) is not cql_type:
        return None
    if name == "inet" and options.inet_text:
        cell = InetText()
    elif name in PLAIN:
        cell = PLAIN[name]()
    else:
        cell = slotted_cell(cql_type, SLOTTED[name]) if name in SLOTTED else None
        if cell is None:
            return other_cell(cql_type, options)
        if name == "timestamp":
            (<Moment>cell).aware = options.aware_datetimes
    cell.empty = options.empty
    return cell


cdef Cell slotted_cell(object cql_type, tuple how):
    """Return what fills the members of a class, None when that does not do for its values."""
    kind, module, name, members, sample = how
    cls = getattr(__import__(module, None, None, [name]), name)
    cdef Cell cell
    try:
        cell = kind(cls, members)
    except TypeError:
        return None
    wanted = cql_type.decode(sample)
    made = cell.read(sample, len(sample))
    fits = type(made) is type(wanted) and made == wanted and repr(made) == repr(wanted)
    return cell if fits and hash(made) == hash(wanted) else None
