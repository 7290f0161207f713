"""Start a Cassandra node, show the examples on it, and end the node.

Arguments are passed on to the first example, as in ``make demo ARGS='--rows 30000'``. Ctrl-C ends
everything at any time; whatever happens to this process, the node ends with it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples")]


def main() -> int:
    """Return the examples' exit status."""
    from tests.cassandra import Cluster, ClusterError

    print("starting a Cassandra node …", flush=True)
    try:
        with Cluster() as cluster:
            node = cluster.nodes[0]
            print(f"Cassandra {cluster.version} listens on {node.address}:{cluster.port}")
            return show(node.address, sys.argv[1:])
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1


def show(address: str, arguments: list[str]) -> int:
    """Run the examples in this process, where Ctrl-C finds them."""
    status: int = import_module("driver_demo").main([address, *arguments])
    if status == 0:
        print("\nThe same protocol without the driver, sans-I/O, over one plain socket")
        status = import_module("sans_io").main([address, "--rows", "5000"])
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        pass  # The node has ended, and what the traceback kept alive ends here.
    print("\nstopped", file=sys.stderr)
    sys.exit(130)
