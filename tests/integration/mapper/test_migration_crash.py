"""Migrations that are cut short, and that several processes apply at once, on a real node."""

from __future__ import annotations

import asyncio
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cql_protocol.errors import DriverException, OperationTimedOut
from cqlengine import columns, migrations
from cqlengine.connection import Connection
from cqlengine.migrations import (
    LeaseLost,
    MigrationInProgress,
    Plan,
    PlanOutdated,
    StepFailed,
)
from tests.integration.mapper.command import Command
from tests.integration.mapper.evolutions import model

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.cluster import Session
    from cqlengine.query.requests import Request
    from tests.cassandra import Cluster as Nodes

# Nothing of it has two implementations.
pytestmark = [pytest.mark.once, pytest.mark.usefixtures("connection")]


@pytest.fixture
def table() -> str:
    """The name of a table that nothing else has."""
    return f"x_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def command(tmp_path: Path, cassandra: Nodes, keyspace: str) -> Command:
    """The command line, in a directory of the test's own."""
    return Command(tmp_path, cassandra, keyspace)


def before(table: str) -> list[Any]:
    return [model(table)]


def after(table: str) -> list[Any]:
    """Three steps: two columns and an index."""
    return [model(table, a=columns.Text(), b=columns.Integer(index=True))]


def shape(session: Session, table: str) -> tuple[list[str], int]:
    """The columns of a table, and how many indexes it has."""
    where = f"WHERE keyspace_name = '{session.keyspace}' AND table_name = '{table}'"
    rows = session.execute(f"SELECT column_name FROM system_schema.columns {where}")
    indexes = session.execute(f"SELECT index_name FROM system_schema.indexes {where}")
    return sorted(row.column_name for row in rows), len(indexes.all())


WHOLE = (["a", "b", "id"], 1)


class Cut(Connection):
    """A connection that is cut before or after the request of a number, for good."""

    wanted = -1
    after = False
    seen = 0

    def execute(self, request: Request) -> Any:
        self.seen += 1
        if self.wanted >= 0 and self.seen > self.wanted:
            raise OperationTimedOut("the connection was cut")
        result = super().execute(request)
        if self.after and self.seen == self.wanted:
            raise OperationTimedOut("the connection was cut after the request had come")
        return result


@pytest.fixture
def cut(session: Session) -> Callable[..., Cut]:
    """A function that returns a connection which is cut."""

    def make(wanted: int = -1, after: bool = False) -> Cut:
        made = Cut.from_session("cut", session)
        made.wanted, made.after = wanted, after
        return made

    return make


def test_wherever_it_is_cut_it_goes_on(
    session: Session, cut: Callable[..., Cut], table: str
) -> None:
    """At each request in turn, before it was sent and when its answer was lost."""
    migrations.apply(before(table))
    whole = cut()
    migrations.apply(after(table), connection=whole)
    assert whole.seen > 20
    resumed = 0
    for number in range(8, whole.seen, 3):
        name = f"{table}_{number}"
        migrations.apply(before(name))
        plan = migrations.plan(after(name))
        try:
            migrations.apply(after(name), connection=cut(number, after=number % 2 == 1), lease=1)
        except DriverException:
            resumed += 1
        for what in (plan, after(name)):
            # Who follows is not cut: it waits for the lease of the one before, and keeps its own.
            migrations.apply(what)
            assert shape(session, name) == WHOLE, f"cut at request {number}"
    assert resumed >= 5


def test_a_step_that_fails_is_recorded_and_gone_on_with(session: Session, table: str) -> None:
    migrations.apply(before(table))
    plan = migrations.plan(after(table))
    # Its name is taken meanwhile, by a table that is not part of the plan.
    index = f"{table}_b_idx"
    broken = Plan(
        plan.keyspace,
        tuple(_named(step, index) if step.kind == "create index" else step for step in plan.steps),
        basis=plan.basis,
    )
    session.execute(f"CREATE TABLE {table}_o (k int PRIMARY KEY, v int)")
    session.execute(f"CREATE INDEX {index} ON {table}_o (v)")
    with pytest.raises(StepFailed, match=r"step 3 \(create index") as caught:
        migrations.apply(broken)
    assert caught.value.step == broken.steps[2]
    assert caught.value.__cause__ is not None
    recorded = [entry for entry in migrations.status().recorded if entry.plan == broken.id]
    assert [(entry.step, entry.state) for entry in recorded] == [
        (1, "done"),
        (2, "done"),
        (3, "failed"),
    ]
    assert recorded[2].error
    assert index in recorded[2].error
    assert shape(session, table) == (["a", "b", "id"], 0)

    session.execute(f"DROP INDEX {index}")
    applied = migrations.apply(broken)
    assert [step.number for step in applied.found] == [1, 2]
    assert [step.number for step in applied.done] == [3]
    assert shape(session, table) == WHOLE


