"""Procedures: cancelling, time limits, waiting for several."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.core.pending import Pending
from cql_driver.core.procedures import Procedure, gather, sleep, spawn, within
from cql_driver.errors import RequestCancelled
from cql_protocol.errors import OperationTimedOut
from tests.simulation import Simulation


def test_a_procedure_goes_on_when_what_it_awaits_is_done() -> None:
    with Simulation() as sim:
        first: Pending[int] = Pending()
        done: Pending[int] = Pending()
        done.set_result(1)

        async def work() -> int:
            await sleep(sim.runtime, 0.5)
            return await first + await done

        procedure = spawn(sim.runtime, work())
        sim.run(1.0)
        assert not procedure.done
        first.set_result(2)
        assert procedure.result() == 3


def test_cancelling_ends_the_innermost_wait() -> None:
    with Simulation() as sim:
        steps: list[str] = []

        async def inner() -> None:
            try:
                await sleep(sim.runtime, 10.0)
            except RequestCancelled:
                steps.append("inner")
                raise
            finally:
                steps.append("finally")

        async def outer() -> None:
            try:
                await spawn(sim.runtime, inner())
            except RequestCancelled:
                steps.append("outer")
                raise

        procedure = spawn(sim.runtime, outer())
        procedure.cancel()
        assert steps == ["inner", "finally", "outer"]
        assert isinstance(procedure.error, RequestCancelled)
        procedure.cancel()  # once more does nothing
        assert sim.runtime.live_timers == 0


def test_a_cancelled_procedure_may_go_on() -> None:
    with Simulation() as sim:

        async def stubborn() -> str:
            try:
                await sleep(sim.runtime, 1.0)
            except RequestCancelled:
                await sleep(sim.runtime, 2.0)
            return "done"

        procedure = spawn(sim.runtime, stubborn())
        procedure.cancel()
        assert not procedure.done
        sim.run(2.5)
        assert procedure.result() == "done"


def test_cancelling_before_the_start_and_after_the_end() -> None:
    with Simulation() as sim:

        async def work() -> int:
            return 7

        procedure: Procedure[int] = Procedure(sim.runtime, work())
        procedure.cancel()
        assert isinstance(procedure.error, RequestCancelled)
        ended = spawn(sim.runtime, work())
        ended.cancel()
        assert ended.result() == 7


def test_within_gives_up_in_time() -> None:
    with Simulation() as sim:

        async def slow() -> None:
            await sleep(sim.runtime, 5.0)

        waiting = [
            within(sim.runtime, 1.0, slow(), "it"),
            within(sim.runtime, 1.0, Pending(), "it"),
        ]
        quick = within(sim.runtime, 1.0, sleep(sim.runtime, 0.5), "it")
        unlimited = within(sim.runtime, None, sleep(sim.runtime, 2.0), "it")
        sim.run(1.1)
        for pending in waiting:
            assert isinstance(pending.error, OperationTimedOut)
            assert "it took longer than 1.0 s" in str(pending.error)
        assert quick.error is None
        sim.run(1.0)
        assert unlimited.done
        assert sim.runtime.live_timers == 0


def test_gather_returns_results_and_errors_in_order() -> None:
    with Simulation() as sim:
        items: list[Pending[Any]] = [Pending() for _ in range(3)]
        error = ValueError("second")
        items[1].set_error(error)
        waiting = spawn(sim.runtime, gather(items))
        items[2].set_result("third")
        assert not waiting.done
        items[0].set_result("first")
        assert waiting.result() == ["first", error, "third"]
        assert spawn(sim.runtime, gather([])).result() == []


def test_gather_passes_an_interrupt_on() -> None:
    with Simulation() as sim:
        item: Pending[None] = Pending()
        waiting = spawn(sim.runtime, gather([item]))
        item.set_error(KeyboardInterrupt())
        assert isinstance(waiting.error, KeyboardInterrupt)


def test_to_stop_waiting_for_several_does_not_touch_them() -> None:
    with Simulation() as sim:
        items: list[Pending[int]] = [Pending() for _ in range(2)]
        waiting = within(sim.runtime, 1.0, spawn(sim.runtime, gather(items)), "both")
        sim.run(1.1)
        assert isinstance(waiting.error, OperationTimedOut)
        assert not any(item.done for item in items)


def test_procedures_that_are_thrown_away_do_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    with Simulation() as sim:
        steps: list[str] = []
        inner: Pending[None] = Pending()

        async def work() -> None:
            try:
                await inner
            finally:
                inner.set_result(None)  # as a connection does that is closed
                steps.append("closed")

        procedure = spawn(sim.runtime, work())
        procedure._coroutine.close()
        assert steps == ["closed"]
        assert not procedure.done
        assert not caplog.records
