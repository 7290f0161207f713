"""Scenarios that hypothesis makes up, thousands of them, and what must hold after each.

A failing one is printed as a `Plan`; ``Run(plan).play()`` plays it again, to the last byte.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tests.scenarios.plans import Plan, plans
from tests.scenarios.run import Run

# The runs are about cql_driver, which is the same above both codecs.
FEW = os.environ.get("CQL_PROTOCOL_IMPL") == "cython"
EXAMPLES = {
    "streams": 1100,
    "nodes": 1100,
    "keyspaces": 1000,
    "retries": 900,
    "pressure": 500,
    "shutdown": 600,
}


def play(plan: Plan) -> Run:
    """Play a scenario; on failure tell its story."""
    run = Run(plan)
    try:
        run.play()
    except BaseException:
        note(f"{plan!r}\n{run.sim.world.story(120)}")
        raise
    return run


def scenarios(theme: str) -> Any:
    """Return the decorator of a test that plays scenarios of a theme."""
    count = EXAMPLES[theme] // (12 if FEW else 1)

    def decorate(function: Any) -> Any:
        bounded = settings(
            max_examples=int(os.environ.get("SCENARIOS", count)),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        )
        return pytest.mark.slow(bounded(given(plan=plans(theme))(function)))

    return decorate


@scenarios("streams")
def test_lost_late_and_doubled_answers(plan: Plan) -> None:
    play(plan)


@scenarios("nodes")
def test_nodes_and_networks_that_fail(plan: Plan) -> None:
    play(plan)


@scenarios("keyspaces")
def test_keyspaces_and_prepared_statements(plan: Plan) -> None:
    play(plan)


@scenarios("retries")
def test_errors_retries_and_speculation(plan: Plan) -> None:
    play(plan)


@scenarios("pressure")
def test_more_requests_than_places(plan: Plan) -> None:
    play(plan)


@scenarios("shutdown")
def test_the_end_in_the_middle_of_everything(plan: Plan) -> None:
    play(plan)


def test_the_runs_are_thousands() -> None:
    assert sum(EXAMPLES.values()) >= 5000


@settings(max_examples=10 if FEW else 60, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=plans("nodes"))
def test_a_scenario_plays_the_same_again(plan: Plan) -> None:
    first, second = play(plan), play(plan)
    assert first.sim.record == second.sim.record
