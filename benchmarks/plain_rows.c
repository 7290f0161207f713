/* The rows of a page of results, built by plain C: what a compiled decoder is compared with.
 *
 * It is as straightforward as C gets: one switch over the column's type, the interpreter's own
 * functions for every value, and the garbage collector left alone. It knows the types of the
 * benchmarks' tables, one letter each:
 *
 *   u uuid  t text  i int  q bigint  d double  s timestamp  b boolean  x blob
 *   l list<int>  m map<text, int>
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <datetime.h>
#include <stdint.h>
#include <string.h>

static PyTypeObject *uuid_type;
static PyObject *name_int, *name_is_safe, *safe_unknown;

typedef struct {
    const unsigned char *at, *end;
} Cursor;

static uint32_t load32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t load64(const unsigned char *p)
{
    return (uint64_t)load32(p) << 32 | load32(p + 4);
}

/* Read an [int]; -1 with an error set where there are not so many bytes. */
static int read_int(Cursor *cursor, int32_t *value)
{
    if (cursor->end - cursor->at < 4) {
        PyErr_SetString(PyExc_ValueError, "the page ends too early");
        return -1;
    }
    *value = (int32_t)load32(cursor->at);
    cursor->at += 4;
    return 0;
}

/* Read the length of a cell and check that it is all there. */
static int read_length(Cursor *cursor, int32_t *length)
{
    if (read_int(cursor, length) < 0)
        return -1;
    if (*length > cursor->end - cursor->at) {
        PyErr_SetString(PyExc_ValueError, "a cell is longer than the page");
        return -1;
    }
    return 0;
}

static PyObject *wrong_size(void)
{
    PyErr_SetString(PyExc_ValueError, "a cell has the wrong size");
    return NULL;
}

static PyObject *make_uuid(const unsigned char *p)
{
    PyObject *number = _PyLong_FromByteArray(p, 16, 0, 0);
    PyObject *made = number ? uuid_type->tp_alloc(uuid_type, 0) : NULL;
    if (made && (PyObject_GenericSetAttr(made, name_int, number) < 0 ||
                 PyObject_GenericSetAttr(made, name_is_safe, safe_unknown) < 0))
        Py_CLEAR(made);
    Py_XDECREF(number);
    return made;
}

static PyObject *make_timestamp(int64_t milliseconds)
{
    int64_t seconds = milliseconds / 1000, rest = milliseconds % 1000;
    if (rest < 0) {
        rest += 1000;
        seconds -= 1;
    }
    int64_t days = seconds / 86400, of_day = seconds % 86400;
    if (of_day < 0) {
        of_day += 86400;
        days -= 1;
    }
    /* From days since 1970 to a date: years begin in March, so that leap days are at their end. */
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    int day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    year += era * 400 + (month <= 2);
    return PyDateTime_FromDateAndTime((int)year, month, day, (int)(of_day / 3600),
                                      (int)(of_day / 60 % 60), (int)(of_day % 60),
                                      (int)(rest * 1000));
}

static PyObject *make_value(char kind, const unsigned char *p, int32_t length);

static PyObject *make_list(const unsigned char *p, int32_t length)
{
    Cursor cursor = {p, p + length};
    int32_t count, size;
    if (read_int(&cursor, &count) < 0)
        return NULL;
    if (count < 0 || count > length / 4)
        return wrong_size();
    PyObject *made = PyList_New(count);
    if (!made)
        return NULL;
    for (int32_t i = 0; i < count; i++) {
        PyObject *value = NULL;
        if (read_length(&cursor, &size) == 0)
            value = make_value('i', cursor.at, size);
        if (!value) {
            Py_DECREF(made);
            return NULL;
        }
        cursor.at += size;
        PyList_SET_ITEM(made, i, value);
    }
    return made;
}

