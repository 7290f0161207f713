"""Waiting until the nodes agree on a schema."""

from __future__ import annotations

from uuid import UUID

import pytest

from cql_driver.core.procedures import spawn
from cql_protocol.errors import ServerError
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
    assert 4 <= looks(engine) <= 7


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


def test_nodes_that_are_down_have_nothing_to_say(engine: StandInEngine) -> None:
    engine.nodes[3].schema_version = UUID(int=1)
    engine.hosts.mark_down(engine.host(3), "test")
    assert engine.run(engine.control.wait_for_schema_agreement()) is True


@pytest.mark.parametrize("timeout", [2.0, None])
def test_a_silent_node_does_not_hold_it_up(engine: StandInEngine, timeout: float | None) -> None:
    """Scenario 38: also with control_connection_timeout=None."""
    engine.settings.control_connection_timeout = timeout
    engine.nodes[1].silent = True
    before = engine.runtime.now()
    assert engine.run(engine.control.wait_for_schema_agreement(5)) is False
    assert engine.runtime.now() - before == pytest.approx(5, abs=0.05)


def test_a_connection_lost_in_the_middle_is_replaced(engine: StandInEngine) -> None:
    """Scenario 38."""
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
    assert len(own.asked) == 2
    assert looks(engine) == 0
    own.close()
    before = engine.runtime.now()
    assert engine.run(engine.control.wait_for_schema_agreement(5, own)) is False
    assert engine.runtime.now() == before


def test_an_error_of_the_server_is_a_look_in_vain(engine: StandInEngine) -> None:
    engine.nodes[1].errors["system.peers"] = ServerError("for a while")
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
