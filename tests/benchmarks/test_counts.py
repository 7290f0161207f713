"""What requests and rows take of Python calls and of memory: limits that no change may pass unseen.

The figures do not depend on how busy the machine is. Where a change lowers one, lower its limit;
where a change has to raise one, its author says why. This prints them as they are, and as limits:

    python -m benchmarks counts
    python -m benchmarks counts --limits
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from typing import Any

import pytest

from benchmarks.counts import Limit
from cql_protocol._accel import IMPLEMENTATION
from tests.architecture.source import ROOT

LIMITS: dict[str, dict[str, Limit]] = {
    "python": {
        "blocking insert": Limit(40.9, 42.0, 74_280),
        "blocking select": Limit(50.2, 59.5, 75_270),
        "execute_concurrent insert": Limit(23.7, 35.1, 3_160),
        "execute_concurrent select": Limit(30.6, 40.0, 3_470),
        "rows as tuples": Limit(4.5, 44.5, 2_870),
        "rows as named tuples": Limit(4.5, 44.9, 2_930),
        "rows as dicts": Limit(4.5, 50.7, 3_460),
        "asyncio insert": Limit(23.7, 41.9, 6_100),
        "asyncio select": Limit(29.9, 45.8, 6_370),
    },
    "cython": {
        "blocking insert": Limit(0.3, 8.0, 710),
        "blocking select": Limit(0.3, 13.2, 1_050),
        "execute_concurrent insert": Limit(2.1, 8.5, 1_160),
        "execute_concurrent select": Limit(1.3, 13.6, 1_490),
        "rows as tuples": Limit(0.3, 19.8, 1_440),
        "rows as named tuples": Limit(0.3, 20.2, 1_500),
        "rows as dicts": Limit(0.3, 21.3, 1_650),
        "asyncio insert": Limit(0.7, 15.7, 4_500),
        "asyncio select": Limit(0.6, 20.9, 4_880),
    },
}
"""Of CPython 3.11 and 3.13 the larger figure each, with a little room."""

pytestmark = [
    pytest.mark.skipif(
        platform.python_implementation() != "CPython", reason="counts what CPython allocates"
    ),
    pytest.mark.skipif(
        bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        reason="CPython without a GIL has other allocators",
    ),
    pytest.mark.skipif(
        shutil.which(str(sysconfig.get_config_var("CC") or "cc").split()[0]) is None,
        reason="there is no C compiler, which makes the counter of allocations",
    ),
]


@cache
def counted() -> dict[str, Any]:
    # In a process of its own: other tests leave threads and caches behind.
    command = [sys.executable, "-m", "benchmarks.counts", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", LIMITS[IMPLEMENTATION])
def test_no_more_calls_and_allocations_than_before(name: str) -> None:
    found, limit = counted()[name], LIMITS[IMPLEMENTATION][name]
    told = {
        what: f"{found[what]:,} {what}, at most {most:,}"
        for what, most in limit._asdict().items()
        if found[what] > most
    }
    functions = [f"{n:8.3f} {function}" for function, n in found["functions"].items() if n >= 0.1]
    lines = [
        f"{name} ({IMPLEMENTATION}) takes more than it did:",
        *told.values(),
        "functions of ours that are called, for each:",
        *functions,
        "If it has to be so: python -m benchmarks counts --limits",
    ]
    assert not told, "\n".join(lines)


def test_everything_that_is_counted_has_a_limit() -> None:
    assert counted().keys() == LIMITS[IMPLEMENTATION].keys()


@pytest.mark.parametrize("form", ["tuples", "named tuples", "dicts"])
def test_compiled_code_calls_no_python_for_a_row(form: str) -> None:
    if IMPLEMENTATION != "cython":
        pytest.skip("of compiled code alone: generated Python calls readers of lists, maps, blobs")
    # A page is a few dozen calls, so 5,000 rows of ten cells are far below one each.
    assert counted()[f"rows as {form}"]["calls"] < 0.05
