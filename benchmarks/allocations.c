/* Counts what the interpreter allocates: a layer over its allocators that adds one and goes on.
 *
 * start() puts the layer in place, once for ever; read() returns (blocks, bytes) since then.
 * Objects that come from a free list of their type are not allocated, so they do not count.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyMemAllocatorEx under[2];
static unsigned long long blocks, bytes;

static void *count_malloc(void *context, size_t size)
{
    PyMemAllocatorEx *next = context;
    blocks++;
    bytes += size;
    return next->malloc(next->ctx, size);
}

static void *count_calloc(void *context, size_t count, size_t size)
{
    PyMemAllocatorEx *next = context;
    blocks++;
    bytes += count * size;
    return next->calloc(next->ctx, count, size);
}

static void *count_realloc(void *context, void *block, size_t size)
{
    PyMemAllocatorEx *next = context;
    blocks++;
    bytes += size;
    return next->realloc(next->ctx, block, size);
}

static void count_free(void *context, void *block)
{
    PyMemAllocatorEx *next = context;
    next->free(next->ctx, block);
}

static PyObject *start_counting(PyObject *self, PyObject *unused)
{
    static const PyMemAllocatorDomain domains[2] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
    static int started;
    for (int i = 0; i < 2 && !started; i++) {
        PyMemAllocatorEx layer = {&under[i], count_malloc, count_calloc, count_realloc, count_free};
        PyMem_GetAllocator(domains[i], &under[i]);
        PyMem_SetAllocator(domains[i], &layer);
    }
    started = 1;
    Py_RETURN_NONE;
}

static PyObject *read_counts(PyObject *self, PyObject *unused)
{
    unsigned long long seen = blocks, size = bytes;
    return Py_BuildValue("KK", seen, size);
}

static PyMethodDef methods[] = {
    {"start", start_counting, METH_NOARGS, "start()"},
    {"read", read_counts, METH_NOARGS, "read() -> (blocks, bytes)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "allocations", NULL, -1, methods};

PyMODINIT_FUNC PyInit_allocations(void)
{
    return PyModule_Create(&definition);
}
