# What objects of Python classes keep in the members that `__slots__` names, read directly.
cdef extern from *:
    """
    #include <structmember.h>
    typedef struct { PyTypeObject *cls; PyMemberDef *member; PyObject *name; } Member;
    /* Return 0 when the class has no such member; then values are looked up by name. */
    static inline int find_member(PyObject *cls, PyObject *name, Member *found) {
        PyObject *descriptor = PyObject_GetAttr(cls, name);
        if (descriptor == NULL) return -1;
        Py_INCREF(cls);
        Py_INCREF(name);
        /* Another thread may do the same meanwhile, and a third read: never write but the end. */
        if (PyObject_TypeCheck(descriptor, &PyMemberDescr_Type))
            found->member = ((PyMemberDescrObject *)descriptor)->d_member;
        found->name = name;
        found->cls = (PyTypeObject *)cls;
        Py_DECREF(descriptor);
        return 0;
    }
    static inline PyObject *read_member(PyObject *object, Member *member) {
        if (Py_TYPE(object) == member->cls && member->member != NULL) {
    #ifndef Py_GIL_DISABLED
            /* As PyMember_GetOne does it, which is not inlined; members of slots are objects. */
            PyObject *value = *(PyObject **)((char *)object + member->member->offset);
            if (value != NULL) return Py_NewRef(value);
    #else
            PyObject *value = PyMember_GetOne((const char *)object, member->member);
            if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) return value;
            PyErr_Clear();
    #endif
        }
        return PyObject_GetAttr(object, member->name);
    }
    """
    ctypedef struct Member:
        pass
    int find_member(object cls, object name, Member *found) except -1
    object read_member(object instance, Member *member)
