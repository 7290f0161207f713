"""The driver on Simulacron: an independent peer, a cluster of a hundred nodes in one process.

Simulacron speaks protocol 3 and 4, uncompressed. It answers what it was told to (`prime`), in
the way it was told to, and logs what each node was asked::

    with Simulacron() as server, server.cluster(Shape({"dc1": 50, "dc2": 50})) as fakes:
        fakes.prime("SELECT v FROM ks.t", {"result": "overloaded", "message": "no"}, at="dc1")
        ...
        assert {seen.node.dc for seen in fakes.seen("SELECT v FROM ks.t")} == {"dc1", "dc2"}
        fakes.stop("dc1")          # lost
        fakes.start("dc1")         # back
"""
