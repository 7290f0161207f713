"""Random numbers for spreading load and delays.

The module `random` would bring hashlib along, which costs a cold start more than all
policies together; its C base is enough here.
"""

from __future__ import annotations

import os
from _random import Random

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import TypeVar

    _T = TypeVar("_T")

__all__ = ["jittered", "random", "shuffled"]

_source = Random()
random = _source.random
"""Return a number from 0 up to, but without, 1."""

if hasattr(os, "register_at_fork"):
    # Forked workers must not all make the same choices at the same time.
    os.register_at_fork(after_in_child=_source.seed)


def jittered(value: float, low: float, high: float) -> float:
    """Return a number within 15 % of `value`, and between `low` and `high`.

    It is spread evenly over what both allow, so that clients that are all at `high` do not
    come back in step.
    """
    least = max(low, value * 0.85)
    most = min(high, value * 1.15)
    return min(least + (most - least) * random(), high)


def shuffled(items: list[_T]) -> list[_T]:
    """Return the items in random order."""
    return sorted(items, key=lambda _: random())
