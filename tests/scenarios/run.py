"""`Run`: one scenario on the simulation, from its first action to what must hold at its end."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.core.observers import Observer
from cql_driver.errors import ClientOverloaded
from cql_driver.policies import (
    ConstantReconnectionPolicy,
    ConstantSpeculativeExecutionPolicy,
    FallthroughRetryPolicy,
    RetryPolicy,
    RoundRobinPolicy,
)
from cql_protocol.errors import DriverException
from cql_protocol.streams import ORPHAN
from tests.scenarios.operations import INSERT, PAGED_ROWS, READ_KEYS, SELECT, Operation
from tests.simulation import Simulation

if TYPE_CHECKING:
    from cql_driver.core.link import Link
    from cql_driver.core.sessions import SessionPools
    from tests.scenarios.plans import Plan

__all__ = ["Run", "check_streams"]

KEYSPACES = ("ks", "ks2")
_REST = 60
"""Half seconds that a cluster without faults may take to be well again."""


class _Errors(logging.Handler):
    """Keeps what the driver logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info:
            text += f": {record.exc_info[1]!r}"
        self.found.append(text)


class Eager(RetryPolicy):
    """Repeats everything, on this host and on the next in turn, sometimes after a while."""

    delay = 0.0

    def _again(self, retry_num: int) -> tuple[Any, ...]:
        if retry_num >= 4:
            return self.RETHROW, None
        decision = self.RETRY_NEXT_HOST if retry_num % 2 else self.RETRY
        return decision, None, self.delay * retry_num

    def on_read_timeout(self, *args: Any, **kwargs: Any) -> Any:
        return self._again(args[-1])

    on_write_timeout = on_unavailable = on_request_error = on_read_timeout


class Slow(Eager):
    """Waits between its attempts."""

    delay = 0.05


class Ignoring(RetryPolicy):
    """Takes time-outs for successes."""

    def on_write_timeout(self, *args: Any, **kwargs: Any) -> Any:
        return self.IGNORE, None

    on_read_timeout = on_write_timeout