def _named(step: Any, index: str) -> Any:
    from dataclasses import replace

    cql = step.cql.replace("INDEX IF NOT EXISTS ON", f"INDEX {index} ON")
    assert cql != step.cql
    return replace(step, cql=cql)


KILLED = """
import os, signal, sys
from cqlengine import columns, connection, migrations
from cqlengine.connection import Connection, register_connection
from cqlengine.models import Model


class Deadly(Connection):
    seen = 0

    def execute(self, request):
        ours = "{table}" in request.text and request.text.startswith("ALTER")
        self.seen += ours
        if ours and self.seen == 2 and "{when}" == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = super().execute(request)
        if ours and self.seen == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


class M(Model):
    __table_name__ = "{table}"
    id = columns.Integer(primary_key=True)
    a = columns.Text()
    b = columns.Integer(index=True)


deadly = Deadly("deadly", {hosts!r}, cluster_options={{"port": {port}}})
migrations.apply([M], keyspace="{keyspace}", connection=deadly, lease=3)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_is_killed_between_two_steps_is_followed(
    session: Session, command: Command, cassandra: Nodes, keyspace: str, table: str, when: str
) -> None:
    """It dies with the lease, just before or after a statement; then others come."""
    migrations.apply(before(table))
    planned = migrations.plan(after(table))
    text = KILLED.format(
        table=table,
        when=when,
        hosts=cassandra.contact_points,
        port=cassandra.port,
        keyspace=keyspace,
    )
    process = command.start("-c", text)
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err
    left = [entry for entry in migrations.status().recorded if entry.plan == planned.id]
    assert [(entry.step, entry.state) for entry in left] == [(1, "done"), (2, "running")]
    assert shape(session, table)[0] == (["a", "id"] if when == "before" else ["a", "b", "id"])

    command.write("models", _module(table))
    applied = command("apply", "--models", "models", "--wait", "30")
    assert applied.status == 0, applied.err
    assert shape(session, table) == WHOLE
    assert not migrations.plan(after(table))


def _module(table: str) -> str:
    return (
        "from cqlengine import columns\n"
        "from cqlengine.models import Model\n\n\n"
        "class M(Model):\n"
        f'    __table_name__ = "{table}"\n'
        "    id = columns.Integer(primary_key=True)\n"
        "    a = columns.Text()\n"
        "    b = columns.Integer(index=True)\n"
    )


def test_the_plan_of_a_process_that_was_killed_can_be_applied_again(
    session: Session, command: Command, cassandra: Nodes, keyspace: str, table: str
) -> None:
    migrations.apply(before(table))
    plan = migrations.plan(after(table))
    text = KILLED.format(
        table=table,
        when="after",
        hosts=cassandra.contact_points,
        port=cassandra.port,
        keyspace=keyspace,
    )
    process = command.start("-c", text)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    applied = migrations.apply(plan)
    assert [step.number for step in applied.found] == [1, 2]
    assert [step.number for step in applied.done] == [3]
    assert shape(session, table) == WHOLE


def test_processes_that_apply_at_once_do_each_step_once(
    session: Session, command: Command, table: str
) -> None:
    migrations.apply(before(table))
    command.write("models", _module(table))
    processes = [command.start("-m", "cqlengine", "apply", "--models", "models") for _ in range(3)]
    outcomes = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outcomes
    assert shape(session, table) == WHOLE
    recorded = [
        entry
        for entry in migrations.status().recorded
        if f".{table}" in entry.target and entry.kind != "create table"
    ]
    assert sorted((entry.step, entry.state) for entry in recorded) == [
        (1, "done"),
        (2, "done"),
        (3, "done"),
    ]


def test_who_applies_meanwhile_waits_or_is_told(
    session: Session, command: Command, table: str
) -> None:
    """Two plans of the same, the second while the first holds the lease."""
    migrations.apply(before(table))
    plan = migrations.plan(after(table))
    same = migrations.plan(after(table))
    assert same.id == plan.id
    met: list[Exception] = []

    def meanwhile(step: Any, state: str) -> None:
        if (step.number, state) != (2, "running"):
            return
        assert migrations.status().holder is not None
        with pytest.raises(MigrationInProgress, match="process") as caught:
            migrations.apply(same, wait=0)
        met.append(caught.value)

    migrations.apply(plan, on_step=meanwhile)
    assert len(met) == 1
    assert migrations.status().holder is None
    late = migrations.apply(same)
    assert ([step.number for step in late.found], late.done) == ([1, 2, 3], ())
    assert shape(session, table) == WHOLE


def test_who_stood_still_for_too_long_writes_nothing_more(session: Session, table: str) -> None:
    """As where its lease has expired, and another process has taken it."""
    migrations.apply(before(table))
    plan = migrations.plan(after(table))

    def lose_the_lease(step: Any, state: str) -> None:
        if (step.number, state) == (2, "running"):
            session.execute(
                f"UPDATE {migrations.RECORD_TABLE} SET lease_holder = 'another' "
                "WHERE scope = 'schema' IF lease_holder != null"
            )

    with pytest.raises(LeaseLost, match="apply again"):
        migrations.apply(plan, on_step=lose_the_lease, lease=60)
    assert shape(session, table)[0] == ["a", "id"]
    session.execute(
        f"UPDATE {migrations.RECORD_TABLE} SET lease_holder = null WHERE scope = 'schema' "
        "IF lease_holder = 'another'"
    )
    migrations.apply(plan)
    assert shape(session, table) == WHOLE


def test_a_plan_for_another_schema_is_refused(session: Session, table: str) -> None:
    migrations.apply(before(table))
    plan = migrations.plan(after(table))
    session.execute(f"ALTER TABLE {table} WITH comment = 'another'")
    with pytest.raises(PlanOutdated, match=f"table {table}"):
        migrations.apply(plan)
    assert shape(session, table) == (["id"], 0)


def test_what_was_undone_after_it_was_applied_is_told(session: Session, table: str) -> None:
    migrations.apply(before(table))
    plan = migrations.plan(after(table))
    migrations.apply(plan)
    session.execute(f"ALTER TABLE {table} DROP a")
    with pytest.raises(PlanOutdated, match="changed since step 1 was applied"):
        migrations.apply(plan)


async def test_it_is_awaited_as_well(session: Session, table: str) -> None:
    await migrations.aapply(before(table))
    plan = await migrations.aplan(after(table))
    assert plan == migrations.plan(after(table))
    told: list[tuple[int, str]] = []
    applied = await migrations.aapply(
        plan, on_step=lambda step, state: told.append((step.number, state))
    )
    assert [step.number for step in applied.done] == [1, 2, 3]
    assert told == [(n, state) for n in (1, 2, 3) for state in ("running", "done")]
    assert shape(session, table) == WHOLE
    status = await migrations.astatus(after(table))
    assert status.pending == Plan(plan.keyspace, basis={}, notes=status.pending.notes)
    mine = [entry for entry in status.recorded if entry.plan == plan.id]
    assert [(entry.step, entry.cql, entry.checksum) for entry in mine] == [
        (step.number, step.cql, step.checksum) for step in plan.steps
    ]
    assert all(entry.finished_at >= entry.started_at for entry in mine)


async def test_a_cancelled_task_gives_the_lease_back(session: Session, table: str) -> None:
    await migrations.aapply(before(table))
    plan = await migrations.aplan(after(table))
    task: asyncio.Task[Any]

    def cancel(step: Any, state: str) -> None:
        if (step.number, state) == (2, "running"):
            task.cancel()

    task = asyncio.ensure_future(migrations.aapply(plan, on_step=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await migrations.astatus()).holder is None
    await migrations.aapply(plan)
    assert shape(session, table) == WHOLE
