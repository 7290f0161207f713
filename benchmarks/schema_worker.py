"""The measured process of `benchmarks.schema_cost`: it connects as it is told, with one driver.

It is run as a file in the environment of each driver, and imports nothing but the standard
library and that driver::

    python benchmarks/schema_worker.py cassandra '{"protocol": 4}'

Each line of input is a JSON object: {"places", "how", "connects"}. It connects to the places, a
list of [contact points, port], in turn, to each so many times. Each line of output is the answer
to one: {"found"}, for each place {"cpu", "wall", "tables"} (seconds of every connect, and the
tables that it had then), or {"error"}. ``how`` it connects:

none          without metadata of the schema
lazy          as it comes: a driver that puts the schema off
one keyspace  the same, and looks at the tables of one keyspace
all           with the whole schema
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from typing import Any

PATIENCE = 60.0


class Bench:
    """One driver."""

    def __init__(self, root: str, options: dict[str, Any]) -> None:
        self._root = root
        self._module = importlib.import_module(f"{root}.cluster")
        self._options = options

    def about(self) -> dict[str, Any]:
        """Return what is told of the driver beside its figures."""
        protocol = sys.modules.get("cql_protocol._accel")
        compiled = str(self._module.__file__).endswith((".so", ".pyd"))
        return {
            "version": getattr(sys.modules[self._root], "__version__", "?"),
            "implementation": getattr(protocol, "IMPLEMENTATION", None)
            or ("cython" if compiled else "python"),
            "python": sys.version.split()[0],
        }

    def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """Connect to each place so many times."""
        how = order["how"]
        found: list[dict[str, Any]] = []
        found += ({"cpu": [], "wall": [], "tables": 0} for _ in order["places"])
        for _ in range(order["connects"]):
            for (points, port), figures in zip(order["places"], found, strict=True):
                gc.collect()
                cpu, begin = time.process_time(), time.perf_counter()
                cluster = self._cluster(points, port, how)
                cluster.connect()
                figures["tables"] = _look(cluster, how)
                figures["wall"].append(time.perf_counter() - begin)
                figures["cpu"].append(time.process_time() - cpu)
                cluster.shutdown()
        return {"found": found}

    def _cluster(self, contact_points: list[str], port: int, how: str) -> Any:
        options: dict[str, Any] = {"schema_metadata_enabled": how != "none"}
        if how == "all" and self._root == "cql_driver":
            options["eager_schema"] = True
        return self._module.Cluster(
            contact_points,
            port=port,
            protocol_version=self._options["protocol"],
            compression=False,
            control_connection_timeout=PATIENCE,
            connect_timeout=PATIENCE,
            **options,
        )


def _look(cluster: Any, how: str) -> int:
    """Return how many tables there are, looking no further than `how` says."""
    keyspaces = cluster.metadata.keyspaces
    if how == "one keyspace":
        last = max((name for name in keyspaces if not name.startswith("system")), default="system")
        return len(keyspaces[last].tables)
    return sum(len(keyspace.tables) for keyspace in keyspaces.values()) if how == "all" else 0


def main() -> None:
    """Tell about the driver, and do what standard input says until it ends."""
    root, options = sys.argv[1], json.loads(sys.argv[2])
    # What a driver prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    bench = Bench(root, options)
    print(json.dumps(bench.about()), file=answers)
    for line in sys.stdin:
        try:
            answer = bench.run(json.loads(line))
        except Exception:  # noqa: BLE001 - the parent tells of it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
