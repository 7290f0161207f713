"""The record of a keyspace: what was applied to it by whom, and who may apply changes now.

It is the table ``cqlengine_migrations`` of the keyspace itself, all in one partition, so that
one lightweight transaction can ask for the lease and write a row. Each run has a row for every
step that it began. The lease is a static column with a time to live: who dies leaves it to
expire, and who has lost it cannot write any more.
"""

from __future__ import annotations

import getpass
import os
import platform
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from random import uniform
from typing import Any

from cql_protocol.enums import ConsistencyLevel
from cql_protocol.errors import InvalidRequest, Timeout
from cql_protocol.identifiers import protect_name
from cqlengine.migrations.driving import Agreement, Pause
from cqlengine.migrations.errors import LeaseLost, MigrationError
from cqlengine.query.requests import Request

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cqlengine.migrations.driving import Procedure
    from cqlengine.migrations.steps import Step

__all__ = ["RECORD_TABLE", "Record", "Recorded", "State"]

RECORD_TABLE = "cqlengine_migrations"

_SCOPE = "schema"
_ATTEMPTS = 8
"""How often a statement is tried again whose outcome the servers do not know."""
_CREATE = """\
CREATE TABLE IF NOT EXISTS {table} (
    scope text,
    run timeuuid,
    step int,
    plan text,
    of_steps int,
    kind text,
    target text,
    cql text,
    checksum text,
    safety text,
    state text,
    error text,
    applied_by text,
    started_at timestamp,
    finished_at timestamp,
    lease_holder text STATIC,
    PRIMARY KEY (scope, run, step)
) WITH CLUSTERING ORDER BY (run DESC, step ASC)
    AND comment = 'What cqlengine.migrations applied to this keyspace'"""
_FIELDS = (
    "run",
    "step",
    "plan",
    "of_steps",
    "kind",
    "target",
    "cql",
    "checksum",
    "safety",
    "state",
    "error",
    "applied_by",
    "started_at",
    "finished_at",
)


class State:
    """What is recorded of a step."""

    RUNNING = "running"
    """It was begun; of a process that died it may or may not be in effect."""
    DONE = "done"
    FOUND = "found"
    """It was in effect already when it was its turn."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step as it stands in the record.

    - `run`: the run it belongs to, a version 1 UUID, which has the time in it
    - `plan`: the id of the plan, and `of_steps` how many steps the run had
    - `step`, `kind`, `target`, `cql`, `checksum`, `safety`: the same as of `Step`
    - `state`: one of `State`; `error` is what a failed step failed by
    - `applied_by`: user, machine and process
    - `started_at`, `finished_at`: times in UTC, without time zone; None while not finished
    """

    run: uuid.UUID
    step: int
    plan: str
    of_steps: int
    kind: str
    target: str
    cql: str
    checksum: str
    safety: str
    state: str
    error: str | None
    applied_by: str
    started_at: datetime
    finished_at: datetime | None

    @property
    def in_effect(self) -> bool:
        """Whether it was known to be in effect when it was recorded."""
        return self.state in (State.DONE, State.FOUND)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        found = {name: getattr(self, name) for name in _FIELDS}
        found["run"] = str(self.run)
        for name in ("started_at", "finished_at"):
            found[name] = found[name] and f"{found[name].isoformat()}Z"
        return found


def _settled(
    text: str, values: tuple[Any, ...] = (), consistency: int = ConsistencyLevel.QUORUM
) -> Procedure[Any]:
    """Run a statement of the record until its outcome is known; return the result.

    Transactions on one partition get into each other's way, and then replicas cannot say what
    became of one. The next one finishes it first. So it is tried again, which does no harm:
    what is written is the same, on the condition that the lease is whose it was.
    """
    request = Request(text, values, consistency=consistency, fetch_size=None)
    for number in range(_ATTEMPTS):
        try:
            return (yield request)
        except Timeout:
            # At a time of its own, so that the same two do not meet again.
            yield Pause(uniform(0.5, 1.0) * min(0.1 * 2**number, 2.0))
        except InvalidRequest as error:
            if "undefined" not in str(error).lower() and "unknown" not in str(error).lower():
                raise
            raise MigrationError(
                f"the table {RECORD_TABLE} of the keyspace is no record of this version of "
                f"cqlengine ({error}): drop it, if nothing else uses it; what was applied is "
                "seen by the schema itself"
            ) from error
    return (yield request)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # in containers a number may be all there is
        return "somebody"


