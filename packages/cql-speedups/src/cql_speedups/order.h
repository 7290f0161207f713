/* The order in which the server keeps the elements of sets and the keys of maps. */
#ifndef CQL_ORDER_H
#define CQL_ORDER_H
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { CQL_BY_BYTES, CQL_SIGNED, CQL_AS_UUID, CQL_AS_TIMEUUID };

/* A key, and the entry it begins: with its length before it, and a value behind it. */
typedef struct {
    const char *key;
    Py_ssize_t size;
    Py_ssize_t at;
    Py_ssize_t whole;
} Entry;

static int cql_compare(const char *a, Py_ssize_t a_size, const char *b, Py_ssize_t b_size) {
    int found = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return found ? found : (a_size > b_size) - (a_size < b_size);
}

static int cql_by_bytes(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    return cql_compare(x->key, x->size, y->key, y->size);
}

/* Integers of one size: those with the sign come first. */
static int cql_by_number(const void *a, const void *b) {
    const Entry *x = a, *y = b;
    int8_t x_first = (int8_t)x->key[0], y_first = (int8_t)y->key[0];
    if (x_first != y_first) return x_first < y_first ? -1 : 1;
    return memcmp(x->key, y->key, x->size);
}

/* The time of a UUID, its highest bytes first. */
static int cql_by_time(const char *x, const char *y) {
    int found = memcmp(x + 6, y + 6, 2);
    if (!found) found = memcmp(x + 4, y + 4, 2);
    return found ? found : memcmp(x, y, 4);
}

static int cql_by_uuid(const void *a, const void *b) {
    const char *x = ((const Entry *)a)->key, *y = ((const Entry *)b)->key;
    int version = (uint8_t)x[6] >> 4, other = (uint8_t)y[6] >> 4, found = 0;
    if (version != other) return version < other ? -1 : 1;
    if (version == 1) found = cql_by_time(x, y);
    return found ? found : memcmp(x, y, 16);
}

static int cql_by_timeuuid(const void *a, const void *b) {
    const char *x = ((const Entry *)a)->key, *y = ((const Entry *)b)->key;
    int found = cql_by_time(x, y);
    for (int at = 8; at < 16 && !found; at++) found = (int8_t)x[at] - (int8_t)y[at];
    return found;
}

/* Put entries that were written from `data` on into their order; 0 when two keys are equal,
   -1 with an exception set when there is no memory. */
static int sort_entries(Entry *entries, Py_ssize_t count, char *data, Py_ssize_t size, int order) {
    static int (*const comparisons[])(const void *, const void *) = {
        cql_by_bytes, cql_by_number, cql_by_uuid, cql_by_timeuuid};
    int (*compare)(const void *, const void *) = comparisons[order];
    char *copy, *place = data;
    qsort(entries, count, sizeof(Entry), compare);
    for (Py_ssize_t at = 1; at < count; at++)
        if (compare(entries + at - 1, entries + at) == 0) return 0;
    copy = PyMem_Malloc(size);
    if (copy == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(copy, data, size);
    for (Py_ssize_t at = 0; at < count; at++) {
        memcpy(place, copy + entries[at].at, entries[at].whole);
        place += entries[at].whole;
    }
    PyMem_Free(copy);
    return 1;
}
#endif
