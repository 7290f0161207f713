/* Python values made of the bytes of cells. */
#ifndef CQL_VALUES_H
#define CQL_VALUES_H
#include <Python.h>
#include <datetime.h>
#include <structmember.h>
#include "wire.h"

static inline double get_double(const char *p) {
    uint64_t bits = get64(p);
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static inline double get_float(const char *p) {
    uint32_t bits = get32(p);
    float value;
    memcpy(&value, &bits, 4);
    /* What a NaN carries is kept or lost as Python does it, which differs between versions. */
    return value == value ? (double)value : PyFloat_Unpack4(p, 0);
}

/* Year, month and day of a day of the proleptic Gregorian calendar, counted from 1970-01-01. */
static inline void civil_from_days(int64_t days, int *year, int *month, int *day) {
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned of_era = (unsigned)(z - era * 146097);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(year_of_era + era * 400) + (*month <= 2);
}

/* Import what `make_datetime` needs. */
static inline int load_datetime(void) {
    if (PyDateTimeAPI == NULL) PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? -1 : 0;
}

/* The datetime of milliseconds from the epoch; None where no datetime reaches. */
static inline PyObject *make_datetime(int64_t milliseconds, int aware) {
    int64_t days = milliseconds / 86400000, rest = milliseconds % 86400000;
    int year, month, day, seconds;
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    if (days < -719162 || days > 2932896) {
        Py_INCREF(Py_None);
        return Py_None;
    }
    civil_from_days(days, &year, &month, &day);
    seconds = (int)(rest / 1000);
    return PyDateTimeAPI->DateTime_FromDateAndTime(
        year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60,
        (int)(rest % 1000) * 1000, aware ? PyDateTime_TimeZone_UTC : Py_None,
        PyDateTimeAPI->DateTimeType);
}

static inline PyObject *int_of_bytes(const char *p, Py_ssize_t size, int with_sign) {
#if PY_VERSION_HEX >= 0x030D0000
    if (with_sign) return PyLong_FromNativeBytes(p, size, Py_ASNATIVEBYTES_BIG_ENDIAN);
    return PyLong_FromUnsignedNativeBytes(p, size, Py_ASNATIVEBYTES_BIG_ENDIAN);
#else
    return _PyLong_FromByteArray((const unsigned char *)p, size, 0, with_sign);
#endif
}

/* An int of one byte or more, without a sign. */
static inline PyObject *make_uint(const char *p, Py_ssize_t size) {
    return int_of_bytes(p, size, 0);
}

static inline int64_t short_int(const char *p, Py_ssize_t size) {
    int64_t value = (int8_t)p[0];
    for (Py_ssize_t at = 1; at < size; at++)
        value = (int64_t)((uint64_t)value << 8 | (uint8_t)p[at]);
    return value;
}

/* An int of one byte or more, in two's complement. */
static inline PyObject *make_int(const char *p, Py_ssize_t size) {
    if (size <= 8) return PyLong_FromLongLong(short_int(p, size));
    return int_of_bytes(p, size, 1);
}

static inline int is_ascii(const char *p, Py_ssize_t size) {
    uint64_t all = 0, word;
    Py_ssize_t at = 0;
    for (; at + 8 <= size; at += 8) {
        memcpy(&word, p + at, 8);
        all |= word;
    }
    for (; at < size; at++) all |= (uint64_t)(uint8_t)p[at];
    return !(all & 0x8080808080808080ULL);
}

static inline PyObject *short_text(const char *p, Py_ssize_t size) {
    PyObject *text = PyUnicode_New(size, 127);
    if (text != NULL) memcpy(PyUnicode_1BYTE_DATA(text), p, size);
    return text;
}

/* Texts of one character are shared by Python, and long ones it makes as fast. */
static inline PyObject *make_text(const char *p, Py_ssize_t size) {
    if (size > 1 && size < 256 && is_ascii(p, size)) return short_text(p, size);
    return PyUnicode_DecodeUTF8(p, size, NULL);
}

static inline PyObject *make_ascii(const char *p, Py_ssize_t size) {
    if (size > 1 && size < 256 && is_ascii(p, size)) return short_text(p, size);
    return PyUnicode_DecodeASCII(p, size, NULL);
}

static inline char *put_digits(char *end, uint64_t number) {
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return end;
}

static inline uint64_t magnitude(int64_t number) {
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

/* The text of four bytes of an address. */
static inline PyObject *make_address(const char *p) {
    char text[16], *end = text + 16, *at = end;
    for (int part = 3; part >= 0; part--) {
        at = put_digits(at, (uint8_t)p[part]);
        if (part) *--at = '.';
    }
    return short_text(at, end - at);
}

/* A number as decimal.Decimal reads it: digits, 'E' and the exponent. */
static inline PyObject *make_scientific(int64_t digits, int64_t exponent) {
    char text[48], *end = text + 48, *at;
    at = put_digits(end, magnitude(exponent));
    if (exponent < 0) *--at = '-';
    *--at = 'E';
    at = put_digits(at, magnitude(digits));
    if (digits < 0) *--at = '-';
    return short_text(at, end - at);
}

/* Read a variable-length integer (see cql_protocol.types.base); 0 when the bytes end before. */
static inline int take_folded(const char **p, const char *end, uint64_t *value) {
    uint8_t first;
    int extra = 0;
    if (*p == end) return 0;
    first = (uint8_t)*(*p)++;
    while (extra < 8 && first & (0x80 >> extra)) extra++;
    if (end - *p < extra) return 0;
    *value = extra < 8 ? first & (0xFF >> (extra + 1)) : 0;
    for (; extra; extra--) *value = *value << 8 | (uint8_t)*(*p)++;
    return 1;
}

static inline int take_vint(const char **p, const char *end, int64_t *value) {
    uint64_t folded;
    if (!take_folded(p, end, &folded)) return 0;
    *value = (int64_t)(folded >> 1) ^ -(int64_t)(folded & 1);
    return 1;
}

/* Read a length; 0 also when it leads beyond the end. */
static inline int take_unsigned(const char **p, const char *end, Py_ssize_t *value) {
    uint64_t found;
    if (!take_folded(p, end, &found) || found > (uint64_t)(end - *p)) return 0;
    *value = (Py_ssize_t)found;
    return 1;
}

/* The collector, stopped while a page is made by this code alone. Without the GIL other threads
   would see it stopped, or start it. */
static inline int stop_collector(void) {
#ifdef Py_GIL_DISABLED
    return 0;
#else
    return PyGC_Disable();
#endif
}
static inline void restart_collector(int was_on) {
    if (was_on) PyGC_Enable();
}

static inline void untrack(PyObject *object) {
    if (PyObject_GC_IsTracked(object)) PyObject_GC_UnTrack(object);
}

/* Before 3.14 a dict goes back to the collector when something is put into it. */
static inline void untrack_dict(PyObject *object) {
#if PY_VERSION_HEX < 0x030E0000
    untrack(object);
#else
    (void)object;
#endif
}

static inline PyObject *allocate(PyObject *cls, Py_ssize_t size) {
    return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, size);
}

/* Where instances keep what a name of `__slots__` stands for; -1 for anything else. */
static inline Py_ssize_t place_of(PyObject *member) {
    PyMemberDef *found;
    if (!PyObject_TypeCheck(member, &PyMemberDescr_Type)) return -1;
    found = ((PyMemberDescrObject *)member)->d_member;
    return found->type == T_OBJECT_EX ? found->offset : -1;
}

/* Set a member of an instance that was just allocated. */
static inline void fill(PyObject *object, Py_ssize_t place, PyObject *value) {
    Py_INCREF(value);
    *(PyObject **)((char *)object + place) = value;
}
#endif
