"""The measured process of `benchmarks.schema_cost`: it connects as it is told, with one driver.

It is run as a file in the environment of each driver, and imports nothing but the standard
library and that driver::

    python benchmarks/schema_worker.py cassandra '{"protocol": 4}'

Each line of input is a JSON object: {"contact_points", "port", "how", "connects"}. Each line of
output is the answer to one: {"cpu", "wall", "tables"} (seconds of every connect, and the tables
that it had then), or {"error"}. ``how`` it connects:

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
        """Connect so many times."""
        found: dict[str, Any] = {"cpu": [], "wall": [], "tables": 0}
        for _ in range(order["connects"]):
            gc.collect()
            cpu, begin = time.process_time(), time.perf_counter()
            cluster = self._cluster(order)
            cluster.connect()
            found["tables"] = _look(cluster, order["how"])
            found["wall"].append(time.perf_counter() - begin)
            found["cpu"].append(time.process_time() - cpu)
            cluster.shutdown()
        return found

    def _cluster(self, order: dict[str, Any]) -> Any:
        options: dict[str, Any] = {"schema_metadata_enabled": order["how"] != "none"}
        if order["how"] == "all" and self._root == "cql_driver":
            options["eager_schema"] = True
        return self._module.Cluster(
            order["contact_points"],
            port=order["port"],
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
