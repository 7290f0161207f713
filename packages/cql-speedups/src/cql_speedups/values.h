/* Python values made of the bytes of cells. */
#ifndef CQL_VALUES_H
#define CQL_VALUES_H
#include <Python.h>
#include <datetime.h>
#include "wire.h"

static inline double get_double(const char *p) {
    uint64_t bits = get64(p);
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static inline float get_float(const char *p) {
    uint32_t bits = get32(p);
    float value;
    memcpy(&value, &bits, 4);
    return value;
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

/* The naive datetime of milliseconds from the epoch; None where no datetime reaches. */
static inline PyObject *make_datetime(int64_t milliseconds) {
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
    return PyDateTime_FromDateAndTime(year, month, day, seconds / 3600, seconds / 60 % 60,
                                      seconds % 60, (int)(rest % 1000) * 1000);
}

/* An int of 16 bytes, without a sign. */
static inline PyObject *make_int128(const char *p) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyLong_FromUnsignedNativeBytes(p, 16, Py_ASNATIVEBYTES_BIG_ENDIAN);
#else
    return _PyLong_FromByteArray((const unsigned char *)p, 16, 0, 0);
#endif
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

static inline PyObject *make_text(const char *p, Py_ssize_t size) {
    if (size > 1 && size < 256 && is_ascii(p, size)) {
        PyObject *text = PyUnicode_New(size, 127);
        if (text != NULL) memcpy(PyUnicode_1BYTE_DATA(text), p, size);
        return text;
    }
    return PyUnicode_DecodeUTF8(p, size, NULL);
}

/* The collector, stopped while a page of objects without cycles is made. */
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

static inline PyObject *allocate(PyObject *cls, Py_ssize_t size) {
    return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, size);
}
#endif
