/* Bytes that grow: in `first` until they are too many, then on the heap. */
#ifndef CQL_BUFFER_H
#define CQL_BUFFER_H
#include <Python.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    char *data;
    Py_ssize_t size;
    Py_ssize_t room;
    char *heap;
    char first[1024];
} Buffer;

static inline void begin(Buffer *buffer) {
    buffer->data = buffer->first;
    buffer->size = 0;
    buffer->room = sizeof(buffer->first);
    buffer->heap = NULL;
}

static inline void end(Buffer *buffer) {
    PyMem_Free(buffer->heap);
    buffer->heap = NULL;
}

static char *cql_grow(Buffer *buffer, Py_ssize_t count) {
    Py_ssize_t room;
    char *heap;
    if (count > INT32_MAX - buffer->size) {
        PyErr_SetString(PyExc_OverflowError, "a request of 2 GiB");
        return NULL;
    }
    room = 2 * (buffer->size + count);
    heap = PyMem_Realloc(buffer->heap, room);
    if (heap == NULL) return (char *)PyErr_NoMemory();
    if (buffer->heap == NULL) memcpy(heap, buffer->first, buffer->size);
    buffer->data = buffer->heap = heap;
    buffer->room = room;
    return heap;
}

/* Return where `count` more bytes go, which count as written from now on. */
static inline char *need(Buffer *buffer, Py_ssize_t count) {
    char *place;
    if (count > buffer->room - buffer->size && cql_grow(buffer, count) == NULL) return NULL;
    place = buffer->data + buffer->size;
    buffer->size += count;
    return place;
}

static inline int put_bytes(Buffer *buffer, const char *data, Py_ssize_t size) {
    char *place = need(buffer, size);
    if (place == NULL) return -1;
    memcpy(place, data, size);
    return 0;
}
#endif
