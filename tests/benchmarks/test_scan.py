"""The benchmark of scans: its sums and its table; a real node is for the command itself."""

from __future__ import annotations

from typing import Any

from benchmarks.scan import misses, shown
from benchmarks.scan_worker import digest, shingles, sums

ROWS: list[Any] = [
    (n, 0, n, True, "kind", 0.5, 7, f"sensor {n % 2} is within tolerance") for n in range(10)
]


def test_sums() -> None:
    assert sums(ROWS) == shingles(ROWS) == (10, 45)


def test_a_digest_does_not_depend_on_the_order_but_on_every_value() -> None:
    count, total = digest(ROWS)
    assert digest(ROWS[::-1]) == (count, total) == (10, total)
    assert digest([*ROWS[:-1], (*ROWS[-1][:-1], "other")])[1] != total


def figures(one: float, two: float) -> dict[str, list[dict[str, Any]]]:
    def of(seconds: float) -> list[dict[str, Any]]:
        times = dict.fromkeys(("wall", "client", "busiest", "node"), seconds)
        return [{**times, "memory": 2**20, "worker_memory": 0, "implementation": "python"}]

    return {"rows 1": of(one), "rows 2": of(two)}


def test_limits() -> None:
    assert misses(figures(16.0, 10.0)) == []
    assert misses(figures(15.0, 10.0)) == ["rows: busiest 1.50 × is below 1.6 ×"]


def test_the_table() -> None:
    table = shown(figures(16.0, 8.0), 1000).splitlines()
    assert "1,000 rows, python" in table[0]
    assert table[-1].count("2.00 ×") == 3
