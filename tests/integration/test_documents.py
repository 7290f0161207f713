"""What the documents show works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.cassandra import Cluster

ROOT = Path(__file__).resolve().parents[2]


def test_the_readmes_example(cassandra: Cluster) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    program = program.replace('"127.0.0.1"', repr(cassandra.contact_points[0]))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert cassandra.version in done.stdout


def test_the_sans_io_demo(cassandra: Cluster) -> None:
    demo = ROOT / "examples" / "sans_io.py"
    done = subprocess.run(
        [
            sys.executable,
            str(demo),
            cassandra.contact_points[0],
            "--rows",
            "2000",
            "--version",
            "4",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"written +2,000 rows", done.stdout)
    assert re.search(r"read +2,000 rows", done.stdout)
