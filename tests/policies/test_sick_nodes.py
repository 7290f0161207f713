"""`SickNodePolicy`: what it takes, and where it is given."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from cql_driver.cluster import Cluster
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.policies import ExponentialReconnectionPolicy, NeverSickNodePolicy, SickNodePolicy


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"silence": -1}, InvalidArgument),
        ({"patience": "1"}, InvalidArgumentType),
        ({"failures": 0}, InvalidArgument),
        ({"failures": 2.5}, InvalidArgumentType),
        ({"slowness": 1}, InvalidArgument),
        ({"max_share": 1.5}, InvalidArgument),
        ({"base_delay": 0}, InvalidArgument),
        ({"base_delay": 5, "max_delay": 1}, InvalidArgument),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        SickNodePolicy(**arguments)


def test_trials_come_ever_later_and_not_in_step() -> None:
    policy = SickNodePolicy(base_delay=2.0, max_delay=10.0)
    delays = list(islice(policy.new_trials(), 6))
    assert all(2.0 <= delay <= 10.0 for delay in delays)
    assert 3.4 <= delays[1] <= 4.6
    assert delays[4] >= 8.5
    assert list(islice(policy.new_trials(), 6)) != delays


@pytest.mark.parametrize("given", [5, SickNodePolicy, ExponentialReconnectionPolicy(1, 2)])
def test_what_is_no_policy(given: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="sick_node_policy"):
        Cluster(sick_node_policy=given)


@pytest.mark.parametrize("given", [None, NeverSickNodePolicy(), SickNodePolicy(silence=2)])
def test_a_cluster_keeps_what_it_is_given(given: Any) -> None:
    assert Cluster(sick_node_policy=given).sick_node_policy is given


def test_it_is_on_by_default() -> None:
    policy = Cluster().sick_node_policy
    assert type(policy) is SickNodePolicy
    assert policy.max_share > 0
