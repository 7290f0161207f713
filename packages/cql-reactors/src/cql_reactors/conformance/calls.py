"""Calls of the loop's own and of other threads, and waiting for results."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.core.pending import Pending, Waitable
from cql_driver.core.procedures import gather, sleep, spawn, within
from cql_driver.errors import SessionShutdown
from cql_protocol.errors import OperationTimedOut, UnsupportedOperation
from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import PATIENCE, Job, on_loop, outcome, real_thread

if TYPE_CHECKING:
    from cql_driver.core.runtime import Runtime

__all__ = ["Calls"]


class Calls(Kit):
    """Calls, threads, waiting and look-ups."""

    def test_calls_come_in_order(self, runtime: Runtime) -> None:
        """`call_soon` calls later, in order, on the loop."""
        order: list[int] = []
        done = Waitable()

        def begin() -> None:
            for number in range(100):
                runtime.call_soon(order.append, number)
            runtime.call_soon(done.finish)
            assert not order
            assert runtime.in_loop()

        runtime.dispatch(begin)
        assert runtime.wait(done, PATIENCE)
        assert order == list(range(100))
        assert not runtime.in_loop()

    def test_calls_of_users_nest_not(self, runtime: Runtime) -> None:
        """`call_user` calls each function once, in order, and none inside another one."""
        order: list[str] = []
        done = Waitable()

        def first() -> None:
            runtime.call_user(second)
            order.append("first")

        def second() -> None:
            order.append("second")
            done.finish()

        runtime.dispatch(runtime.call_user, first)
        assert runtime.wait(done, PATIENCE)
        assert order == ["first", "second"]

    @pytest.mark.parametrize("kind", [Job, real_thread])
    def test_calls_of_other_threads_come_each_in_its_order(
        self, runtime: Runtime, kind: Any
    ) -> None:
        """`call_soon_threadsafe` loses nothing, and keeps the order of each thread."""
        seen: list[tuple[int, int]] = []
        strangers: list[int] = []
        done = Waitable()

        def note(thread: int, number: int) -> None:
            seen.append((thread, number))
            if not runtime.in_loop():
                strangers.append(number)
            if len(seen) == 8 * 200:
                done.finish()

        def call(thread: int) -> None:
            for number in range(200):
                runtime.call_soon_threadsafe(note, thread, number)

        jobs = [kind(call, number) for number in range(8)]
        assert runtime.wait(done, PATIENCE)
        for job in jobs:
            (job.join if kind is real_thread else job.result)()
        for thread_number in range(8):
            assert [n for t, n in seen if t == thread_number] == list(range(200))
        assert not strangers

    def test_a_sleeping_loop_is_woken(self, runtime: Runtime) -> None:
        """A call of another thread comes at once, though the loop has nothing to do."""
        for _ in range(20):
            done = Waitable()
            thread = real_thread(runtime.call_soon_threadsafe, done.finish)
            assert runtime.wait(done, PATIENCE)
            thread.join()

    def test_what_a_call_raises_harms_no_other(
        self, runtime: Runtime, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An exception of a call or a timer is logged, and the loop goes on."""
        done = Waitable()

        def fail() -> None:
            raise ZeroDivisionError("of a callback")

        def begin() -> None:
            runtime.call_soon(fail)
            runtime.call_user(fail)
            runtime.call_soon_threadsafe(fail)
            runtime.call_later(0, fail)
            runtime.call_later(0.005, done.finish)

        with caplog.at_level(logging.ERROR):
            runtime.dispatch(begin)
            assert runtime.wait(done, PATIENCE)
        assert caplog.text.count("ZeroDivisionError: of a callback") == 4

    def test_wait_gives_up(self, runtime: Runtime) -> None:
        """`wait` returns after its time, and at once what is done."""
        never = Waitable()
        begun = runtime.now()
        assert not runtime.wait(never, 0.02)
        assert runtime.now() - begun >= 0.019
        assert not runtime.wait(never, 0)
        on_loop(runtime, never.finish)
        assert runtime.wait(never, 0)
        assert runtime.wait(never)

    def test_several_threads_wait_for_one_result(self, runtime: Runtime) -> None:
        """All who wait are woken, and who gave up before that is not in the way."""
        result: Pending[int] = Pending()
        hasty = [Job(runtime.wait, result, 0.01) for _ in range(3)]
        patient = [Job(runtime.wait, result, PATIENCE) for _ in range(5)]
        assert [job.result() for job in hasty] == [False] * 3
        runtime.dispatch(runtime.call_later, 0.01, result.set_result, 1)
        assert [job.result() for job in patient] == [True] * 5
        assert runtime.wait(result, PATIENCE)

    def test_threads_wait_for_results_of_their_own(self, runtime: Runtime) -> None:
        """Each is woken by its own result, whatever their order."""
        delays = [0.03, 0.01, 0.02, 0.0, 0.04]

        def wait(delay: float) -> float:
            result: Pending[float] = Pending()
            runtime.perform(lambda: runtime.call_later(delay, result.set_result, delay), result)
            return result.result()

        jobs = [Job(wait, delay) for delay in delays]
        assert [job.result() for job in jobs] == delays

    def test_waiting_on_the_loop_is_refused_or_works(self, runtime: Runtime) -> None:
        """A `reentrant` loop works on while a user's call waits; another one refuses that.

        Unless the loop has others make such calls, who may wait.
        """
        outcomes: list[Any] = []
        holds: list[bool] = []
        done = Waitable()

        def wait() -> None:
            holds.append(runtime.in_loop())
            finished = Waitable()
            finished.finish()
            result: Pending[int] = Pending()
            runtime.dispatch(runtime.call_later, 0.01, result.set_result, 1)
            try:
                outcomes.append(runtime.wait(finished))
                outcomes.append(runtime.wait(result, PATIENCE))
            except UnsupportedOperation as exc:
                outcomes.append(str(exc))
            done.finish()

        runtime.dispatch(runtime.call_user, wait)
        assert runtime.wait(done, PATIENCE)
        if runtime.reentrant or not holds[0]:
            assert outcomes == [True, True]
        else:
            assert outcomes[0] is True
            assert "event loop" in outcomes[1]

    def test_procedures(self, runtime: Runtime) -> None:
        """`run` runs a procedure with all that procedures use."""

        async def nap(delay: float) -> float:
            await sleep(runtime, delay)
            return delay

        async def main() -> list[Any]:
            slow = within(runtime, 0.01, sleep(runtime, 100), "sleeping")
            return await gather([spawn(runtime, nap(0.01)), spawn(runtime, nap(0.005)), slow])

        first, second, third = runtime.run(main())
        assert (first, second) == (0.01, 0.005)
        assert isinstance(third, OperationTimedOut)

    def test_resolve(self, runtime: Runtime) -> None:
        """Addresses are themselves, and names have addresses."""
        for host, expected in (("127.0.0.1", ("127.0.0.1", 9042)), ("::1", ("::1", 9042, 0, 0))):
            assert outcome(runtime, runtime.resolve, host, 9042) == [expected]
        for address in outcome(runtime, runtime.resolve, "localhost", 9042):
            assert address[0] in ("127.0.0.1", "::1")
            assert address[1] == 9042

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid", "a..b", ""])
    def test_a_name_that_is_none(self, runtime: Runtime, host: str) -> None:
        """The error of a look-up is an `OSError`, and a look-up can be given up."""
        with pytest.raises(OSError, match=r".+"):
            outcome(runtime, runtime.resolve, host, 9042)
        pending = on_loop(runtime, runtime.resolve, host, 9042)
        runtime.dispatch(pending.set_error, TimeoutError("given up"))
        with pytest.raises(OSError, match=r".+"):
            on_loop(runtime, pending.result)

    def test_stop_ends_who_waits(self, runtime: Runtime) -> None:
        """Threads that wait when the loop is stopped get `SessionShutdown`."""
        started = threading.Semaphore(0)

        def wait() -> None:
            started.release()
            with pytest.raises(SessionShutdown):
                runtime.wait(Waitable(), PATIENCE)

        jobs = [Job(wait) for _ in range(4)]
        for _ in jobs:
            started.acquire()
        on_loop(runtime, lambda: None)
        runtime.stop()
        for job in jobs:
            job.result()
