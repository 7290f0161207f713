"""What happens in scenarios: each function is one action, by its name in a plan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cql_driver.cluster import EXEC_PROFILE_DEFAULT
from cql_protocol.enums import WriteType
from cql_protocol.errors import (
    DriverException,
    IsBootstrapping,
    Overloaded,
    ReadTimeout,
    ServerError,
    Unavailable,
    WriteTimeout,
)
from cql_protocol.messages import Batch, Execute, Prepare, Query
from tests.scenarios.operations import INSERT, Operation, statement_of
from tests.scenarios.run import Run, use_ended
from tests.simulation import Delay, Drop, Fail, Garbage, Reset, Rule, Twice, Unprepared

if TYPE_CHECKING:
    from cql_driver.cluster import ResponseFuture

__all__ = ["ACTIONS", "REACTIONS"]

FIRST_KEY = 1000


REACTIONS: dict[str, Any] = {
    "drop": Drop,
    "drop unseen": lambda: Drop(applied=False),
    "late": lambda: Delay(0.02, 0.4),
    "very late": lambda: Delay(2.0, 6.0),
    "twice": lambda: Twice(0.01),
    "reset": Reset,
    "reset unseen": lambda: Reset(applied=False),
    "unprepared": Unprepared,
    "garbage": Garbage,
    "unavailable": lambda: Fail(Unavailable("not enough")),
    "overloaded": lambda: Fail(Overloaded("too much")),
    "bootstrapping": lambda: Fail(IsBootstrapping("not yet")),
    "server error": lambda: Fail(ServerError("a bug"), applied=True),
    "write timeout": lambda: Fail(_write_timeout(), applied=True),
    "read timeout": lambda: Fail(ReadTimeout("slow")),
}
_LOSSY = ("drop", "drop unseen")
_NOISY = ("twice", "garbage")


def _write_timeout() -> WriteTimeout:
    error = WriteTimeout("slow")
    error.write_type = WriteType.SIMPLE
    return error


# --- requests --------------------------------------------------------------------------------


def ask(run: Run, count: int, *what: Any) -> None:
    """Run `count` statements at once."""
    for _ in range(count):
        ask_one(run, *what)


def ask_one(
    run: Run,
    kind: str,
    session: int,
    number: int,
    timeout: float | None,
    idempotent: bool,
    profile: str,
    how: str,
    host: int | None,
) -> Operation:
    """Run a statement: ``async``, ``block`` or ``cancel``."""
    if how == "block" and timeout is None:
        timeout = 2.0  # else nobody would end the wait for an answer that was lost
    operation = Operation(run, kind, session, timeout)
    first = FIRST_KEY + 10 * operation.number
    if kind.endswith("batch"):
        operation.keys = [first, first + 1]
    elif kind.endswith("insert") or kind == "count":
        operation.keys = [first]
    operation.key = number
    operation.table = "c" if kind == "count" else "t"
    operation.idempotent = idempotent
    operation.repeats = profile in ("eager", "slow")
    operation.ignores = profile == "ignoring"
    statement, parameters = statement_of(run, operation)
    options: dict[str, Any] = {"timeout": timeout, "execution_profile": profile}
    if profile == "default":
        options["execution_profile"] = EXEC_PROFILE_DEFAULT
    hosts = sorted(run.cluster.metadata.all_hosts())
    if host is not None and hosts:
        options["host"] = hosts[host % len(hosts)]
    if how == "block":
        run.aside(_block, run, operation, statement, parameters, options)
    else:
        run.aside(_start, run, operation, statement, parameters, options, how)
    return operation


def _block(
    run: Run, operation: Operation, statement: Any, parameters: Any, options: dict[str, Any]
) -> None:
    session = run.sessions[operation.session]
    make = session._make

    def made(*args: Any) -> Any:
        session._make = make
        execution = make(*args)
        operation.begin(execution)
        execution.complete = lambda done: operation.end(_outcome(session, done))
        return execution

    session._make = made  # type: ignore[method-assign]
    try:
        session.execute(statement, parameters, **options)
    finally:
        session._make = make  # type: ignore[method-assign]


def _outcome(session: Any, execution: Any) -> Any:
    outcome = execution.outcome
    if isinstance(outcome, BaseException):
        return outcome
    try:
        return session.decode_page(execution)
    except DriverException as exc:
        return exc  # an answer that belongs to another request, as the caller is told


def _start(
    run: Run,
    operation: Operation,
    statement: Any,
    parameters: Any,
    options: dict[str, Any],
    how: str,
) -> None:
    session = run.sessions[operation.session]
    try:
        future = session.execute_async(statement, parameters, **options)
    except DriverException as exc:
        if not run.over and operation.session not in run.closed_sessions:
            run.problems.append(f"{operation}: execute_async raised {exc!r}")
        return
    operation.begin(future.execution)
    operation.follows_pages = operation.kind == "pages"
    _follow(run, operation, future)
    if how == "cancel":
        run.sim.world.after(0.005, future.cancel)


def _follow(run: Run, operation: Operation, future: ResponseFuture) -> None:
    """Take each outcome, and ask for page after page."""

    def page(rows: Any) -> None:
        operation.end(rows)
        operation.rows += rows or ()
        if future.has_more_pages:
            future.start_fetching_next_page()
            operation.begin(future.execution)

    future.add_callbacks(page, operation.end)


def use(run: Run, session: int, keyspace: str, timeout: float | None) -> None:
    """Change the keyspace of a session."""
    operation = Operation(run, "use", session, timeout)

    def start() -> None:
        try:
            future = run.sessions[session].execute_async(f"USE {keyspace}", timeout=timeout)
        except DriverException:
            return
        operation.begin(future.execution)
        since = run.sim.time
        run.uses.append((session, since, math.inf, keyspace))

        def ended(outcome: Any) -> None:
            operation.end(outcome)
            use_ended(run, session, since, keyspace)

        future.add_callbacks(ended, ended)

    run.aside(start)


def prepare(run: Run, session: int, number: int) -> None:
    """Prepare one of a few texts, which others may be preparing as well."""
    text = "SELECT k, v FROM t WHERE k = ?" + " " * (1 + number % 3)

    run.aside(run.sessions[session].prepare, text)


def many(run: Run, session: int, count: int, concurrency: int, profile: str) -> None:
    """Run many statements at once."""
    first = FIRST_KEY + 10 * len(run.operations)
    operations = [Operation(run, "many", session, None) for _ in range(count // 10 + 1)]
    assert len(operations) * 10 >= count
    keys = list(range(first, first + count))
    results: list[Any] = []
    wanted: Any = EXEC_PROFILE_DEFAULT if profile == "default" else profile

    def act() -> None:
        found = run.sessions[session].execute_concurrent_with_args(
            run.prepared[session][INSERT],
            [(key, "x") for key in keys],
            concurrency=concurrency,
            raise_on_first_error=False,
            execution_profile=wanted,
        )
        results.extend(found)

    run.checks.append(lambda: _check_many(run, keys, results, profile))
    run.aside(act)


def _check_many(run: Run, keys: list[int], results: list[Any], profile: str) -> None:
    counts = [run.applied("t", key) for key in keys]
    if profile not in ("eager", "slow"):
        assert max(counts) <= 1, counts
    if results:
        assert len(results) == len(keys)
        for count, (success, outcome) in zip(counts, results, strict=True):
            assert success or isinstance(outcome, DriverException), outcome
            assert count or not success or profile == "ignoring", counts


# --- nodes -----------------------------------------------------------------------------------


def fault(run: Run, node: int | None, reaction: str, text: str, times: int) -> None:
    """Have a node, or all, misbehave."""
    run.lossy |= reaction in _LOSSY
    run.noisy |= reaction in _NOISY
    run.doubled |= reaction == "twice"
    message: Any = {"USE": Query, "PREPARE": Prepare}.get(text, (Query, Execute, Batch))
    part = "" if text == "PREPARE" else text
    for each in run.sim.nodes if node is None else (run.node(node),):
        each.rules.append(Rule(REACTIONS[reaction](), message=message, text=part, times=times))


def kill(run: Run, node: int, silently: bool) -> None:
    """Kill a node."""
    run.silent = True
    run.sim.cluster.kill(run.node(node), silently=silently, announce=not silently)


def start(run: Run, node: int) -> None:
    """Start a node, if it is dead."""
    if run.node(node).listening != "yes":
        run.sim.cluster.start(run.node(node))


def restart(run: Run, node: int) -> None:
    """Restart a node."""
    run.node(node).restart()


def hang(run: Run, node: int) -> None:
    """Stop a node."""
    run.silent = True
    run.node(node).hang()


def resume(run: Run, node: int) -> None:
    """Let a node go on."""
    run.node(node).resume()


def forget(run: Run, node: int) -> None:
    """Have a node forget what was prepared."""
    run.node(node).forget_prepared()


def add(run: Run) -> None:
    """Add a node."""
    if len(run.sim.nodes) < 5:
        run.sim.cluster.add_node()


def remove(run: Run, node: int) -> None:
    """Take a node out of the cluster."""
    if len(run.sim.nodes) > 1:
        # The first remains, as a contact point by which all others can be found again.
        found = run.sim.nodes[1 + node % (len(run.sim.nodes) - 1)]
        found.hanging = False
        run.sim.cluster.remove_node(found)


# --- the network -----------------------------------------------------------------------------


def partition(run: Run, node: int) -> None:
    """Cut the client off from a node."""
    run.silent = True
    run.sim.network.partition([run.sim.runtime.address], [run.node(node).address])


def heal(run: Run) -> None:
    """End all partitions."""
    run.sim.network.heal()


def cut(run: Run, node: int | None, how: str) -> None:
    """Break the streams to a node, or all."""
    run.silent = True
    run.sim.network.break_streams(None if node is None else run.node(node).address, how)


def cut_next(run: Run, node: int, after: int, how: str) -> None:
    """Break a stream yet to come, in the middle of what is said first."""
    run.silent = True
    run.sim.network.cut_next(run.node(node).address, after, how)


def refuse(run: Run, node: int, times: int) -> None:
    """Have attempts to connect fail."""
    errors = [ConnectionRefusedError(111, "refused") for _ in range(times)]
    run.sim.network.fail_connects(run.node(node).address, *errors)


def slow(run: Run, node: int, delay: float) -> None:
    """Have a node be far away."""
    run.sim.network.set_delay(run.node(node).address, delay / 2, delay)


def pieces(run: Run) -> None:
    """Have bytes arrive in pieces."""
    run.sim.network.pieces = (1, 60)


def chaos(run: Run, resets: float, silences: float) -> None:
    """Have streams break at random."""
    run.silent = True
    network = run.sim.network
    network.chaos, network.reset_chance, network.silence_chance = True, resets, silences


def stall(run: Run, seconds: float) -> None:
    """Have the loop stand still."""
    run.sim.world.time += seconds
    run.stalled += seconds + 0.1


# --- the end ---------------------------------------------------------------------------------


def shut_session(run: Run, session: int) -> None:
    """Shut a session down."""
    run.closed_sessions.add(session)
    run.aside(run.sessions[session].shutdown)


def shut_cluster(run: Run) -> None:
    """Shut everything down."""
    run.over = True
    run.closed_sessions.update((0, 1))
    run.aside(run.cluster.shutdown)


ACTIONS: dict[str, Any] = {
    function.__name__: function
    for function in (
        *(ask, use, prepare, many),
        *(fault, kill, start, restart, hang, resume, forget, add, remove),
        *(partition, heal, cut, cut_next, refuse, slow, pieces, chaos, stall),
        *(shut_session, shut_cluster),
    )
}
