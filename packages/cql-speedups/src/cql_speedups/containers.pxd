from cql_speedups.cells cimport Cell

cdef Cell cell_of(object cql_type, object options)
