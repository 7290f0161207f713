"""Counters, gauges, the timer and the registry."""

from __future__ import annotations

import gc
import statistics
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.metrics import IntStat, Metrics, PmfStat, Stat, getStats
from cql_driver.metrics.stats import BATCH

NAMES = {
    *("count", "min", "max", "mean", "stddev", "median"),
    *("75percentile", "95percentile", "98percentile", "99percentile", "999percentile"),
}


@pytest.fixture
def metrics() -> Iterator[Any]:
    """Make metrics that leave the registry when the test ends."""
    made: list[Metrics] = []

    def make() -> Metrics:
        made.append(Metrics(None))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


# --- numbers ---------------------------------------------------------------------------------


def test_a_counter_compares_as_its_number() -> None:
    counter = IntStat("retries")
    assert not counter
    counter.add()
    counter.add(2)
    assert counter == 3
    assert counter.value == 3
    assert 2 < counter <= 3
    assert 4 > counter >= 3
    assert counter != 4
    assert int(counter) == 3
    assert float(counter) == 3.0
    assert counter == Stat("other", lambda: 3)
    assert counter < Stat("other", lambda: 4)
    assert {counter: "a key"}[counter] == "a key"
    assert repr(counter) == "<retries: 3>"


def test_a_gauge_is_read_anew() -> None:
    values = [1, 2]
    gauge = Stat("known_hosts", lambda: len(values))
    assert gauge == 2
    values.clear()
    assert not gauge


def test_counts_of_many_threads_are_all_there() -> None:
    counter = IntStat("retries")

    def work() -> None:
        for _ in range(2000):
            counter.add()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter == 8000


# --- the timer -------------------------------------------------------------------------------


def test_a_timer_without_values_is_all_zero() -> None:
    timer = PmfStat("request_timer")
    assert set(timer) == NAMES
    assert len(timer) == len(NAMES)
    assert set(timer.values()) == {0}
    assert timer.buckets() == ([(float("inf"), 0)], 0.0)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=3 * BATCH))
def test_a_timer_that_holds_all_values_is_exact(values: list[float]) -> None:
    timer = PmfStat("request_timer")
    for value in values:
        timer.addValue(value)
    found = dict(timer.items())
    assert found["count"] == timer.count == len(values)
    assert found["min"] == min(values)
    assert found["max"] == max(values)
    assert found["mean"] == pytest.approx(statistics.fmean(values))
    assert found["median"] == pytest.approx(statistics.median(values))
    assert timer.total == pytest.approx(sum(values))
    if len(values) > 1:
        assert found["stddev"] == pytest.approx(statistics.stdev(values), abs=1e-6)
        centiles = statistics.quantiles(values, n=100, method="inclusive")
        assert found["75percentile"] == pytest.approx(centiles[74])
        assert found["99percentile"] == pytest.approx(centiles[98])


def test_keys_are_read_one_by_one_too() -> None:
    timer = PmfStat("request_timer")
    for value in range(1, 102):
        timer.add(value)
    assert timer["count"] == 101
    assert timer["median"] == 51
    assert timer["999percentile"] == pytest.approx(100.9)
    assert "median" in timer
    with pytest.raises(KeyError):
        timer["50percentile"]


def test_the_sample_is_bounded_and_old_values_fade() -> None:
    timer = PmfStat("request_timer", size=100)
    for value in (5.0, 1.0):
        for _ in range(40 * BATCH):
            timer.add(value)
    found = timer.snapshot()
    assert found["count"] == 80 * BATCH
    assert found["max"] == 5.0  # of all
    # 1024 draws into 100 places: that half of the old values is left has a chance below 1e-100.
    assert found["median"] == 1.0
    assert len(timer._sample) == 100
    assert len(timer.pending) < BATCH


def test_a_small_sample_speaks_for_all_at_first() -> None:
    timer = PmfStat("request_timer", size=BATCH // 2)
    for value in range(BATCH + 3):
        timer.add(value)
    found = timer.snapshot()
    assert found["count"] == BATCH + 3
    assert found["max"] == BATCH + 2
    assert 0 <= found["median"] <= BATCH


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 7.0]), max_size=2 * BATCH))
def test_classes_count_what_lies_within_their_bound(values: list[float]) -> None:
    timer = PmfStat("latency", 10, (1.0, 2.0))
    for value in values:
        timer.add(value)
    counts, total = timer.buckets()
    assert counts == [
        (bound, sum(value <= bound for value in values)) for bound in (1.0, 2.0, float("inf"))
    ]
    assert total == pytest.approx(sum(values))


def test_who_reads_meanwhile_sees_whole_batches() -> None:
    timer = PmfStat("latency", 64, (0.5,))
    stop = threading.Event()
    wrong: list[Any] = []

    def read() -> None:
        last = 0
        while not stop.is_set():
            counts, total = timer.buckets()
            within, count = counts[0][1], counts[1][1]
            if count < last or within or total != count:
                wrong.append((last, counts, total))
            last = count

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20 * BATCH):
        timer.add(1.0)
    stop.set()
    reader.join()
    assert wrong == []
    assert timer["count"] == 20 * BATCH


def test_a_sample_needs_a_value() -> None:
    with pytest.raises(InvalidArgument, match="size is 0"):
        PmfStat("request_timer", 0)


# --- the registry ----------------------------------------------------------------------------


def test_names_are_numbered_and_the_oldest_is_the_first(metrics: Any) -> None:
    first, second = metrics(), metrics()
    assert first.stats_name.startswith("cassandra-")
    assert int(second.stats_name[10:]) > int(first.stats_name[10:])
    first.on_retry()
    stats = getStats()
    assert stats[first.stats_name]["retries"] == 1
    assert stats[second.stats_name]["retries"] == 0
    assert stats["cassandra"] == stats[first.stats_name]
    first.shutdown()
    first.shutdown()
    assert first.stats_name not in getStats()
    assert getStats()["cassandra"]["retries"] == 0
    assert first.get_stats()["retries"] == 1


def test_a_name_may_be_chosen_once(metrics: Any) -> None:
    first, second = metrics(), metrics()
    old = first.stats_name
    first.set_stats_name("mine")
    first.set_stats_name("mine")
    first.on_ignore()
    assert first.stats_name == "mine"
    assert old not in getStats()
    assert getStats()["cassandra"]["ignores"] == getStats()["mine"]["ignores"] == 1
    for taken in ("mine", "cassandra"):
        with pytest.raises(InvalidArgument, match="taken"):
            second.set_stats_name(taken)
    with pytest.raises(InvalidArgumentType, match="stats_name"):
        second.set_stats_name(7)


def test_a_number_that_is_taken_is_passed_over(metrics: Any) -> None:
    first = metrics()
    following = f"cassandra-{int(first.stats_name[10:]) + 1}"
    first.set_stats_name(following)
    assert metrics().stats_name != following


def test_metrics_that_nobody_holds_leave_the_registry() -> None:
    name = Metrics(None).stats_name
    gc.collect()
    assert name not in getStats()
