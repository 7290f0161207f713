from cql_speedups.writers cimport Writer

cdef Writer writer_of(object cql_type)
