"""What the scenarios ask for (`Operation`), what came of it, and whether that may be so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cql_driver.query import BatchStatement, SimpleStatement
from cql_protocol.errors import DriverException

if TYPE_CHECKING:
    from cql_driver.core.execution import Execution
    from tests.scenarios.run import Run

__all__ = ["INSERT", "PAGED_ROWS", "READ_KEYS", "SELECT", "TICK", "Operation", "statement_of"]

INSERT = "INSERT INTO t (k, v) VALUES (?, ?)"
SELECT = "SELECT k, v FROM t WHERE k = ?"
READ_KEYS = 6
PAGED_ROWS = 12
TICK = 0.02
_SLACK = 4 * TICK
"""How late a deadline may be seen: ticks are counted from the last sweep, and swept by another."""


class Operation:
    """One thing that a user asks for, and each outcome it had.

    `keys` are those that it writes, each of its own; `table` is where. `outcomes` holds, for
    each page, a list of what completed it: there must be exactly one.
    """

    def __init__(self, run: Run, kind: str, session: int, timeout: float | None) -> None:
        self.run = run
        self.kind = kind
        self.session = session
        self.timeout = timeout
        self.number = len(run.operations)
        self.keys: list[int] = []
        self.table = "t"
        self.keyspace = run.sessions[session].keyspace
        """That of the session when it was asked for."""
        self.key = 0
        self.idempotent = False
        self.follows_pages = False
        self.repeats = False
        """Whether its retry policy repeats what may have been applied."""
        self.ignores = False
        """Whether its retry policy makes errors successes."""
        self.started: list[float] = []
        self.ended: list[float] = []
        self.executions: list[Execution] = []
        self.outcomes: list[list[Any]] = []
        self.rows: list[Any] = []
        self.stalled: list[float] = []
        """How long the loop had stood still when each page was asked for, and had an outcome."""
        run.operations.append(self)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.number} of session {self.session}, timeout {self.timeout}>"

    @property
    def done(self) -> bool:
        """Whether every page has come to an end."""
        return all(self.outcomes)

    def begin(self, execution: Execution) -> None:
        """A page is asked for."""
        self.started.append(self.run.sim.time)
        self.ended.append(math.inf)
        self.stalled.append(-self.run.stalled)
        self.executions.append(execution)
        self.outcomes.append([])

    def end(self, outcome: Any) -> None:
        """The page that was asked for last has an outcome."""
        self.outcomes[-1].append(outcome)
        self.ended[-1] = self.run.sim.time
        self.stalled[-1] += self.run.stalled

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return (
            bool(self.outcomes)
            and self.done
            and not any(isinstance(o, BaseException) for p in self.outcomes for o in p)
        )

    # --- what must hold ----------------------------------------------------------------------

    def check(self) -> None:
        """Raise when something of it is as it must not be."""
        pages = zip(self.started, self.ended, self.stalled, self.outcomes, strict=True)
        for started, ended, stalled, outcomes in pages:
            assert len(outcomes) == 1, f"{self}: {len(outcomes)} outcomes: {outcomes}"
            self._check_outcome(outcomes[0])
            if self.timeout is not None:
                took = ended - started
                assert took <= self.timeout + _SLACK + stalled, f"{self} took {took:.3f} s"
        for execution in self.executions:
            assert execution.done, f"{self} is not done"
            assert execution.link is None, f"{self} has still a link"
        self._check_writes()
        certain = not self.ignores and not self.run.doubled
        if self.follows_pages and self.succeeded and certain:
            found = sorted(row.c for row in self.rows)
            assert found == list(range(PAGED_ROWS)), f"{self}: {found}"

    def _check_outcome(self, outcome: Any) -> None:
        if isinstance(outcome, BaseException):
            assert isinstance(outcome, DriverException), f"{self}: {outcome!r}"
        elif not self.run.doubled and self.kind in ("select", "prepared_select", "bound_select"):
            allowed = self.run.keyspaces_of(self)
            found = [tuple(row) for row in outcome or ()]
            if not (self.ignores and outcome is None):
                wanted = [[(self.key, f"{ks}/{self.key}")] for ks in allowed]
                assert found in wanted, f"{self}: {found}, not one of {wanted}"

    def _check_writes(self) -> None:
        counts = [self.run.applied(self.table, key) for key in self.keys]
        if self.succeeded and not self.ignores and not self.run.doubled:
            assert all(counts), f"{self} succeeded and was applied {counts} times"
        attempts = sum(execution.attempts for execution in self.executions)
        assert all(c <= attempts for c in counts), f"{self}: {counts} of {attempts} attempts"
        if not (self.idempotent or self.repeats or self.run.doubled):
            assert all(c <= 1 for c in counts), f"{self} was applied {counts} times"


def statement_of(run: Run, operation: Operation) -> tuple[Any, Any]:
    """Return the statement of an operation and its parameters."""
    kind = operation.kind
    prepared = run.prepared[operation.session]
    key = operation.keys[0] if operation.keys else operation.key
    statement: Any
    parameters: Any = None
    if kind == "insert":
        statement = SimpleStatement(f"INSERT INTO t (k, v) VALUES ({key}, 'x')")
    elif kind == "count":
        statement = SimpleStatement(f"UPDATE c SET n = n + 1 WHERE k = {key}")
    elif kind == "select":
        statement = SimpleStatement(f"SELECT k, v FROM t WHERE k = {key}")
    elif kind == "prepared_insert":
        statement = prepared[INSERT].bind((key, "x"))
    elif kind == "prepared_select":
        statement = prepared[SELECT].bind((key,))
    elif kind == "bound_insert":
        statement, parameters = SimpleStatement(INSERT + " " * (1 + key % 3)), (key, "x")
    elif kind == "bound_select":
        statement, parameters = SimpleStatement(SELECT + " " * (1 + key % 3)), (key,)
    elif kind == "batch":
        statement = BatchStatement()
        statement.add(prepared[INSERT], (operation.keys[0], "x"))
        statement.add(f"INSERT INTO t (k, v) VALUES ({operation.keys[1]}, 'x')")
    elif kind == "bound_batch":
        statement = BatchStatement()
        statement.add(INSERT + " " * 4, (operation.keys[0], "x"))
        statement.add(prepared[INSERT], (operation.keys[1], "x"))
    else:
        assert kind == "pages"
        statement = SimpleStatement("SELECT p, c, v FROM ks.w WHERE p = 1", fetch_size=5)
    statement.is_idempotent = operation.idempotent
    return statement, parameters
