/* Containers that the collector is not told of until their page is whole.

   A page makes the collector look at its youngest objects, which are then all those of the page:
   that would take a third of the time of reading it. So these wait here, the collector looks at
   what else is young, and only then they are given to it. That does not pay where the page before
   is still there, and young: its turn would come again and again. */
#ifndef CQL_NURSERY_H
#define CQL_NURSERY_H
#include <Python.h>

typedef struct {
    PyObject **items;
    Py_ssize_t size;
    Py_ssize_t room;
} Nursery;

static inline void empty_nursery(Nursery *nursery) {
    nursery->items = NULL;
    nursery->size = nursery->room = 0;
}

/* Keep a new container; where there is no nursery, or no room, it stays with the collector. */
static inline void keep(Nursery *nursery, PyObject *container) {
    if (nursery == NULL || !PyObject_GC_IsTracked(container)) return;
    if (nursery->size == nursery->room) {
        Py_ssize_t room = nursery->room ? 2 * nursery->room : 1024;
        PyObject **items = PyMem_Realloc(nursery->items, room * sizeof(PyObject *));
        if (items == NULL) return;
        nursery->items = items;
        nursery->room = room;
    }
    PyObject_GC_UnTrack(container);
    Py_INCREF(container);
    nursery->items[nursery->size++] = container;
}

static inline int nobody_else_has(PyObject *container) {
    return container == Py_None || Py_REFCNT(container) == 1;
}

/* Give to the collector what is kept. */
static inline void give_back(Nursery *nursery) {
    for (Py_ssize_t at = 0; at < nursery->size; at++) {
        PyObject_GC_Track(nursery->items[at]);
        Py_DECREF(nursery->items[at]);
    }
    PyMem_Free(nursery->items);
    empty_nursery(nursery);
}
#endif
