/* Numbers of Python, of texts and of time to bytes. */
#ifndef CQL_NUMBERS_H
#define CQL_NUMBERS_H
#include <Python.h>
#include <datetime.h>
#include <stdint.h>
#include <string.h>
#include "wire.h"

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar. */
static inline int64_t days_from_civil(int64_t year, int month, int day) {
    int64_t era, of_era, of_year;
    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    of_era = year - era * 400;
    of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Import what the functions below need. */
static inline int load_datetime(void) {
    if (PyDateTimeAPI == NULL) PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? -1 : 0;
}

static inline int64_t days_of(PyObject *day) {
    return days_from_civil(
        PyDateTime_GET_YEAR(day), PyDateTime_GET_MONTH(day), PyDateTime_GET_DAY(day));
}

/* Microseconds of the day of a datetime, and of a time. */
static inline int64_t microseconds_of(PyObject *moment) {
    int64_t minutes = PyDateTime_DATE_GET_HOUR(moment) * 60 + PyDateTime_DATE_GET_MINUTE(moment);
    return (minutes * 60 + PyDateTime_DATE_GET_SECOND(moment)) * 1000000 +
           PyDateTime_DATE_GET_MICROSECOND(moment);
}
static inline int64_t microseconds_of_clock(PyObject *clock) {
    int64_t minutes = PyDateTime_TIME_GET_HOUR(clock) * 60 + PyDateTime_TIME_GET_MINUTE(clock);
    return (minutes * 60 + PyDateTime_TIME_GET_SECOND(clock)) * 1000000 +
           PyDateTime_TIME_GET_MICROSECOND(clock);
}

static inline int is_naive(PyObject *moment) {
    return PyDateTime_DATE_GET_TZINFO(moment) == Py_None;
}
static inline int is_utc(PyObject *moment) {
    return PyDateTime_DATE_GET_TZINFO(moment) == PyDateTime_TimeZone_UTC;
}
static inline int is_aware(PyObject *clock) {
    return PyDateTime_TIME_GET_TZINFO(clock) != Py_None;
}

/* Write the shortest two's complement form, at most 8 bytes, and return its size. */
static inline Py_ssize_t put_shortest(char *place, int64_t number) {
    Py_ssize_t size = 1;
    int64_t rest = number;
    while (rest < -128 || rest > 127) {
        rest >>= 8;
        size++;
    }
    for (Py_ssize_t at = size; at-- > 0; number >>= 8) place[at] = (char)number;
    return size;
}

/* The bytes that a variable-length integer takes (see cql_protocol.types.base). */
static inline int vint_size(uint64_t number) {
    int extra = 0;
    while (extra < 8 && number >> (7 * (extra + 1))) extra++;
    return extra + 1;
}

static inline void put_vint(char *place, uint64_t number, int size) {
    for (int at = size; at-- > 0; number >>= 8) place[at] = (char)number;
    place[0] |= (char)(0xFF00 >> (size - 1));
}

static inline uint64_t folded(int64_t number) {
    return (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
}

/* Write an int as 16 bytes; 0 when it does not fit. */
static inline int put_128_bits(PyObject *number, char *place) {
#if PY_VERSION_HEX >= 0x030D0000
    Py_ssize_t size = PyLong_AsNativeBytes(
        number, place, 16, Py_ASNATIVEBYTES_BIG_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER);
    if (size < 0) PyErr_Clear();
    return size >= 0 && size <= 16;
#else
    if (_PyLong_AsByteArray((PyLongObject *)number, (unsigned char *)place, 16, 0, 0) == 0)
        return 1;
    PyErr_Clear();
    return 0;
#endif
}

/* Read four decimal numbers between dots; 0 for any other text. */
static inline int parse_address(const char *text, Py_ssize_t size, char *place) {
    const char *end = text + size;
    for (int part = 0; part < 4; part++) {
        int number = 0, digits = 0;
        if (part && (text == end || *text++ != '.')) return 0;
        while (text < end && *text >= '0' && *text <= '9' && digits < 4) {
            if (digits == 1 && number == 0) return 0;
            number = number * 10 + (*text++ - '0');
            digits++;
        }
        if (!digits || number > 255) return 0;
        place[part] = (char)number;
    }
    return text == end;
}

static inline int is_digit(char sign) { return sign >= '0' && sign <= '9'; }

/* Read the text of a decimal of at most 18 digits; 0 for longer ones and for no numbers. */
static inline int parse_decimal(const char *at, Py_ssize_t size, int64_t *digits, int64_t *scale) {
    const char *end = at + size;
    int negative = 0, count = 0, falling = 0;
    int64_t exponent = 0;
    *digits = *scale = 0;
    if (at < end && *at == '-') negative = 1, at++;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            if (*scale || !count) return 0;
            *scale = -count;
            continue;
        }
        if (++count > 18) return 0;
        *digits = *digits * 10 + (*at - '0');
    }
    if (!count) return 0;
    *scale = *scale ? count + *scale : 0;
    if (at < end && (*at == 'E' || *at == 'e')) {
        at++;
        if (at < end && (*at == '-' || *at == '+')) falling = *at++ == '-';
        if (at == end || end - at > 11) return 0;
        for (; at < end && is_digit(*at); at++) exponent = exponent * 10 + (*at - '0');
        *scale += falling ? exponent : -exponent;
    }
    if (negative) *digits = -*digits;
    return at == end && *scale >= INT32_MIN && *scale <= INT32_MAX;
}
#endif
