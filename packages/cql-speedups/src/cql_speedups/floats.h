/* Many floats at once, and the memory that they are in. */
#ifndef CQL_FLOATS_H
#define CQL_FLOATS_H
#include <Python.h>
#include "values.h"

#if defined(Py_GIL_DISABLED) || defined(Py_REF_DEBUG) || defined(Py_TRACE_REFS)

/* Objects begin with more than a count here, and Python has another allocator, or counts. */
static inline int fill_floats(PyObject *list, const char *p, Py_ssize_t count) {
    for (Py_ssize_t at = 0; at < count; at++) {
        PyObject *value = PyFloat_FromDouble(get_float(p + 4 * at));
        if (value == NULL) return -1;
        PyList_SET_ITEM(list, at, value);
    }
    return 0;
}

#else

/* Memory is given back to the system where nothing is left in it: by Python an arena at a time, by
   the C library from the highest address down. A page of vectors that was dropped leaves megabytes
   of both, and to get them anew for the next page takes as long as to make its floats. So the
   memory stays: a float is kept of each arena, of some thirty at most, and one block at the top.
   What is free in it serves whatever is made next. */
enum { HELD = 32, ARENA_BITS = 20, LARGEST_TOP = 65536 };

static PyObject *held[HELD];
static int next_held;
static void *top;

static inline uintptr_t arena_of(PyObject *object) { return (uintptr_t)object >> ARENA_BITS; }

static inline void hold_arena(PyObject *value) {
    PyObject *former;
    for (int at = 0; at < HELD; at++)
        if (held[at] != NULL && arena_of(held[at]) == arena_of(value)) return;
    former = held[next_held];
    Py_INCREF(value);
    held[next_held] = value;
    next_held = (next_held + 1) % HELD;
    Py_XDECREF(former);
}

/* Large blocks come from elsewhere, and go back alone. */
static inline void hold_top(void *block, size_t size) {
    if ((uintptr_t)block > (uintptr_t)top && size < LARGEST_TOP) {
        void *above = PyMem_RawMalloc(size);
        PyMem_RawFree(top);
        top = above;
    }
}

/* Fill a new list with the floats of so many times four bytes. Each begins as the first does, with
   its count and its class; to have Python write that takes a third of the time. */
static inline int fill_floats(PyObject *list, const char *p, Py_ssize_t count) {
    PyMemAllocatorEx python;
    PyObject **items = ((PyListObject *)list)->ob_item, head;
    if (!count) return 0;
    items[0] = PyFloat_FromDouble(get_float(p));
    if (items[0] == NULL) return -1;
    head = *items[0];
    hold_arena(items[0]);
    hold_top(items, (size_t)count * sizeof(PyObject *));
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &python);
    for (Py_ssize_t at = 1; at < count; at++) {
        PyFloatObject *value = python.malloc(python.ctx, sizeof(PyFloatObject));
        if (value == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        value->ob_base = head;
        value->ob_fval = get_float(p + 4 * at);
        items[at] = (PyObject *)value;
    }
    return 0;
}

#endif
#endif