class Watcher(Observer):
    """Sees that the hooks of a request come in their order, each as often as it may."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def _expect(self, request: Any, step: str, *before: str | None) -> None:
        last = request.context.get(self)
        if last not in before:
            self.wrong.append(f"{request}: {step} after {last}")
        request.context[self] = step

    def request_created(self, request: Any) -> None:
        self._expect(request, "created", None)

    def request_started(self, request: Any) -> None:
        self._expect(request, "started", "created")

    def attempt_started(self, request: Any, host: Any, speculative: bool) -> None:
        self._expect(request, "started", "started")

    def attempt_ended(self, request: Any, host: Any, error: Any, duration: float) -> None:
        self._expect(request, "started", "started")

    def request_ended(self, request: Any, error: Any, duration: float) -> None:
        self._expect(request, "ended", "started", "created")


def profiles() -> dict[Any, ExecutionProfile]:
    """Return the profiles of a run, with new policies."""
    spread: Any = RoundRobinPolicy
    hasty = ConstantSpeculativeExecutionPolicy(0.01, 3)
    made = {
        EXEC_PROFILE_DEFAULT: ExecutionProfile(),
        "hasty": ExecutionProfile(spread(), speculative_execution_policy=hasty),
        "eager": ExecutionProfile(spread(), Eager(), speculative_execution_policy=hasty),
        "slow": ExecutionProfile(spread(), Slow()),
        "never": ExecutionProfile(retry_policy=FallthroughRetryPolicy()),
        "ignoring": ExecutionProfile(spread(), Ignoring()),
    }
    for profile in made.values():
        profile.request_timeout = 3.0
    return made


class Run:
    """One scenario: `play` does the steps of its plan, `finish` lets it come to rest and checks.

    What happened so far decides about what may follow: `lossy`, an answer may have been lost on
    a connection that lives; `silent`, a connection may be dead and nobody knows; `noisy`, a
    server broke the protocol, which is logged; `doubled`, it did so by a second answer, which
    may reach another request; `stalled`, how many seconds the loop stood still.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.operations: list[Operation] = []
        self.problems: list[str] = []
        self.uses: list[tuple[int, float, float, str]] = []
        self.stalled = 0.0
        self.checks: list[Any] = []
        self.asides: list[str] = []
        """What threads of users are at."""
        self.lossy = self.silent = self.noisy = self.doubled = self.over = False
        self.closed_sessions: set[int] = set()
        self.prepared: list[dict[str, Any]] = []
        self.errors = _Errors()
        self.watcher = Watcher()
        self.watched = plan.watched
        self.sim = Simulation(plan.seed, plan.nodes, versions=range(3, plan.version + 1))

    def play(self) -> None:
        """Do it all; raise, with the story, when something is not as it must be."""
        log = logging.getLogger("cql_driver")
        before = log.propagate, log.level
        log.propagate = False
        log.setLevel(logging.ERROR)
        log.addHandler(self.errors)
        try:
            with self.sim:
                self.begin()
                for step in self.plan.steps:
                    if step.delay:
                        self.sim.run(step.delay)
                    self.sim.world.note("step", step.name, *step.args)
                    step.action(self, *step.args)
                self.finish()
        finally:
            log.removeHandler(self.errors)
            log.propagate, level = before
            log.setLevel(level)

    def begin(self) -> None:
        """Fill the tables, and connect two sessions in keyspaces of their own."""
        store = self.sim.cluster.store
        store.keyspace("ks2", 3)
        store.make("ks2.t", "k int, v text")
        store.make("ks2.c", "k int, n bigint")
        for keyspace in KEYSPACES:
            for key in range(READ_KEYS):
                store.table(keyspace, "t").add(k=key, v=f"{keyspace}/{key}")
        for c in range(PAGED_ROWS):
            self.sim.cluster.w.add(p=1, c=c, v="x")
        self.sim.cluster.w.empty_pages = 1
        self.cluster = self.sim.new_cluster(
            execution_profiles=profiles(),
            observers=[self.watcher] if self.watched else [],
            reconnection_policy=ConstantReconnectionPolicy(0.2),
            idle_heartbeat_interval=1.0,
            idle_heartbeat_timeout=1.0,
            connect_timeout=1.0,
            control_connection_timeout=1.0,
            topology_event_refresh_window=0.1,
            status_event_refresh_window=0.1,
            schema_event_refresh_window=0.1,
            **dict(self.plan.options),
        )
        self.sessions = [self.cluster.connect(ks, wait_for_all_pools=True) for ks in KEYSPACES]
        assert self.cluster._engine is not None
        self.engine = self.cluster._engine
        self.pools = [session.pools for session in self.sessions]
        for session in self.sessions:
            self.prepared.append({text: session.prepare(text) for text in (INSERT, SELECT)})

    # --- for actions -------------------------------------------------------------------------

    def node(self, number: int) -> Any:
        """Return a node of those there are."""
        return self.sim.nodes[number % len(self.sim.nodes)]

    def aside(self, function: Any, *args: Any) -> None:
        """Do something as a thread of the user's would, and keep what it raises."""

        name = function.__name__

        def act() -> None:
            try:
                function(*args)
            except DriverException:
                pass  # it is the outcome of an operation, too, where there is one
            self.asides.remove(name)

        self.asides.append(name)
        self.sim.at(0.0, act)

    def applied(self, table: str, key: int) -> int:
        """Return how often a write was applied, in whichever keyspace."""
        tables = (self.sim.cluster.store.table(ks, table) for ks in KEYSPACES)
        return sum(found.count(key) for found in tables)

    def keyspaces_of(self, operation: Operation) -> set[str]:
        """Return the keyspaces whose rows an operation may have seen."""
        if not self.uses:
            return {KEYSPACES[operation.session]}
        if operation.kind != "select":
            return set(KEYSPACES)
        started, ended = operation.started[0], operation.ended[0]
        allowed = {operation.keyspace or ""}
        for session, since, until, keyspace in self.uses:
            if session == operation.session and since <= ended and until >= started:
                allowed.add(keyspace)
        return allowed

    # --- the end -----------------------------------------------------------------------------

    def probe(self) -> None:
        """Ask each host for everything, by each session, after it forgot what was prepared."""
        for number in range(len(self.sim.nodes)):
            self.node(number).forget_prepared()
            for session in sorted({0, 1} - self.closed_sessions):
                for kind in ("prepared_select", "batch")[: 2 - session]:
                    error = self.probe_one(kind, session, number)
                    for _ in range(10):
                        if not isinstance(error, ClientOverloaded):
                            break
                        # Where one request fits on a connection, it was a heartbeat, or a
                        # PREPARE that is answered very late.
                        self.sim.run(0.5)
                        error = self.probe_one(kind, session, number)
                    # What was prepared in another keyspace is another statement in this one.
                    if not (self.uses and "under another id" in str(error)):
                        assert not isinstance(error, BaseException), f"{kind}, {number}: {error!r}"

    def probe_one(self, kind: str, session: int, host: int) -> Any:
        """Ask a host for something, and return what comes of it."""
        from tests.scenarios.actions import ask_one

        asked = ask_one(self, kind, session, 1, 5.0, False, "default", "block", host)
        self.sim.run(lambda: asked.outcomes and asked.done, 10.0)
        return asked.outcomes[0][0]

    def finish(self) -> None:
        """End all faults, wait for rest, look at everything, shut down, and look again."""
        self.sim.run(0.002)  # what was asked for last begins
        self.calm()
        # Only heartbeats find what is dead, or full of requests that are never answered; news
        # of a restart may come from far away.
        self.sim.run(4.5 if self.silent or self.lossy else 0.9)
        self.wait_for_rest(self.waiting_for)
        assert not self.waiting_for(), f"still running: {self.waiting_for()}"
        for operation in self.operations:
            for execution in operation.executions:
                if not execution.done:
                    self.sim.world.inside(execution.cancel)
        self.wait_for_rest(self.restless)
        assert not self.restless(), self.restless()
        self.check_links()
        if not self.over:
            self.probe()
        self.cluster.shutdown()
        self.sim.run(3.0)
        self.check_end()

    def calm(self) -> None:
        """End all faults."""
        network = self.sim.network
        network.chaos = False
        network.pieces = None
        network._failing.clear()
        network._doomed.clear()
        for stream in network.streams:
            stream.out.cut_after = None
        for node in self.sim.nodes:
            node.rules.clear()
            network.set_delay(node.address, 0.0005)
            if node.hanging:
                node.resume()
            if node.listening != "yes":
                self.sim.cluster.start(node)
        network.heal()

    def waiting_for(self) -> list[Operation]:
        """Return the operations that have no outcome, though they must have."""
        running = [op for op in self.operations if not op.done]
        return [op for op in running if op.timeout is not None or not self.lossy]

    def wait_for_rest(self, left: Any) -> None:
        """Let time pass until `left()` finds nothing that is to be expected yet."""
        for _ in range(_REST):
            if not left():
                break
            self.sim.run(0.5)

    def restless(self) -> list[str]:
        """Tell what is left to do, or not as it was."""
        found = [] if self.over else self.unwell()
        found += [f"preparing {key}" for key in self.engine.preparer._running]
        found += [f"parked: {e}" for e in self.engine.parked]
        for pools in self.pools:
            found += [f"waiting: {e}" for e in pools.waiting]
            for link in pools.links():
                if link.in_flight != (link._heartbeat is not None):
                    found.append(f"{link}: {[r for r in link.streams.waiting if r]}")
        return found

    def unwell(self) -> list[str]:
        """Tell in which ways the cluster is not what it should be without faults."""
        found = []
        addresses = {node.address for node in self.sim.nodes}
        hosts = self.cluster.metadata.all_hosts()
        if {host.address for host in hosts} != addresses:
            found.append(f"hosts {hosts}, nodes {addresses}")
        if self.engine.control.link is None:
            found.append("no control connection")
        if len(self.closed_sessions) < len(self.sessions):
            found += [f"{host} is not up" for host in hosts if not host.is_up]
        for number, pools in enumerate(self.pools):
            if number in self.closed_sessions:
                continue
            if {pool.host.address for pool in pools.pools.values()} != addresses:
                found.append(f"session {number}: pools {pools.pools.values()}")
            found += [f"{pool}" for pool in pools.pools.values() if not pool.links]
            found += [f"{pool}: withheld" for pool in pools.pools.values() if pool.withheld]
        return found

    def check_links(self) -> None:
        """Raise when a connection carries what nobody waits for, or has another keyspace."""
        for pools in self.pools:
            for link in pools.links():
                check_streams(link)
                self.check_keyspace(pools, link)

    def check_keyspace(self, pools: SessionPools, link: Link) -> None:
        """Raise when the server has a connection in another keyspace than its session's."""
        transport: Any = link.transport
        if transport is not None and not transport.closing:
            theirs = transport.out.receiver.protocol.keyspace
            assert theirs == link.keyspace == pools.keyspace, f"{link} in {theirs}"

    def check_end(self) -> None:
        """Raise when anything is left, or an operation did not end as it must."""
        assert not self.engine.sessions
        assert not self.engine.parked, self.engine.parked
        assert not self.engine.preparer._running
        assert self.sim.runtime.unattended == 0, self.sim.runtime.unattended
        for operation in self.operations:
            operation.check()
        for check in self.checks:
            check()
        assert not self.asides, self.asides
        assert not self.problems, self.problems
        assert not self.watcher.wrong, self.watcher.wrong
        assert not self.sim.runtime.user_errors, self.sim.runtime.user_errors
        if not self.noisy:
            assert not self.errors.found, self.errors.found
        unhandled = [text for text in self.errors.found if "could not be handled" in text]
        assert not unhandled, unhandled


def check_streams(link: Link) -> None:
    """Raise when the stream ids of a connection do not add up."""
    streams = link.streams
    free = set(streams._free)
    taken = {i for i, receiver in enumerate(streams.waiting) if receiver is not None}
    assert len(free) == len(streams._free), f"{link}: an id is free twice"
    assert free | taken == set(range(len(streams.waiting))), f"{link}: an id is lost"
    assert not free & taken, f"{link}: an id is both free and taken"
    orphans = sum(receiver is ORPHAN for receiver in streams.waiting)
    assert orphans == streams.orphans, f"{link}: {streams.orphans} orphans, not {orphans}"


def use_ended(run: Run, session: int, since: float, keyspace: str) -> None:
    """Remember when a USE began to have an effect, and when that was over."""
    index = run.uses.index((session, since, math.inf, keyspace))
    run.uses[index] = (session, since, run.sim.time, keyspace)
