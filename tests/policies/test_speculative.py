"""When a second host is asked: after a fixed time, or after what is long by now."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.core.observers import Observer
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.policies import (
    ConstantSpeculativeExecutionPolicy,
    NoSpeculativeExecutionPlan,
    NoSpeculativeExecutionPolicy,
    PercentileSpeculativeExecutionPolicy,
    SpeculativeExecutionPlan,
    SpeculativeExecutionPolicy,
)
from cql_driver.policies.percentile import LatencyHistogram
from cql_driver.pools.host import Host
from cql_protocol.errors import OperationTimedOut, Overloaded, ReadTimeout
from tests.policies.stand_ins import host


def asked(plan: SpeculativeExecutionPlan, node: Host | None = None) -> list[float]:
    """Ask the plan until it says no more, and once again."""
    delays: list[float] = []
    while (delay := plan.next_execution(node)) >= 0:
        delays.append(delay)
    assert plan.next_execution(node) < 0
    return delays


def test_by_default_there_is_none() -> None:
    assert asked(NoSpeculativeExecutionPolicy().new_plan("ks", None)) == []
    assert asked(NoSpeculativeExecutionPlan()) == []


def test_a_constant_delay_as_often_as_there_are_attempts() -> None:
    policy = ConstantSpeculativeExecutionPolicy(0.25, 3)
    for _ in range(2):  # every request has attempts of its own
        plan = policy.new_plan("ks", None)
        assert isinstance(plan, policy.ConstantSpeculativeExecutionPlan)
        assert asked(plan) == [0.25] * 3
    assert asked(ConstantSpeculativeExecutionPolicy(0, 0).new_plan(None, None)) == []


def test_interfaces_must_be_filled_in() -> None:
    with pytest.raises(NotImplementedError):
        SpeculativeExecutionPolicy().new_plan("ks", None)
    with pytest.raises(NotImplementedError):
        SpeculativeExecutionPlan().next_execution(None)


@pytest.mark.parametrize(
    ("make", "error", "named"),
    [
        (lambda: ConstantSpeculativeExecutionPolicy(-1, 1), InvalidArgument, "delay"),
        (lambda: ConstantSpeculativeExecutionPolicy(None, 1), InvalidArgumentType, "delay"),  # type: ignore[arg-type]
        (lambda: ConstantSpeculativeExecutionPolicy(1, -1), InvalidArgument, "max_attempts"),
        (lambda: PercentileSpeculativeExecutionPolicy(100), InvalidArgument, "percentile"),
        (lambda: PercentileSpeculativeExecutionPolicy(0.0), InvalidArgument, "percentile"),
        (lambda: PercentileSpeculativeExecutionPolicy("99"), InvalidArgumentType, "percentile"),  # type: ignore[arg-type]
        (lambda: PercentileSpeculativeExecutionPolicy(max_attempts=-1), InvalidArgument, "max_att"),
        (lambda: PercentileSpeculativeExecutionPolicy(min_samples=0), InvalidArgument, "min_samp"),
    ],
)
def test_arguments_are_checked(make: Any, error: Any, named: str) -> None:
    with pytest.raises(error, match=named):
        make()


# --- the histogram ------------------------------------------------------------------------


@given(
    durations=st.lists(st.floats(1e-5, 100), min_size=1, max_size=300),
    quantile=st.sampled_from([0.5, 0.9, 0.99, 0.999]),
)
def test_the_value_is_the_exact_quantile_or_one_bucket_more(
    durations: list[float], quantile: float
) -> None:
    histogram = LatencyHistogram()
    for duration in durations:
        histogram.add(duration)
    rank = -int(-quantile * len(durations) // 1)  # rounded up
    exact = sorted(durations)[rank - 1]
    assert exact * 0.999 <= histogram.value_at(quantile) <= exact * 1.1


@pytest.mark.parametrize("duration", [0.0, -1.0, 1e-9, 1e9])
def test_odd_durations_are_counted_at_the_ends(duration: float) -> None:
    histogram = LatencyHistogram()
    histogram.add(duration)
    assert histogram.value_at(0.5) < 1.1e-6 or histogram.value_at(0.5) > 1000


def test_old_latencies_are_forgotten() -> None:
    histogram = LatencyHistogram()
    for duration, times in ((1.0, 20_000), (0.001, 40_000)):
        for _ in range(times):
            histogram.add(duration)
    assert histogram.value_at(0.99) < 0.0011


# --- by percentile ------------------------------------------------------------------------


def answered(policy: Observer, node: Host, seconds: float, times: int, error: Any = None) -> None:
    for _ in range(times):
        policy.attempt_ended(None, node, error, seconds)


def test_nothing_is_sent_twice_until_enough_was_seen() -> None:
    policy, node = PercentileSpeculativeExecutionPolicy(min_samples=10), host(1)
    policy.attached(None)
    answered(policy, node, 0.01, 9)
    assert policy.current_delay() is None
    assert asked(policy.new_plan("ks", None)) == []
    answered(policy, node, 0.01, 1)
    assert asked(policy.new_plan("ks", None)) == pytest.approx([0.01, 0.01], rel=0.1)


def test_the_delay_is_what_nearly_all_stay_below() -> None:
    policy, node = PercentileSpeculativeExecutionPolicy(90.0, 1, min_samples=1), host(1)
    answered(policy, node, 0.002, 95)
    answered(policy, node, 3.0, 5)
    assert asked(policy.new_plan("ks", None)) == pytest.approx([0.002], rel=0.1)
    answered(policy, node, 3.0, 100)
    assert asked(policy.new_plan("ks", None)) == pytest.approx([3.0], rel=0.1)


def test_errors_that_come_quickly_do_not_count_and_timeouts_do() -> None:
    policy, node = PercentileSpeculativeExecutionPolicy(50.0, min_samples=5), host(1)
    answered(policy, node, 0.0001, 50, Overloaded(""))
    answered(policy, node, 0.0001, 50, OperationTimedOut())
    assert policy.current_delay() is None
    answered(policy, node, 5.0, 5, ReadTimeout(""))
    assert policy.current_delay() == pytest.approx(5.0, rel=0.1)


def test_each_host_can_be_measured_by_itself() -> None:
    policy = PercentileSpeculativeExecutionPolicy(50.0, 1, min_samples=5, per_host=True)
    fast, slow, new = host(1), host(2), host(3)
    answered(policy, fast, 0.001, 5)
    answered(policy, slow, 0.5, 5)
    assert asked(policy.new_plan("ks", None), fast) == pytest.approx([0.001], rel=0.1)
    assert asked(policy.new_plan("ks", None), slow) == pytest.approx([0.5], rel=0.1)
    assert asked(policy.new_plan("ks", None), new) == []
    policy.host_changed(slow, "up")
    assert policy.current_delay(slow) is not None
    policy.host_changed(slow, "removed")
    assert policy.current_delay(slow) is None