class Record:
    """The record of one keyspace, for one run.

    - `keyspace`: its name
    - `lease`: seconds after which another process takes the run for dead
    """

    def __init__(self, keyspace: str, lease: int) -> None:
        self.keyspace = keyspace
        self.lease = lease
        self.run = uuid.uuid1()
        self.who = f"{_user()}@{platform.node()} process {os.getpid()}"
        self.holder = f"{self.who} run {self.run}"
        self.table = f"{protect_name(keyspace)}.{RECORD_TABLE}"

    # --- the table ---------------------------------------------------------------------------

    def exists(self) -> Procedure[bool]:
        """Ask the server whether there is a record."""
        rows = yield Request(
            "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? "
            "AND table_name = ?",
            (self.keyspace, RECORD_TABLE),
            is_idempotent=True,
        )
        return bool(rows.current_rows)

    def create(self) -> Procedure[None]:
        """Have the table, on all nodes."""
        if (yield from self.exists()):
            return
        yield Request(_CREATE.format(table=self.table), prepared=False)
        yield Agreement()

    def read(self) -> Procedure[list[Recorded]]:
        """Return all that is recorded, the newest run first, the steps of a run in order."""
        rows = yield from _settled(
            f"SELECT {', '.join(_FIELDS)} FROM {self.table} WHERE scope = '{_SCOPE}'",
            # Sees what a transaction has promised, also where its process died meanwhile.
            consistency=ConsistencyLevel.SERIAL,
        )
        # The static column alone makes a row that has no run.
        return [Recorded(*row) for row in rows.current_rows if row[0] is not None]

    def read_holder(self) -> Procedure[str | None]:
        """Return who has the lease now; None if nobody has."""
        rows = yield from _settled(
            f"SELECT lease_holder FROM {self.table} WHERE scope = '{_SCOPE}' LIMIT 1",
            consistency=ConsistencyLevel.SERIAL,
        )
        found = rows.current_rows
        return found[0][0] if found else None

    # --- the lease ---------------------------------------------------------------------------

    def take(self) -> Procedure[str | None]:
        """Take the lease; return None, or who has it."""
        if (yield from self._hold(None)):
            return None
        holder = yield from self.read_holder()
        if holder == self.holder:  # the answer to an earlier attempt was lost
            return None
        return holder or "a process that has just ended"

    def renew(self) -> Procedure[None]:
        """Keep the lease for as long again; raise `LeaseLost` if it is another's."""
        # It may have expired without another process having come.
        if not (yield from self._hold(self.holder)) and (yield from self.take()) is not None:
            raise self._lost()

    def release(self) -> Procedure[None]:
        """Give the lease back, if it is still this run's."""
        yield from _settled(
            f"UPDATE {self.table} SET lease_holder = null WHERE scope = '{_SCOPE}' "
            "IF lease_holder = ?",
            (self.holder,),
        )

    def _hold(self, before: str | None) -> Procedure[bool]:
        result = yield from _settled(
            f"UPDATE {self.table} USING TTL ? SET lease_holder = ? WHERE scope = '{_SCOPE}' "
            "IF lease_holder = ?",
            (self.lease, self.holder, before),
        )
        return bool(result.was_applied)

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"this process did not get on for more than its lease of {self.lease} s, and another "
            f"one may apply changes to {self.keyspace!r} now: apply again, what is in effect is "
            "found; a longer lease helps where a step takes that long"
        )

    # --- steps -------------------------------------------------------------------------------

    def started(self, step: Step, plan: str, of_steps: int) -> Procedure[None]:
        """Record that a step is begun; raise `LeaseLost` if the lease is another's."""
        yield from self.renew()
        values = {
            "plan": plan,
            "of_steps": of_steps,
            "kind": step.kind,
            "target": step.target,
            "cql": step.cql,
            "checksum": step.checksum,
            "safety": step.safety,
            "state": State.RUNNING,
            "applied_by": self.who,
            "started_at": datetime.now(UTC),
        }
        yield from self._write(step, values)

    def finished(self, step: Step, state: str, error: str | None = None) -> Procedure[None]:
        """Record how a step ended; raise `LeaseLost` if the lease is another's."""
        yield from self.renew()
        now = datetime.now(UTC)
        yield from self._write(step, {"state": state, "error": error, "finished_at": now})

    def _write(self, step: Step, values: dict[str, Any]) -> Procedure[None]:
        result = yield from _settled(
            f"UPDATE {self.table} SET {', '.join(f'{name} = ?' for name in values)} "
            f"WHERE scope = '{_SCOPE}' AND run = ? AND step = ? IF lease_holder = ?",
            (*values.values(), self.run, step.number, self.holder),
        )
        if not result.was_applied:
            raise self._lost()

    def latest(self, recorded: Sequence[Recorded], plan: str) -> dict[int, Recorded]:
        """Return what is recorded last of each step of a plan, by the step's number."""
        found: dict[int, Recorded] = {}
        for entry in recorded:
            if entry.plan == plan:
                found.setdefault(entry.step, entry)
        return found
