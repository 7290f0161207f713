"""Which flights the examples take when they take some."""

from __future__ import annotations

from itertools import pairwise

import pytest

from examples.flights import ALL, spread


@pytest.mark.parametrize("wanted", [1, 3, 7, 10, 12])
def test_as_many_as_are_wanted_at_even_distances(wanted: int) -> None:
    found = list(spread(range(10), 10, wanted))
    assert len(found) == min(wanted, 10)
    assert found[0] == 0
    steps = {after - before for before, after in pairwise(found)}
    assert len(steps) < 3


def test_they_reach_to_the_end() -> None:
    for wanted in (30_000, 60_000, 300_000):
        found = list(spread(range(ALL), ALL, wanted))
        assert len(found) == wanted
        assert ALL - found[-1] <= ALL / wanted + 1
