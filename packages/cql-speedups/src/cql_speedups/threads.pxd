# What Python without a GIL needs between threads, and is nothing where there is a GIL.
cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #include <stdatomic.h>
    #define full_fence() atomic_thread_fence(memory_order_seq_cst)
    #else
    #define full_fence() ((void)0)
    #endif
    """
    # Between a write here and a read that another thread does the other way round.
    void full_fence() nogil
