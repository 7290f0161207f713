"""Look for memory that is in use after an input was run, and more of it with every time."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

WARM_UP = 3
TIMES = 20
LONG = 5000
LEAST = 16
"""Bytes of the smallest object; what the collector leaves on its free lists is less in all."""


def look_for_leaks(target: Callable[[bytes], None], corpus: Path) -> int:
    """Run `target` on each input of a folder, many times; return 1 when memory was lost."""
    in_use = ctypes.CDLL(None).__sanitizer_get_current_allocated_bytes
    in_use.restype = ctypes.c_size_t
    inputs = sorted(corpus.iterdir())
    leaks = 0
    for path in inputs:
        target(path.read_bytes())  # fills what is kept for good
    gc.collect()
    gc.freeze()  # what is there now need not be looked at again
    gc.disable()
    for path in inputs:
        data = path.read_bytes()
        for _ in range(WARM_UP):
            target(data)
        # A cache may grow in the one round or the other: a leak takes memory in both.
        lost = min(_lost(target, data, in_use) for _ in range(2))
        if lost >= TIMES * LEAST:
            # Or something of Python's own grows, which ends after a thousand times: a leak goes on.
            for _ in range(LONG):
                target(data)
            lost = _lost(target, data, in_use)
        if lost >= TIMES * LEAST:
            leaks += 1
            print(f"{lost} bytes are lost by {TIMES} times of {data!r}")
    print(f"{len(inputs)} inputs, {leaks} leaks")
    return 1 if leaks else 0


def _lost(target: Callable[[bytes], None], data: bytes, in_use: Callable[[], int]) -> int:
    gc.collect()
    before = in_use()
    for _ in range(TIMES):
        target(data)
    gc.collect()
    return in_use() - before
