"""The driver on Simulacron: an independent peer, a cluster of a hundred nodes in one process.

Simulacron speaks protocol 3 and 4, uncompressed. It answers what it was told to (`prime`), in
the way it was told to, and logs what each node was asked::

    with Simulacron() as server, server.cluster(Shape({"dc1": 50, "dc2": 50})) as fakes:
        fakes.prime("SELECT v FROM ks.t", {"result": "overloaded", "message": "no"}, at="dc1")
        ...
        assert {seen.node.dc for seen in fakes.seen("SELECT v FROM ks.t")} == {"dc1", "dc2"}
        fakes.stop("dc1")          # lost
        fakes.start("dc1")         # back

What to know of it (0.12.0):

- A statement is known by its text alone. What was not primed is answered without rows, and
  ``SELECT * FROM system_schema.…`` by no rows; PREPARE of what is primed as ``void`` fails.
- Of primes for the same statement the older one counts, and those of a data centre are not
  forgotten with those of the cluster. A delay is a multiple of 100 ms.
- Batches are primed with ``params`` and ``param_types`` of each statement, even empty ones:
  without, it does not answer. Nor does it for types that protocol 3 does not have.
- ``unprepared`` cannot be primed, and nodes know what was prepared on another one.
- A pause concerns the connections that there are; new ones are served. With ``reject_startup``
  new ones hang too.
"""
