"""Start a Cassandra node, run the demo against it, and end the node.

Arguments are passed on to the demo, as in ``make demo ARGS='--rows 336776'``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.cassandra import Cluster  # noqa: E402 - the tree is no package, so its root comes first


def main() -> int:
    """Return the demo's exit status."""
    print("starting a Cassandra node …", flush=True)
    with Cluster() as cluster:
        node = cluster.nodes[0]
        print(f"Cassandra {cluster.version} listens on {node.address}:{cluster.port}", flush=True)
        demo = [sys.executable, str(ROOT / "examples" / "sans_io.py"), node.address, *sys.argv[1:]]
        return subprocess.run(demo, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
