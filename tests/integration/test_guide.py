"""The guide to the object mapper, run as one program on a node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cassandra import Cluster
from tests.integration.run_document import blocks

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "cqlengine.md"


def test_what_the_guide_shows_works(cassandra: Cluster) -> None:
    assert len(blocks(GUIDE)) > 20
    command = [sys.executable, "-W", "error", "-m", "tests.integration.run_document"]
    done = subprocess.run(
        [*command, str(GUIDE), cassandra.contact_points[0]],
        cwd=ROOT,
        env={**os.environ, "CQLENG_ALLOW_SCHEMA_MANAGEMENT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
