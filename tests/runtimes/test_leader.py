"""Threads that drive the loop in turn: none may sleep for ever, whatever happens to another."""

from __future__ import annotations

import ctypes
import itertools
import random
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.core.pending import Pending, Waitable
from cql_driver.errors import SessionShutdown
from cql_driver.runtimes.selector import SelectorRuntime
from cql_reactors.conformance.peers import PATIENCE, EchoServer, on_loop, outcome
from tests.runtimes.interrupts import CtrlC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(params=[True, False], ids=["thread", "no-thread"])
def runtime(request: pytest.FixtureRequest) -> Iterator[SelectorRuntime]:
    runtime = SelectorRuntime(background_thread=request.param)
    runtime.patience = None  # a lost wake-up must show
    runtime.start()
    yield runtime
    runtime.stop()


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads change after each few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer() as server:
        yield server


class Client:
    """Asks an echo server; each question has a number, as the streams of a connection."""

    def __init__(self, runtime: SelectorRuntime, server: EchoServer) -> None:
        self._runtime = runtime
        self._numbers = itertools.count()
        self._asked: dict[int, tuple[int, Pending[int]]] = {}
        self._transport: Any = None
        self._received = b""
        self._unsent: list[bytes] = []
        outcome(runtime, runtime.connect, server.address, self)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._received + data
        end = len(data) - len(data) % 4
        self._received = data[end:]
        for start in range(0, end, 4):
            number = int.from_bytes(data[start : start + 4], "big")
            question, answer = self._asked.pop(number)
            answer.set_result(question)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._transport = None
        for _, answer in tuple(self._asked.values()):
            answer.set_error(ConnectionError("closed"))

    def ask(self, question: int, answer: Pending[int], *, flush: bool = False) -> None:
        if self._transport is None:
            answer.set_error(ConnectionError("closed"))
            return
        number = next(self._numbers)
        self._asked[number] = question, answer
        data = number.to_bytes(4, "big")
        if not flush:
            self._transport.write(data)
            return
        self._unsent.append(data)
        if len(self._unsent) == 1:
            self._runtime.call_soon(self._flush)

    def _flush(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._transport.write(data)

    def perform(self, question: int, *, flush: bool = False, timeout: float | None = None) -> int:
        answer: Pending[int] = Pending()

        def begin() -> None:
            if timeout is not None:
                error = ConnectionError("no answer")
                timer = self._runtime.call_later(timeout, answer.set_error, error)
                answer.add_done_callback(lambda _: timer.cancel())
            self.ask(question, answer, flush=flush)

        self._runtime.perform(begin, answer)
        return answer.result()


def run_threads(count: int, body: Callable[[int], object]) -> list[BaseException]:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            body(number)
        except BaseException as exc:  # noqa: BLE001 - the test looks at them
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread sleeps for ever"
    return failures


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("threads", [2, 32])
def test_many_threads(runtime: SelectorRuntime, server: EchoServer, threads: int) -> None:
    client = Client(runtime, server)
    unwaited: list[Pending[int]] = []

    def work(number: int) -> None:
        rng = random.Random(number)
        for step in range(1600 // threads):
            question = (number * 7 + step) % 256
            way = rng.random()
            answer: Pending[int] = Pending()
            if way < 0.7:
                assert client.perform(question, flush=way < 0.2) == question
            elif way < 0.8:
                runtime.dispatch(client.ask, question, answer)
                while not runtime.wait(answer, 0.0005):
                    pass
                assert answer.result() == question
            elif way < 0.9:
                runtime.call_soon_threadsafe(client.ask, question, answer)
                assert runtime.wait(answer)
            else:
                unwaited.append(answer)
                runtime.dispatch(client.ask, question, answer)

    assert run_threads(threads, work) == []
    for answer in unwaited:
        assert runtime.wait(answer, PATIENCE)
    assert not runtime.has_followers()


@pytest.mark.usefixtures("hasty")
def test_threads_that_wait_for_each_other(runtime: SelectorRuntime) -> None:
    # No socket: what one waits for is done by calls of another, or by a timer.
    results: list[Pending[int]] = [Pending() for _ in range(400)]

    def work(number: int) -> None:
        for index in range(number, 400, 8):
            runtime.dispatch(results[(index * 7) % 400].set_result, index)
            if index % 3 == 0:
                runtime.wait(results[index], 0.0001)
            else:
                late = Waitable()
                runtime.perform(lambda late=late: runtime.call_later(0.0002, late.finish), late)

    assert run_threads(8, work) == []
    for result in results:
        assert runtime.wait(result, PATIENCE)


def interrupt(victims: set[int], done: threading.Event) -> None:
    """Raise `KeyboardInterrupt` in these threads, where a signal would raise it in the main one."""
    rng = random.Random(1)
    while not done.wait(rng.random() * 0.002):
        for ident in tuple(victims):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(ident), ctypes.py_object(KeyboardInterrupt)
            )


@pytest.mark.usefixtures("hasty")
def test_threads_that_are_interrupted_anywhere(
    runtime: SelectorRuntime, server: EchoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by Ctrl-C, after any call: others get their answers, or an error of a connection."""
    # Python tells of an interrupted __del__, and pytest's hook would be interrupted too.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    # What the interrupted thread did for others may be lost: they have time-outs.
    runtime.patience = 0.05
    clients = [Client(runtime, server)]
    victims: set[int] = set()
    done = threading.Event()
    answered: list[int] = []

    def work(number: int) -> None:
        fails = False
        for step in range(100):
            question = number * 1000 + step
            try:
                if fails:
                    clients.append(Client(runtime, server))
                fails = True
                assert clients[-1].perform(question, timeout=0.3) == question
                fails = False
                answered.append(question)
            except ConnectionError:
                continue

    def suffer() -> None:
        while not done.is_set():
            try:
                clients[-1].perform(1, timeout=0.01)
            except (KeyboardInterrupt, ConnectionError):
                continue

    def victim() -> None:
        victims.add(threading.get_ident())
        while not done.is_set():
            try:
                suffer()
            except KeyboardInterrupt:
                continue

    others = [threading.Thread(target=victim, daemon=True) for _ in range(2)]
    others.append(threading.Thread(target=interrupt, args=(victims, done), daemon=True))
    for thread in others:
        thread.start()
    failures = run_threads(4, work)
    done.set()
    for thread in others:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in others)
    assert failures == []
    assert len(answered) > 200
    runtime.patience = None
    late = Waitable()
    runtime.perform(lambda: runtime.call_soon(late.finish), late)


def test_ctrl_c_in_the_thread_that_leads(runtime: SelectorRuntime, server: EchoServer) -> None:
    client = Client(runtime, server)
    never = Waitable()
    answers: list[bool] = []
    late: Pending[int] = Pending()
    follower = threading.Thread(target=lambda: answers.append(runtime.wait(late, PATIENCE)))
    with CtrlC() as ctrl_c:

        def begin() -> None:
            # This thread leads, unless the background thread does yet, and the other follows.
            follower.start()
            runtime.call_later(0.05, ctrl_c.press)

        with pytest.raises(KeyboardInterrupt):
            runtime.perform(begin, never)
    runtime.dispatch(client.ask, 3, late)
    follower.join(PATIENCE)
    assert answers == [True]
    assert client.perform(5) == 5


def test_ctrl_c_in_a_thread_that_follows(runtime: SelectorRuntime, server: EchoServer) -> None:
    client = Client(runtime, server)
    leads = threading.Event()
    stop_leading: Pending[int] = Pending()

    def lead() -> None:
        runtime.perform(lambda: runtime.call_soon(leads.set), stop_leading)

    leader = threading.Thread(target=lead)
    leader.start()
    leads.wait(PATIENCE)
    with CtrlC() as ctrl_c:
        runtime.call_soon_threadsafe(runtime.call_later, 0.05, ctrl_c.press)
        with pytest.raises(KeyboardInterrupt):
            runtime.perform(lambda: None, Waitable())
    assert not runtime.has_followers()
    runtime.dispatch(stop_leading.set_result, 1)
    leader.join(PATIENCE)
    assert client.perform(9) == 9


def test_what_the_function_raises_is_raised_where_it_was_asked_for(
    runtime: SelectorRuntime,
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("of the caller")

    leads = threading.Event()
    stop_leading = Waitable()
    with pytest.raises(ZeroDivisionError):
        runtime.perform(fail, Waitable())
    leader = threading.Thread(
        target=lambda: runtime.perform(lambda: runtime.call_soon(leads.set), stop_leading)
    )
    leader.start()
    leads.wait(PATIENCE)
    with pytest.raises(ZeroDivisionError):
        runtime.perform(fail, Waitable())
    runtime.dispatch(stop_leading.finish)
    leader.join(PATIENCE)


def test_a_callback_may_wait_for_the_loop_that_runs_it(
    runtime: SelectorRuntime, server: EchoServer
) -> None:
    client = Client(runtime, server)
    order: list[str] = []
    done = Waitable()

    def outer() -> None:
        order.append("outer begins")
        assert runtime.in_loop()
        runtime.call_user(inner)
        assert client.perform(7) == 7
        late: Pending[int] = Pending()
        runtime.call_later(0.001, late.set_result, 1)
        assert runtime.wait(late, PATIENCE)
        assert not runtime.wait(Waitable(), 0.001)
        order.append("outer ends")

    def inner() -> None:
        assert client.perform(8) == 8
        order.append("inner")
        done.finish()

    runtime.dispatch(runtime.call_user, outer)
    assert runtime.wait(done, PATIENCE)
    assert order == ["outer begins", "outer ends", "inner"]


def test_what_nobody_waits_for_goes_on_by_itself(server: EchoServer) -> None:
    runtime = SelectorRuntime()
    runtime.start()
    client = Client(runtime, server)
    told: list[int] = []
    event = threading.Event()

    def tell(answer: Pending[int]) -> None:
        runtime.unattended -= 1
        runtime.call_user(told.append, answer.result())
        runtime.call_user(event.set)

    for number in range(50):
        event.clear()
        assert client.perform(1) == 1  # so that the background thread steps back

        def begin(number: int = number) -> None:
            runtime.unattended += 1
            answer: Pending[int] = Pending()
            answer.add_done_callback(tell)
            client.ask(number, answer)

        runtime.dispatch(begin)
        assert event.wait(PATIENCE)
    assert told == list(range(50))
    runtime.stop()


def test_without_a_thread_things_go_on_when_somebody_waits(server: EchoServer) -> None:
    runtime = SelectorRuntime(background_thread=False)
    before = threading.active_count()
    runtime.start()
    assert threading.active_count() == before
    client = Client(runtime, server)
    answer: Pending[int] = Pending()
    runtime.dispatch(client.ask, 1, answer)
    assert not answer.done
    assert client.perform(2) == 2
    assert answer.result() == 1
    runtime.stop()


def test_stop_wakes_who_waits(runtime: SelectorRuntime) -> None:
    failures: list[BaseException] = []
    leading = threading.Event()

    def stop() -> None:
        leading.wait(PATIENCE)
        on_loop(runtime, lambda: None)
        runtime.stop()

    def body(number: int) -> None:
        if number == 0:
            stop()
        else:
            runtime.perform(lambda: runtime.call_soon(leading.set), Waitable())

    failures = run_threads(6, body)
    assert [type(exc) for exc in failures] == [SessionShutdown] * 5
    with pytest.raises(SessionShutdown):
        runtime.perform(lambda: None, Waitable())
    with pytest.raises(SessionShutdown):
        runtime.dispatch(print)
    with pytest.raises(SessionShutdown):
        runtime.wait(Waitable(), 1)
    with pytest.raises(SessionShutdown):
        runtime.connect(("127.0.0.1", 1), None)  # type: ignore[arg-type]
    with pytest.raises(SessionShutdown):
        runtime.start()
    runtime.call_soon_threadsafe(print, "never")


def test_stop_from_a_callback(runtime: SelectorRuntime) -> None:
    with pytest.raises(SessionShutdown):
        runtime.perform(lambda: runtime.call_user(runtime.stop), Waitable())


def test_used_before_it_was_started() -> None:
    runtime = SelectorRuntime()
    with pytest.raises(SessionShutdown, match="not started"):
        runtime.perform(lambda: None, Waitable())
    runtime.stop()
