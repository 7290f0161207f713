"""Waiting until the nodes agree on a schema."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from cql_driver.core.procedures import spawn
from cql_driver.pools.host import Host
from cql_protocol.errors import ServerError
from cql_protocol.messages import VoidResult
from tests.control.stand_ins import StandInEngine


@pytest.fixture
def engine() -> StandInEngine:
    engine = StandInEngine(1, 2, 3)
    engine.connect()
    return engine


def looks(engine: StandInEngine) -> int:
    return sum("schema_version FROM system.local" in text for text in engine.link.asked)


def test_agreed_at_once(engine: StandInEngine) -> None:
    assert engine.run(engine.control.wait_for_schema_agreement()) is True
    assert looks(engine) == 1
    assert engine.end() == []


def test_agreed_after_a_while(engine: StandInEngine) -> None:
    engine.nodes[3].schema_version = UUID(int=1)
    waiting = spawn(engine.runtime, engine.control.wait_for_schema_agreement())
    engine.world.run_for(1)
    assert not waiting.done
    engine.nodes[3].schema_version = engine.nodes[1].schema_version
    engine.world.run_for(0.3)
    assert waiting.result() is True
    # After 10, 20, 40, 80 and 160 ms, then every 200 ms.
    assert 8 <= looks(engine) <= 11


def test_not_agreed_in_time(engine: StandInEngine, caplog: pytest.LogCaptureFixture) -> None:
    engine.nodes[3].schema_version = UUID(int=1)
    before = engine.runtime.now()
    assert engine.run(engine.control.wait_for_schema_agreement(3)) is False
    assert engine.runtime.now() - before == pytest.approx(3, abs=0.05)
    assert "do not agree on a schema after 3.0 s" in caplog.text
    assert str(UUID(int=1)) in caplog.text


@pytest.mark.parametrize("wait", [0, -1])
def test_no_time_is_no_question(engine: StandInEngine, wait: float) -> None:
    engine.nodes[3].schema_version = UUID(int=1)
    assert engine.run(engine.control.wait_for_schema_agreement(wait)) is True
    engine.settings.max_schema_agreement_wait = wait
    assert engine.run(engine.control.wait_for_schema_agreement()) is True
    assert looks(engine) == 0


@pytest.fixture
def pooled(engine: StandInEngine) -> StandInEngine:
    for number in (2, 3):
        host = engine.host(number)
        engine.pooled[host.address] = engine.run(engine.connector.open(host.endpoint, host))
    return engine


def test_nodes_are_asked_themselves_and_only_as_long_as_they_lag(pooled: StandInEngine) -> None:
    """What the others have heard of a node is a second old; its own word is not."""
    engine, second, third = pooled, pooled.pooled["10.0.0.2"], pooled.pooled["10.0.0.3"]
    engine.nodes[3].schema_version = UUID(int=1)
    waiting = spawn(engine.runtime, engine.control.wait_for_schema_agreement())
    engine.world.run_for(0.5)
    engine.nodes[3].schema_version = engine.nodes[1].schema_version
    engine.world.run_until(waiting)
    assert waiting.result() is True
    assert len(second.asked) == 1
    assert len(third.asked) == looks(engine) > 4
    assert all(link.tables().count("system.peers") == 0 for link in (engine.link, second, third))


def test_a_schema_that_changes_again_meanwhile(pooled: StandInEngine) -> None:
    engine = pooled
    engine.nodes[3].schema_version = UUID(int=1)
    waiting = spawn(engine.runtime, engine.control.wait_for_schema_agreement())
    engine.world.run_for(0.1)
    for number in (1, 3):
        engine.nodes[number].schema_version = UUID(int=5)
    engine.world.run_for(0.5)
    assert not waiting.done  # the second node agreed to what was before
    engine.nodes[2].schema_version = UUID(int=5)
    engine.world.run_until(waiting)
    assert waiting.result() is True


@pytest.mark.parametrize("timeout", [2.0, None])
def test_of_a_node_that_hangs_the_others_tell(pooled: StandInEngine, timeout: float | None) -> None:
    engine = pooled
    engine.settings.control_connection_timeout = timeout
    engine.nodes[3].silent = True
    before = engine.runtime.now()
    assert engine.run(engine.control.wait_for_schema_agreement(5)) is True
    assert engine.runtime.now() - before == pytest.approx(1.0, abs=0.1)
    assert len(engine.pooled["10.0.0.3"].asked) == 1
    engine.nodes[3].schema_version = UUID(int=1)
    before = engine.runtime.now()
    assert engine.run(engine.control.wait_for_schema_agreement(5)) is False
    assert engine.runtime.now() - before == pytest.approx(5, abs=0.05)


def test_who_does_not_matter_is_not_asked(pooled: StandInEngine) -> None:
    engine = pooled
    engine.nodes[3].schema_version = UUID(int=1)

    def within(host: Host) -> bool:
        return host.address != "10.0.0.3"

    assert engine.run(engine.control.wait_for_schema_agreement(5, None, within)) is True
    assert engine.pooled["10.0.0.3"].asked == []


def test_nodes_that_are_down_have_nothing_to_say(engine: StandInEngine) -> None:
    engine.nodes[3].schema_version = UUID(int=1)
    engine.hosts.mark_down(engine.host(3), "test")
    assert engine.run(engine.control.wait_for_schema_agreement()) is True


@pytest.mark.parametrize("silent", [False, True])
def test_a_sick_node_is_left_out_only_if_it_does_not_answer(
    pooled: StandInEngine, silent: bool
) -> None:
    """A node that is slow for a moment is going to be asked again, and must know the schema."""
    engine = pooled
    engine.nodes[3].schema_version = UUID(int=1)
    engine.nodes[3].silent = silent
    engine.host(3).is_sick = True
    before = engine.runtime.now()
    assert engine.run(engine.control.wait_for_schema_agreement(5)) is silent
    assert engine.runtime.now() - before == pytest.approx(1 if silent else 5, abs=0.1)


@pytest.mark.parametrize("timeout", [2.0, None])
def test_scenario_38_a_silent_node_does_not_hold_it_up(
    engine: StandInEngine, timeout: float | None
) -> None:
    """Also with control_connection_timeout=None."""
    engine.settings.control_connection_timeout = timeout
    engine.nodes[1].silent = True
    before = engine.runtime.now()
    assert engine.run(engine.control.wait_for_schema_agreement(5)) is False
    assert engine.runtime.now() - before == pytest.approx(5, abs=0.05)


def test_scenario_38_a_connection_lost_in_the_middle_is_replaced(engine: StandInEngine) -> None:
    engine.nodes[3].schema_version = UUID(int=1)
    waiting = spawn(engine.runtime, engine.control.wait_for_schema_agreement())
    engine.world.run_for(0.5)
    engine.lose_link()
    engine.nodes[3].schema_version = engine.nodes[1].schema_version
    engine.world.run_for(1)
    assert waiting.result() is True


def test_a_connection_of_the_callers_own(engine: StandInEngine) -> None:
    own = engine.run(engine.connector.open(engine.host(2).endpoint))
    assert engine.run(engine.control.wait_for_schema_agreement(5, own)) is True
    assert own.tables() == ["system.local", "system.peers"]
    assert looks(engine) == 1  # for itself alone
    assert "system.peers" not in engine.link.tables()
    own.close()
    before = engine.runtime.now()
    assert engine.run(engine.control.wait_for_schema_agreement(5, own)) is False
    assert engine.runtime.now() == before


@pytest.mark.parametrize("answer", [ServerError("for a while"), VoidResult()])
def test_an_answer_that_tells_nothing_is_a_look_in_vain(engine: StandInEngine, answer: Any) -> None:
    engine.nodes[1].errors["system.peers"] = answer
    waiting = spawn(engine.runtime, engine.control.wait_for_schema_agreement())
    engine.world.run_for(1)
    assert not waiting.done
    engine.nodes[1].errors.clear()
    engine.world.run_for(1)
    assert waiting.result() is True


def test_shutting_down_ends_it(engine: StandInEngine) -> None:
    engine.nodes[3].schema_version = UUID(int=1)
    waiting = spawn(engine.runtime, engine.control.wait_for_schema_agreement())
    engine.world.run_for(0.5)
    engine.end()
    engine.world.run_for(1)
    assert waiting.result() is False
    assert engine.runtime.leaks() == []