static PyObject *make_map(const unsigned char *p, int32_t length)
{
    Cursor cursor = {p, p + length};
    int32_t count, size;
    if (read_int(&cursor, &count) < 0)
        return NULL;
    PyObject *made = PyDict_New();
    for (int32_t i = 0; made && i < count; i++) {
        PyObject *key = NULL, *value = NULL;
        if (read_length(&cursor, &size) == 0 && (key = make_value('t', cursor.at, size))) {
            cursor.at += size;
            if (read_length(&cursor, &size) == 0 && (value = make_value('i', cursor.at, size)))
                cursor.at += size;
        }
        if (!value || PyDict_SetItem(made, key, value) < 0)
            Py_CLEAR(made);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return made;
}

static PyObject *make_value(char kind, const unsigned char *p, int32_t length)
{
    uint64_t bits;
    double real;
    switch (kind) {
    case 'u':
        return length == 16 ? make_uuid(p) : wrong_size();
    case 't':
        return PyUnicode_DecodeUTF8((const char *)p, length, NULL);
    case 'i':
        return length == 4 ? PyLong_FromLong((int32_t)load32(p)) : wrong_size();
    case 'q':
        return length == 8 ? PyLong_FromLongLong((int64_t)load64(p)) : wrong_size();
    case 'd':
        if (length != 8)
            return wrong_size();
        bits = load64(p);
        memcpy(&real, &bits, 8);
        return PyFloat_FromDouble(real);
    case 's':
        return length == 8 ? make_timestamp((int64_t)load64(p)) : wrong_size();
    case 'b':
        return length == 1 ? PyBool_FromLong(p[0]) : wrong_size();
    case 'x':
        return PyBytes_FromStringAndSize((const char *)p, length);
    case 'l':
        return make_list(p, length);
    case 'm':
        return make_map(p, length);
    }
    PyErr_SetString(PyExc_ValueError, "no type has this letter");
    return NULL;
}

static PyObject *next_value(Cursor *cursor, char kind)
{
    int32_t length;
    if (read_length(cursor, &length) < 0)
        return NULL;
    if (length < 0)
        Py_RETURN_NONE;
    PyObject *value = make_value(kind, cursor->at, length);
    cursor->at += length;
    return value;
}

static PyObject *make_tuple(Cursor *cursor, const char *kinds, Py_ssize_t columns,
                            PyTypeObject *cls)
{
    PyObject *row = cls ? cls->tp_alloc(cls, columns) : PyTuple_New(columns);
    for (Py_ssize_t i = 0; row && i < columns; i++) {
        PyObject *value = next_value(cursor, kinds[i]);
        if (!value)
            Py_CLEAR(row);
        else
            PyTuple_SET_ITEM(row, i, value);
    }
    return row;
}

static PyObject *make_dict(Cursor *cursor, const char *kinds, Py_ssize_t columns, PyObject *names)
{
    PyObject *row = PyDict_New();
    for (Py_ssize_t i = 0; row && i < columns; i++) {
        PyObject *value = next_value(cursor, kinds[i]);
        if (!value || PyDict_SetItem(row, PyTuple_GET_ITEM(names, i), value) < 0)
            Py_CLEAR(row);
        Py_XDECREF(value);
    }
    return row;
}

/* Set the cursor to the cells; -1 with an error set where they cannot be there. */
static int begin(Cursor *cursor, const Py_buffer *body, Py_ssize_t offset, Py_ssize_t rows)
{
    if (offset < 0 || offset > body->len || rows < 0 || rows > body->len) {
        PyErr_SetString(PyExc_ValueError, "no such rows");
        return -1;
    }
    cursor->at = (const unsigned char *)body->buf + offset;
    cursor->end = (const unsigned char *)body->buf + body->len;
    return 0;
}

static PyObject *build(Py_buffer *body, Py_ssize_t offset, Py_ssize_t rows, const char *kinds,
                       Py_ssize_t columns, PyTypeObject *cls, PyObject *names)
{
    Cursor cursor;
    PyObject *made = begin(&cursor, body, offset, rows) < 0 ? NULL : PyList_New(rows);
    for (Py_ssize_t i = 0; made && i < rows; i++) {
        PyObject *row = names ? make_dict(&cursor, kinds, columns, names)
                              : make_tuple(&cursor, kinds, columns, cls);
        if (!row)
            Py_CLEAR(made);
        else
            PyList_SET_ITEM(made, i, row);
    }
    PyBuffer_Release(body);
    return made;
}

static PyObject *tuples(PyObject *self, PyObject *args)
{
    Py_buffer body;
    Py_ssize_t offset, rows, columns;
    const char *kinds;
    PyTypeObject *cls = NULL;
    if (!PyArg_ParseTuple(args, "y*nns#|O!", &body, &offset, &rows, &kinds, &columns,
                          &PyType_Type, &cls))
        return NULL;
    return build(&body, offset, rows, kinds, columns, cls, NULL);
}

static PyObject *dicts(PyObject *self, PyObject *args)
{
    Py_buffer body;
    Py_ssize_t offset, rows, columns;
    const char *kinds;
    PyObject *names;
    if (!PyArg_ParseTuple(args, "y*nns#O!", &body, &offset, &rows, &kinds, &columns,
                          &PyTuple_Type, &names))
        return NULL;
    return build(&body, offset, rows, kinds, columns, NULL, names);
}

/* Read the length of every cell and go over it: what there is to do before any value is made. */
static PyObject *walk(PyObject *self, PyObject *args)
{
    Py_buffer body;
    Py_ssize_t offset, rows, columns, total = 0;
    Cursor cursor;
    if (!PyArg_ParseTuple(args, "y*nnn", &body, &offset, &rows, &columns))
        return NULL;
    int failed = begin(&cursor, &body, offset, rows);
    for (Py_ssize_t i = 0; !failed && i < rows * columns; i++) {
        int32_t length;
        failed = read_length(&cursor, &length);
        if (!failed && length > 0) {
            total += length;
            cursor.at += length;
        }
    }
    PyBuffer_Release(&body);
    return failed ? NULL : PyLong_FromSsize_t(total);
}

/* Copy the floats of the last column of each row into one block, in this machine's order. */
static PyObject *floats(PyObject *self, PyObject *args)
{
    Py_buffer body;
    Py_ssize_t offset, rows, columns, dimension;
    Cursor cursor;
    if (!PyArg_ParseTuple(args, "y*nnnn", &body, &offset, &rows, &columns, &dimension))
        return NULL;
    PyObject *made = NULL;
    if (begin(&cursor, &body, offset, rows) == 0)
        made = PyBytes_FromStringAndSize(NULL, rows * dimension * 4);
    char *to = made ? PyBytes_AS_STRING(made) : NULL;
    for (Py_ssize_t i = 0; made && i < rows * columns; i++) {
        int32_t length;
        if (read_length(&cursor, &length) < 0) {
            Py_CLEAR(made);
        } else if (i % columns == columns - 1) {
            if (length != dimension * 4) {
                Py_CLEAR(made);
                wrong_size();
                break;
            }
            for (Py_ssize_t j = 0; j < dimension; j++, to += 4) {
                uint32_t bits = load32(cursor.at + j * 4);
                memcpy(to, &bits, 4);
            }
            cursor.at += length;
        } else if (length > 0) {
            cursor.at += length;
        }
    }
    PyBuffer_Release(&body);
    return made;
}

static PyMethodDef methods[] = {
    {"tuples", tuples, METH_VARARGS, "tuples(body, offset, rows, kinds, cls=tuple)"},
    {"dicts", dicts, METH_VARARGS, "dicts(body, offset, rows, kinds, names)"},
    {"walk", walk, METH_VARARGS, "walk(body, offset, rows, columns)"},
    {"floats", floats, METH_VARARGS, "floats(body, offset, rows, columns, dimension)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "plain_rows", NULL, -1, methods};

PyMODINIT_FUNC PyInit_plain_rows(void)
{
    PyDateTime_IMPORT;
    PyObject *uuid = PyImport_ImportModule("uuid");
    PyObject *safe = uuid ? PyObject_GetAttrString(uuid, "SafeUUID") : NULL;
    uuid_type = uuid ? (PyTypeObject *)PyObject_GetAttrString(uuid, "UUID") : NULL;
    safe_unknown = safe ? PyObject_GetAttrString(safe, "unknown") : NULL;
    name_int = PyUnicode_InternFromString("int");
    name_is_safe = PyUnicode_InternFromString("is_safe");
    Py_XDECREF(uuid);
    Py_XDECREF(safe);
    if (!uuid_type || !safe_unknown || !name_int || !name_is_safe || !PyDateTimeAPI)
        return NULL;
    return PyModule_Create(&definition);
}
