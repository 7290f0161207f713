"""Pages of long vectors: the floats are right, none is left behind, and memory is used again."""

from __future__ import annotations

import gc
import math
import platform
import struct
import subprocess
import sys
from itertools import chain

import pytest

from cql_protocol.types import FLOAT, ReadOptions, VectorType
from cql_speedups.rows import make_reader
from tests.differential.cells import flat
from tests.differential.sameness import assert_same

# It is compiled code that is asked, whatever the codec uses.
pytestmark = pytest.mark.once

HELD = 32
"""Floats that are kept for their memory to stay, at most."""

FAULTS = """
import resource
from cql_protocol.types import FLOAT, ReadOptions, VectorType
from cql_speedups.rows import make_reader
reader = make_reader((VectorType(FLOAT, 768),), ReadOptions())
page = (b"\\0\\0\\x0c\\0" + bytes(3072)) * 500
before = 0
for turn in range(12):
    if turn == 4:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    assert len(reader.read(page, 0, 500)) == 500
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize("dimension", [1, 2, 101, 768, 20_000])
def test_floats_are_those_that_were_sent(dimension: int) -> None:
    usual = (0.0, -0.0, 1.5, math.inf, -math.inf, 2.0**-149, math.nan)
    sent = [usual[(at + row) % len(usual)] for row in range(20) for at in range(dimension)]
    pages = struct.pack(f">{len(sent)}f", *sent)
    size = 4 * dimension
    cells = [pages[at : at + size] for at in range(0, len(pages), size)]
    reader = make_reader((VectorType(FLOAT, dimension),), ReadOptions())
    rows = reader.read(flat(cells), 0, len(cells))
    assert rows is not None
    assert_same(list(chain.from_iterable(vector for (vector,) in rows)), sent)


def references(rows: list[tuple[list[float]]]) -> set[int]:
    """Return how many references there are to the numbers but the first ones."""
    return {sys.getrefcount(number) for (vector,) in rows for number in vector[1:]}


def test_no_floats_are_left_behind() -> None:
    reader = make_reader((VectorType(FLOAT, 768),), ReadOptions())
    page = flat([bytes(4 * 768)]) * 100
    assert reader.read(page, 0, 100)
    usual = references([([float(number) for number in range(10)],)])
    counts = []
    for _ in range(20):
        rows = reader.read(page, 0, 100)
        assert rows is not None
        assert references(rows) == usual
        del rows
        gc.collect()
        counts.append(sys.getallocatedblocks())
    # One vector is known of the latest page, beside those floats.
    assert max(counts) - min(counts) <= 768 + 2 * HELD


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or "free-threading" in sys.version,
    reason="other libraries, and a Python without GIL, keep memory in other ways",
)
def test_memory_of_a_page_is_used_again() -> None:
    command = [sys.executable, "-c", FAULTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # Pages of the system's, of which one of these takes three thousand.
    assert int(done.stdout) < 1000
