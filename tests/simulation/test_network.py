"""The simulated network and its clock: determinism, deadlocks, leaks, back-pressure, faults."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cql_driver.core.pending import Pending, Waitable
from cql_protocol.errors import ConnectionClosed
from cql_protocol.messages import Query, QueryParameters
from tests.simulation import (
    Deadlock,
    Delay,
    Livelock,
    RawClient,
    Rule,
    Simulation,
    SimulationError,
    world,
)

QUERY = Query("SELECT key FROM system.local")


def conversation(seed: int, **settings: Any) -> tuple[list[Any], list[Any]]:
    """Run a few requests over a bad network; return the record and the answers."""
    with Simulation(seed) as sim:
        for name, value in settings.items():
            setattr(sim.network, name, value)
        sim[2].rules.append(Rule(Delay(0.0, 0.1), chance=0.5))
        answers: list[Any] = []
        for number in range(12):
            opening = RawClient(sim.runtime).opening(sim[1 + number % 3].endpoint)
            sim.run(opening, 5.0)
            if opening.done and opening.error is None:
                client = opening.result()
                asked = client.send(Query(f"INSERT INTO ks.t (k, v) VALUES ({number}, 'x')"))
                sim.run(asked, 1.0)
                answers.append(type(asked.error or asked.value).__name__)
        sim.network.break_streams()
        sim.run(1.0)
        return sim.record, answers


@pytest.mark.parametrize(
    "settings",
    [{}, {"chaos": True, "reset_chance": 0.03, "silence_chance": 0.03}, {"pieces": (1, 30)}],
    ids=["healthy", "chaos", "pieces"],
)
def test_the_same_seed_gives_the_same_run(settings: dict[str, Any]) -> None:
    runs = [conversation(11, **settings) for _ in range(2)]
    assert runs[0] == runs[1]
    assert conversation(12, **settings)[0] != runs[0][0]


def test_chaos_breaks_some_streams() -> None:
    answers = [a for s in range(4) for a in conversation(s, chaos=True, reset_chance=0.1)[1]]
    assert {"VoidResult", "ConnectionClosed"} <= set(answers)


def test_the_module_random_is_seeded_and_put_back() -> None:
    before = random.getstate()
    with Simulation(3):
        first = random.random()
    with Simulation(3):
        assert random.random() == first
    assert random.getstate() == before


# --- waiting ---------------------------------------------------------------------------------


def test_waiting_for_what_cannot_come_is_a_deadlock() -> None:
    with Simulation(5) as sim:
        with pytest.raises(Deadlock, match=r"nothing left to happen \(seed 5"):
            sim.runtime.wait(Waitable())
        assert sim.runtime.wait(Waitable(), timeout=2.0) is False
        assert sim.time == world.START + 2.0


def test_waiting_beside_a_busy_loop_ends_too() -> None:
    with Simulation() as sim:

        def heartbeat() -> None:
            sim.world.after(30.0, heartbeat)

        heartbeat()
        sim.runtime.patience = 600.0
        with pytest.raises(Deadlock, match=r"not done after 600.0 virtual seconds"):
            sim.runtime.wait(Waitable())


def test_calls_without_end_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "_MOST_CALLS", 1000)
    with Simulation() as sim:

        def again() -> None:
            sim.runtime.call_soon(again)

        again()
        with pytest.raises(Livelock):
            sim.run(1.0)
        sim.runtime.stop()


def test_the_loop_cannot_wait_for_itself() -> None:
    sim = Simulation()
    sim.runtime.call_soon(sim.runtime.wait, Waitable())
    sim.run(0.1)
    with pytest.raises(SimulationError, match="nobody is left to make it done"):
        sim.check()


def test_dispatch_perform_and_timers() -> None:
    with Simulation() as sim:
        runtime, seen = sim.runtime, list[Any]()
        runtime.dispatch(seen.append, "later")
        assert not seen
        done: Pending[int] = Pending()
        runtime.call_later(1.0, done.set_result, 7)
        runtime.perform(lambda: seen.append(runtime.in_loop()), done)
        assert seen == [True, "later"]
        assert not runtime.in_loop()
        timers = [runtime.call_later(delay, seen.append, delay) for delay in (3.0, 1.0, 2.0)]
        timers[0].cancel()
        timers[0].cancel()
        assert runtime.live_timers == 2
        sim.run(5.0)
        assert seen[2:] == [1.0, 2.0]
        assert runtime.live_timers == 0


def test_what_users_raise_is_no_failure() -> None:
    with Simulation() as sim:
        sim.runtime.call_user({}.__getitem__, "missing")
        sim.run(0.1)
        assert [type(error) for error in sim.runtime.user_errors] == [KeyError]


def test_other_threads_come_in_between_and_may_wait() -> None:
    with Simulation() as sim:
        client, answers = sim.raw(), []
        sim.at(0.5, lambda: answers.append(client.ask(QUERY)))
        sim.run(2.0)
        assert len(answers) == 1
        client.transport.close()


def test_many_cancelled_timers_are_swept() -> None:
    with Simulation() as sim:
        for _ in range(2000):
            sim.runtime.call_later(1000.0, print).cancel()
        assert len(sim.world._heap) < 600
        assert sim.runtime.leaks() == []


# --- leaks and failures ------------------------------------------------------------------------


def test_what_is_left_behind_is_told() -> None:
    sim = Simulation()
    sim.raw()
    sim.network.delay = (50.0, 50.0)
    sim.runtime.call_later(99.0, print)
    RawClient(sim.runtime).opening(sim[2].endpoint)
    assert sim.runtime.leaks() == [
        f"<timer at {sim.time - world.START + 99.0:.6f}: print>",
        "open stream 10.0.255.1:40001->10.0.1.1",
        "connecting to ('10.0.1.2', 9042)",
    ]
    with pytest.raises(SimulationError, match="left behind: open stream"):
        sim.check()
    sim.runtime.stop()
    assert len(sim.runtime.left_at_stop) == 3
    assert sim.runtime.leaks() == []
    sim.run(100.0)
    assert not any(node.connections for node in sim.nodes)


def test_what_raises_on_the_loop_fails_the_test() -> None:
    sim = Simulation()
    sim.runtime.call_soon({}.__getitem__, "missing")
    with pytest.raises(SimulationError, match="KeyError"), sim:
        pass


def test_a_stopped_client_is_called_no_more() -> None:
    with Simulation() as sim:
        called: list[str] = []
        sim.runtime.call_soon(called.append, "soon")
        sim.runtime.stop()
        sim.runtime.call_soon(called.append, "after")
        sim.runtime.call_later(1.0, called.append, "late")
        sim.run(2.0)
        assert called == []


# --- connecting --------------------------------------------------------------------------------


def test_connects_that_fail_or_take_long() -> None:
    with Simulation() as sim:
        sim.network.fail_connects(sim[1].address, TimeoutError("no route"))
        sim[2].accept_delay = 3.0
        failing = RawClient(sim.runtime).opening(sim[1].endpoint)
        slow = RawClient(sim.runtime).opening(sim[2].endpoint)
        nobody = RawClient(sim.runtime).opening(("10.9.9.9", 9042))
        sim.run(1.0)
        assert isinstance(failing.error, TimeoutError)
        assert isinstance(nobody.error, ConnectionRefusedError)
        assert not slow.done
        sim.run(slow)
        slow.result().transport.close()


def test_who_gives_up_connecting_leaves_nothing() -> None:
    with Simulation() as sim:
        sim[1].kill(silently=True)
        attempt = sim.runtime.connect(sim[1].endpoint, RawClient(sim.runtime))
        sim.run(60.0)
        assert not attempt.done
        attempt.set_error(TimeoutError())
        sim[1].start()
        sim.run(1.0)
        assert sim.runtime.leaks() == []
        assert sim.runtime.connections_made == 0


def test_look_ups() -> None:
    with Simulation() as sim:
        sim.network.names = {"db": ["10.0.1.1", "10.0.1.2"], "silent": None}
        found = sim.runtime.resolve("db", 9042)
        plain = sim.runtime.resolve("10.0.1.3", 1)
        unknown = sim.runtime.resolve("nowhere", 9042)
        silent = sim.runtime.resolve("silent", 9042)
        sim.run(1.0)
        assert found.result() == [("10.0.1.1", 9042), ("10.0.1.2", 9042)]
        assert plain.result() == [("10.0.1.3", 1)]
        assert isinstance(unknown.error, OSError)
        assert not silent.done


# --- streams -----------------------------------------------------------------------------------


def test_closing_sends_what_was_written_and_tells_both_ends() -> None:
    with Simulation() as sim:
        client = sim.raw()
        client.send(Query("INSERT INTO ks.t (k, v) VALUES (1, 'a')"))
        client.transport.close()
        client.transport.close()
        client.transport.write(b"too late")
        sim.run(1.0)
        assert client.lost == [None]
        assert sim.cluster.t.count(1) == 1
        assert not sim[1].connections
        assert not sim.network.streams


def test_aborting_tells_both_ends() -> None:
    with Simulation() as sim:
        client = sim.raw()
        client.transport.abort()
        sim.run(1.0)
        assert client.lost == [None]
        assert not sim[1].connections


def test_back_pressure_from_a_peer_that_does_not_read() -> None:
    with Simulation() as sim:
        client = sim.raw()
        sim.network.window = 1000
        client = sim.raw()
        sim[1].hang()
        client.send(Query(f"INSERT INTO ks.t (k, v) VALUES (1, '{'x' * 70_000}')"))
        sim.run(1.0)
        assert client.pauses == ["pause"]
        sim[1].resume()
        sim.run(5.0)
        assert client.pauses == ["pause", "resume"]
        assert sim.cluster.t.count(1) == 1
        sim.network.break_streams()


def test_a_client_that_pauses_reading_gets_everything_later() -> None:
    with Simulation() as sim:
        client = sim.raw()
        client.transport.pause_reading()
        asked = [client.send(QUERY) for _ in range(3)]
        sim.run(1.0)
        assert not any(pending.done for pending in asked)
        client.transport.resume_reading()
        sim.run(1.0)
        assert all(pending.done for pending in asked)
        client.transport.close()


def test_a_narrow_stream_takes_its_time() -> None:
    with Simulation() as sim:
        sim.network.bandwidth = 10_000.0
        client = sim.raw()
        began = sim.time
        client.ask(Query(f"INSERT INTO ks.t (k, v) VALUES (1, '{'x' * 50_000}')"))
        assert 5.0 < sim.time - began < 5.1
        client.transport.close()


def test_a_partition_holds_everything_until_it_heals() -> None:
    with Simulation() as sim:
        client = sim.raw()
        sim.network.partition([sim.runtime.address], [sim[1].address])
        asked = client.send(QUERY)
        opening = RawClient(sim.runtime).opening(sim[1].endpoint)
        other = sim.raw(2)
        sim.run(30.0)
        assert not asked.done
        assert not opening.done
        sim.network.heal()
        sim.run(1.0)
        assert asked.done
        opening.result().transport.close()
        other.transport.close()
        client.transport.close()


def test_streams_break_after_so_many_bytes() -> None:
    with Simulation() as sim:
        sim.network.cut_next(sim[1].address, 500)
        client = sim.raw()
        answers = [client.send(QUERY) for _ in range(20)]
        sim.run(1.0)
        assert isinstance(client.lost[0], ConnectionResetError)
        assert isinstance(answers[-1].error, ConnectionClosed)
        sim.network.cut_next(sim[1].address, 500, "silence", "to")
        silent = sim.raw()
        silent.ask(QUERY)
        answers = [silent.send(QUERY) for _ in range(40)]
        sim.run(60.0)
        assert not any(answer.done for answer in answers)
        assert silent.lost == []
        silent.transport.abort()


def test_silence_falls_on_open_streams() -> None:
    with Simulation() as sim:
        client = sim.raw()
        assert sim.network.break_streams(how="silence") == 1
        asked = client.send(QUERY)
        sim.run(60.0)
        assert not asked.done
        client.transport.close()
        sim.run(1.0)
        assert client.lost == [None]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_pieces_of_any_size_give_the_same_answers(version: int) -> None:
    with Simulation(version) as sim:
        sim.network.pieces = (1, 7)
        client = sim.raw(1, version)
        for k in range(5):
            sim.cluster.t.add(k=k, v="x" * 100)
        page = client.ask(Query("SELECT k, v FROM ks.t", QueryParameters(page_size=3)))
        assert page.row_count == 3  # type: ignore[attr-defined]
        client.transport.close()


def test_two_clients_have_lives_of_their_own() -> None:
    with Simulation() as sim:
        first = sim.raw()
        other = sim.new_runtime()
        second = RawClient(other).open(sim[1].endpoint)
        sim.runtime.stop()
        assert sim.runtime.left_at_stop == ["open stream 10.0.255.1:40001->10.0.1.1"]
        assert second.ask(QUERY).opcode == 8
        assert first.lost == []
        second.transport.close()
        sim.runtime.left_at_stop.clear()
