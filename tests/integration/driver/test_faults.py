"""Answers that are late, lost, doubled or forged, between the driver and a real node.

The numbers are those of ``docs/scenarios.md``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import DriverException, OperationTimedOut
from cql_driver.cluster import NoHostAvailable
from cql_driver.errors import ConnectionShutdown
from cql_driver.policies import RetryPolicy
from cql_driver.query import SimpleStatement
from cql_protocol import errors
from cql_protocol.messages import opcodes
from tests.integration.driver.faults import OFTEN, Outcome, alive, all_links, quiet, read, through
from tests.integration.driver.support import until
from tests.proxy import (
    Answers,
    Control,
    Cut,
    Delay,
    Drop,
    Forge,
    Frame,
    Hold,
    Nth,
    OnConnection,
    Opcode,
    Pass,
    Proxy,
    ProxyCluster,
    Statement,
    Where,
)

if TYPE_CHECKING:
    from cql_driver.cluster import Session

EXECUTED = Opcode(opcodes.EXECUTE, opcodes.QUERY)
SELECT = "SELECT k, v FROM t WHERE k = ?"


# --- streams and time-outs -----------------------------------------------------------------------


def test_scenario_01_a_late_answer_frees_its_stream(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    with through(proxies, keyspace) as session:
        select = session.prepare(SELECT)
        hold = Hold()
        late = proxy.on_response(Answers(EXECUTED & Statement("SELECT k, v")), hold, times=5)
        for k in range(5):
            with pytest.raises(OperationTimedOut):
                session.execute(select, (k,), timeout=0.05)
        taken = {frame.stream for frame in late.frames}
        assert len(taken) == 5
        [link] = all_links(session)
        assert (link.in_flight, link.orphans) == (0, 5)
        seen = proxy.on_request(Opcode(opcodes.EXECUTE), Pass())
        found = session.execute_concurrent([(select, (k % 40,)) for k in range(400)])
        assert [tuple(r.result_or_exc.one()) for r in found] == [
            (k % 40, f"v{k % 40}") for k in range(400)
        ]
        # The ids are not given to others as long as their answers may come.
        assert {frame.stream for frame in seen.frames}.isdisjoint(taken)
        hold.release()
        until(lambda: link.orphans == 0, "the late answers came")
        assert len(link.streams) == 0
        assert read(session, 7) == (7, "v7")


@pytest.mark.parametrize("closed_meanwhile", [False, True])
def test_scenario_02_a_connection_with_too_many_orphans_is_replaced(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, closed_meanwhile: bool
) -> None:
    with through(proxies, keyspace, orphan_threshold=3, reconnection_policy=OFTEN) as session:
        [old] = all_links(session)
        slow_hold, hold = Hold(), Hold()
        slow = proxy.on_response(Statement("k = 39"), slow_hold)
        proxy.on_response(Statement("k = 3"), hold)
        busy = session.execute_async("SELECT v FROM t WHERE k = 39", timeout=60)
        slow.wait()
        before = proxy.opened
        for k in range(30, 34):
            with pytest.raises(OperationTimedOut):
                session.execute(f"SELECT v FROM t WHERE k = {k}", timeout=0.05)
        [pool] = session.get_pools()
        until(lambda: pool.links and old not in pool.all_links, "it was replaced")
        assert proxy.opened == before + 1
        assert read(session) == (1, "v1")
        assert not old.closed
        if closed_meanwhile:
            proxy.cut(slow.frames[0].tunnel)
            with pytest.raises(DriverException):
                busy.result()
        else:
            slow_hold.release()
            assert busy.result().one().v == "v39"
            hold.release()
        until(lambda: old.closed and not pool.retiring, "the old connection is closed")
        assert read(session) == (1, "v1")


def test_scenario_03_a_lost_answer_to_a_later_page(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    with through(proxies, keyspace) as session:
        statement = SimpleStatement("SELECT k FROM t", fetch_size=15)
        lost = proxy.on_response(Statement("SELECT k FROM t") & Nth(2), Drop())
        result = session.execute(statement, timeout=0.3)
        first = [row.k for row in result.current_rows]
        started = time.monotonic()
        with pytest.raises(OperationTimedOut):
            result.fetch_next_page()
        assert 0.3 <= time.monotonic() - started < 5
        assert lost.used == 1
        rest = []
        while result.has_more_pages:
            result.fetch_next_page()
            rest += [row.k for row in result.current_rows]
        assert len(first) == 15
        assert sorted(first + rest) == list(range(40))
        # The lost answer never comes: its stream stays an orphan until the connection ends.
        [link] = all_links(session)
        assert link.orphans == 1
        proxy.cut()


@pytest.mark.parametrize("timeout", [0, 0.001, 0.005])
@pytest.mark.parametrize("text", [SELECT, "SELECT k, v FROM t WHERE k = 1"])
def test_scenario_06_time_outs_shorter_than_the_way(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str, timeout: float, text: str
) -> None:
    with through(proxies, keyspace) as session:
        parameters = (1,) if "?" in text else None
        proxy.on_response(Statement("SELECT k, v"), Delay(0.1))
        outcomes = [
            Outcome(session.execute_async(text, parameters, timeout=timeout)) for _ in range(20)
        ]
        for outcome in outcomes:
            with pytest.raises(OperationTimedOut):
                outcome.future.result()
        quiet(session)
        until(lambda: all(outcome.calls == 1 for outcome in outcomes), "all were told")
        proxy.clear()
        assert read(session) == (1, "v1")


def test_scenario_07_heartbeat_and_time_out_at_once(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    """All answers are lost: the heartbeat gives the connection up while requests time out."""
    with through(
        proxies,
        keyspace,
        idle_heartbeat_interval=0.4,
        idle_heartbeat_timeout=0.4,
        reconnection_policy=OFTEN,
    ) as session:
        [number] = [tunnel.number for tunnel in proxy.tunnels if not tunnel.registered]
        lost = proxy.on_response(OnConnection(number), Drop())
        outcomes = []
        for turn in range(30):
            timeout = 0.4 + turn * 0.02
            future = session.execute_async("UPDATE t SET v = 'v1' WHERE k = 1", timeout=timeout)
            outcomes.append(Outcome(future))
        until(lambda: all(outcome.calls for outcome in outcomes), "all have ended", 10)
        assert lost.used >= 30
        for outcome in outcomes:
            assert outcome.rows == []
            [error] = outcome.errors
            assert isinstance(error, OperationTimedOut | ConnectionShutdown)
        assert isinstance(outcomes[0].errors[0], OperationTimedOut)
        until(lambda: alive(session), "it is connected again")
        # On a busy machine such a short heartbeat fails now and then without a fault.
        until(lambda: _reads(session), "it reads again")


def _reads(session: Session) -> bool:
    try:
        return read(session) == (1, "v1")
    except NoHostAvailable:
        return False


def test_scenario_11_a_heartbeat_on_a_connection_that_breaks(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    with through(
        proxies, keyspace, idle_heartbeat_interval=0.2, reconnection_policy=OFTEN
    ) as session:
        [old] = all_links(session)
        beat = Opcode(opcodes.OPTIONS) & Where(ready) & ~Control()
        cut = proxy.on_request(beat, Cut(), times=1)
        cut.wait()
        until(lambda: old.closed, "the connection is closed")
        until(lambda: (old.in_flight, len(old.streams)) == (0, 0), "nothing waits on it")
        until(lambda: alive(session), "it is connected again")
        assert read(session) == (1, "v1")


def ready(frame: Frame) -> bool:
    """Whether the handshake of a frame's connection is over."""
    return frame.tunnel.client.settled


