"""What the cases for trial have in common, which `test_deferreds` runs.

Trial fails a case that leaves a socket or a delayed call with the reactor, or an error that
nobody handled in a Deferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet import defer, reactor, task
from twisted.trial.unittest import TestCase

from cql_reactors.twistedreactor import TwistedCluster, TwistedSession
from tests.aio.live import LiveNodes
from tests.simulation.faults import Rule

if TYPE_CHECKING:
    from collections.abc import Callable


INSERT = "INSERT INTO t (k, v) VALUES (?, ?)"
SELECT = "SELECT v FROM t WHERE k = ?"


class Case(TestCase):
    """A case with nodes of its own."""

    timeout = 120
    nodes_count = 1

    def setUp(self) -> None:
        self.nodes = LiveNodes(self.nodes_count)
        self.nodes.__enter__()
        self.addCleanup(self.nodes.__exit__)

    def cluster(self, **options: Any) -> TwistedCluster:
        cluster = TwistedCluster(**self.nodes.options, **options)
        self.addCleanup(cluster.shutdown)
        return cluster

    async def connect(self, **options: Any) -> TwistedSession:
        return await self.cluster(**options).connect("ks", wait_for_all_pools=True)

    async def fill(self, session: TwistedSession, count: int) -> None:
        await session.execute_concurrent_with_args(
            INSERT, [(number, str(number)) for number in range(count)]
        )

    def rule(self, *arguments: Any, **named: Any) -> None:
        """Have all nodes do something else."""
        for node in self.nodes.cluster.nodes:
            node.rules.append(Rule(*arguments, **named))

    async def fails(self, awaited: defer.Deferred[Any], kind: type[BaseException]) -> Any:
        """Wait for a failure of this kind and return it."""
        try:
            found = await awaited
        except kind as exc:
            return exc
        self.fail(f"{found!r} came, and no {kind.__name__}")
        return None

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await task.deferLater(reactor, 0.005)


async def told(awaited: defer.Deferred[Any]) -> Any:
    """Return the result, or the exception."""
    try:
        return await awaited
    except Exception as exc:  # noqa: BLE001 - it is looked at
        return exc
