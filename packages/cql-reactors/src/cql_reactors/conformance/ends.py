"""The end of a loop: with everything under way, a thousand times, and after a fork."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.errors import SessionShutdown
from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import Stream, on_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.pending import Pending
    from cql_driver.core.runtime import Runtime
    from cql_reactors.conformance.certificates import Server

__all__ = ["Ends"]


class Ends(Kit):
    """`stop`, whatever is under way."""

    def test_stop_ends_everything_once(self, runtime: Runtime, server: Server) -> None:
        """Streams hear of their end, timers do not come, and nothing new begins."""
        stream, peer = server.connect(runtime)
        blocked, other = server.connect(runtime)
        on_loop(runtime, blocked.transport.write, bytes(32 << 20))
        on_loop(runtime, blocked.transport.close)
        late: list[int] = []
        on_loop(runtime, runtime.call_later, 0.05, late.append, 1)
        runtime.stop()
        runtime.stop()
        assert len(stream.lost) == len(blocked.lost) == 1
        assert isinstance(stream.lost[0], OSError)
        with peer, other:
            assert peer.recv(1) == b""
        assert not late
        for use in (
            lambda: runtime.dispatch(late.append, 2),
            lambda: runtime.connect(server.address, Stream()),
            lambda: runtime.resolve("127.0.0.1", 1),
            runtime.start,
        ):
            with pytest.raises(SessionShutdown):
                use()
        runtime.call_soon_threadsafe(late.append, 3)
        assert not late

    def test_stop_ends_attempts(self, runtime: Runtime, server: Server) -> None:
        """Also by a call on the loop, in the turn of their beginning."""
        pendings: list[Pending[Any]] = []

        def begin() -> None:
            pendings.append(server.begin(runtime, Stream()))
            pendings.append(runtime.resolve("no-such-host.invalid", 1))
            runtime.stop()

        runtime.dispatch(begin)
        runtime.stop()
        assert [type(p.error) for p in pendings if not isinstance(p.error, OSError)] == []

    def test_stop_before_the_start(self, make_runtime: Callable[[], Runtime]) -> None:
        """A runtime that was never started can be stopped, and not be started then."""
        runtime = make_runtime()
        runtime.stop()
        runtime.stop()
        with pytest.raises(SessionShutdown):
            runtime.start()