def test_scenario_27_an_infinite_retry_ends(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    class Always(RetryPolicy):
        def on_request_error(self, *args: Any, **kwargs: Any) -> Any:
            return self.RETRY, None

    with through(proxies, keyspace) as session:
        forged = proxy.on_request(Statement("UPDATE"), Forge(errors.ServerError("broken for good")))
        [host] = session.hosts
        statement = SimpleStatement("UPDATE t SET v = 'x' WHERE k = 1", retry_policy=Always())
        statement.is_idempotent = True
        with pytest.raises(errors.ServerError, match="broken for good"):
            session.execute(statement, host=host, timeout=None)
        assert forged.used == 64
        assert read(session) == (1, "v1")


def test_scenario_59_shutdown_with_requests_in_flight(
    proxies: ProxyCluster, proxy: Proxy, keyspace: str
) -> None:
    with through(proxies, keyspace) as session:
        held = proxy.on_response(Statement("SELECT k, v"), Hold())
        outcomes = [
            Outcome(session.execute_async(f"SELECT k, v FROM t WHERE k = {k}", timeout=60))
            for k in range(20)
        ]
        held.wait(20)
        started = time.monotonic()
        session.shutdown()
        for outcome in outcomes:
            with pytest.raises(DriverException, match="shut"):
                outcome.future.result()
        assert time.monotonic() - started < 5
        until(lambda: all(o.calls == 1 for o in outcomes), "each is told once")
