from cql_speedups.plans cimport Plan

cdef object pick_host(object pick, Plan plan, bytes frame)
cdef object undecided()
