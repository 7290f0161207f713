"""Processes that fork while a loop runs: the child uses nothing of it, the parent goes on."""

from __future__ import annotations

import gc
import os
import signal
import time
import traceback
import warnings
from typing import TYPE_CHECKING

import pytest

from cql_driver.core.pending import Waitable
from cql_driver.errors import ForkedError
from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import PATIENCE, Job, Stream, on_loop, read_exactly, settle

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.core.runtime import Runtime
    from cql_reactors.conformance.certificates import Server

__all__ = ["Forks", "fork", "join"]


def fork(body: Callable[[], object]) -> tuple[int, int]:
    """Run the function in a child process; return what `join` takes."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # That other threads are not there in the child is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code = 1
    try:
        body()
        code = 0
    except BaseException:  # noqa: BLE001 - told to the parent
        os.write(writing, traceback.format_exc().encode()[-60_000:])
    finally:
        os._exit(code)


def join(pid: int, reading: int) -> None:
    """Wait for a child's end, and raise what went wrong in it."""
    end = time.monotonic() + PATIENCE
    try:
        while True:
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone:
                break
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                pytest.fail("the child does not end")
            time.sleep(0.002)
        told = os.read(reading, 1 << 16).decode()
    finally:
        os.close(reading)
    if status:
        pytest.fail(f"in the child, which ended with {status}:\n{told}", pytrace=False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
class Forks(Kit):
    """`os.fork`, by any thread at any time."""

    @pytest.mark.parametrize("waits", [True, False], ids=["others-wait", "alone"])
    def test_a_fork(
        self,
        runtime: Runtime,
        make_runtime: Callable[[], Runtime],
        server: Server,
        waits: bool,
    ) -> None:
        """In the child uses raise `ForkedError`, and a runtime of its own works."""
        stream, peer = server.connect(runtime)
        never = Waitable()
        waiting = [Job(runtime.wait, never) for _ in range(2 if waits else 0)]
        settle(runtime)

        def child() -> None:
            _assert_useless(runtime, stream)
            _use_another(make_runtime, server)

        join(*fork(child))
        _assert_alive(runtime, stream, peer)
        runtime.dispatch(never.finish)
        assert [job.result() for job in waiting] == [True] * len(waiting)
        peer.close()

    def test_a_fork_after_the_end(
        self, make_runtime: Callable[[], Runtime], server: Server
    ) -> None:
        """Of a server that connects as it loads, and forks then: no thread's end is under way."""
        for _ in range(10):
            _use_another(make_runtime, server)
            join(*fork(lambda: _use_another(make_runtime, server)))

    def test_a_fork_on_the_loop(self, runtime: Runtime, server: Server) -> None:
        """By a callback of a user, say."""
        stream, peer = server.connect(runtime)
        child: list[Any] = []
        done = Waitable()

        def begin() -> None:
            child.extend(fork(lambda: _assert_useless(runtime, stream)))
            done.finish()

        runtime.dispatch(runtime.call_user, begin)
        assert runtime.wait(done, PATIENCE)
        join(*child)
        _assert_alive(runtime, stream, peer)
        peer.close()

    def test_the_child_lets_go_of_all(self, runtime: Runtime, server: Server) -> None:
        """What the child drops or ends is not ended for the parent, streams under way neither."""
        stream, peer = server.connect(runtime)
        busy, slow = server.connect(runtime)
        data = bytes(8 << 20)
        on_loop(runtime, busy.transport.write, data)
        pending = on_loop(runtime, server.begin, runtime, Stream())

        def child() -> None:
            stream.transport.abort()
            busy.transport.close()
            pending.set_error(TimeoutError("given up by the child"))
            runtime.stop()
            gc.collect()

        join(*fork(child))
        accepting = Job(server.accept)
        assert runtime.wait(pending, PATIENCE)
        pending.result()
        accepting.result().close()
        reading = Job(read_exactly, slow, len(data))
        on_loop(runtime, busy.transport.close)
        assert busy.until_lost(runtime) is None
        assert reading.result() == data
        slow.close()
        _assert_alive(runtime, stream, peer)
        peer.close()

    def test_a_fork_before_the_start(self, make_runtime: Callable[[], Runtime]) -> None:
        """A runtime that holds nothing yet belongs to whoever starts it."""
        runtime = make_runtime()

        def child() -> None:
            runtime.start()
            on_loop(runtime, lambda: None)
            runtime.stop()

        join(*fork(child))
        runtime.start()
        on_loop(runtime, lambda: None)
        runtime.stop()


def _use_another(make_runtime: Callable[[], Runtime], server: Server) -> None:
    """Connect by a new runtime, receive and stop."""
    runtime = make_runtime()
    runtime.start()
    stream, peer = server.connect(runtime)
    peer.sendall(b"hello")
    stream.until(runtime, lambda: stream.received == b"hello")
    runtime.stop()
    peer.close()


def _assert_useless(runtime: Runtime, stream: Stream) -> None:
    """Assert that a child cannot use what its parent made, and does no harm in trying."""
    for use in (
        lambda: runtime.perform(lambda: None, Waitable()),
        lambda: runtime.dispatch(stream.check),
        lambda: runtime.wait(Waitable(), 5),
        lambda: runtime.connect(("127.0.0.1", 1), Stream()),
        lambda: runtime.resolve("127.0.0.1", 1),
        runtime.start,
    ):
        with pytest.raises(ForkedError):
            use()
    told = list(stream.calls)
    stream.transport.write(b"from the child")
    stream.transport.pause_reading()
    stream.transport.resume_reading()
    stream.transport.close()
    stream.transport.abort()
    runtime.call_soon_threadsafe(stream.check)
    runtime.stop()
    assert stream.calls == told


def _assert_alive(runtime: Runtime, stream: Stream, peer: Any) -> None:
    """Assert that the parent's stream works both ways, and the child sent nothing on it."""
    on_loop(runtime, stream.transport.write, b"parent")
    assert read_exactly(peer, 6) == b"parent"
    peer.sendall(b"answer")
    stream.until(runtime, lambda: stream.received.endswith(b"answer"))
    assert not stream.lost
