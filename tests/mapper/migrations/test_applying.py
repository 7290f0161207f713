"""Applying plans, cut at every request, and with others that apply as well."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.errors import InvalidRequest, OperationTimedOut
from cqlengine import columns
from cqlengine.migrations import (
    LeaseLost,
    MigrationError,
    MigrationInProgress,
    MigrationRefused,
    Plan,
    PlanOutdated,
    Problem,
    StepFailed,
)
from cqlengine.migrations.applying import Options, applying
from cqlengine.migrations.planning import Question, planning
from cqlengine.migrations.records import Record
from cqlengine.models import Model
from tests.mapper.migrations.pretend import KEYSPACE, Cut, Server


class Order(Model):
    __table_name__ = "orders"
    id = columns.Integer(primary_key=True)
    note = columns.Text()
    total = columns.Integer()


class Changed(Model):
    """One column less, one more, another comment."""

    __table_name__ = "orders"
    __options__ = {"comment": "changed"}  # noqa: RUF012 - as users write it
    id = columns.Integer(primary_key=True)
    note = columns.Text()
    paid = columns.Boolean()


class Item(Model):
    __table_name__ = "items"
    id = columns.Integer(primary_key=True)


WHOLE = {"orders": {"id": "int", "note": "text", "paid": "boolean"}, "items": {"id": "int"}}
MODELS = [Changed, Item]


def question(models: list[Any], **choices: Any) -> Question:
    return Question.made(models, KEYSPACE, choices)  # type: ignore[arg-type]


def planned(server: Server, models: list[Any] = MODELS, **choices: Any) -> Plan:
    plan = server.run(planning(question(models, **choices)))
    assert isinstance(plan, Plan)
    return plan


def applied(server: Server, plan: Plan, cut: dict[str, int] | None = None, **options: Any) -> Any:
    options.setdefault("allow_destructive", True)
    settings = Options(**options)
    procedure = applying(plan, Record(plan.keyspace, settings.lease), settings)
    return server.run(procedure, **(cut or {}))


@pytest.fixture
def server() -> Server:
    """A server that has the table of `Order`."""
    made = Server()
    applied(made, planned(made, [Order]))
    made.statements.clear()
    return made


def numbers(steps: Any) -> list[int]:
    return [step.number for step in steps]


def states(server: Server, plan: Plan) -> list[tuple[int, str]]:
    return [
        (step, row["state"]) for (_, step), row in server.record.items() if row["plan"] == plan.id
    ]


def test_a_plan_is_applied_in_order_and_recorded(server: Server) -> None:
    plan = planned(server)
    assert [step.kind for step in plan.steps] == [
        "create table",
        "add column",
        "drop column",
        "change options",
    ]
    told: list[tuple[int, str]] = []
    done = applied(server, plan, on_step=lambda step, state: told.append((step.number, state)))
    assert numbers(done.done) == [1, 2, 3, 4]
    assert server.statements == [step.cql for step in plan.steps]
    assert server.tables == WHOLE
    assert states(server, plan) == [(number, "done") for number in (1, 2, 3, 4)]
    assert told == [(n, state) for n in (1, 2, 3, 4) for state in ("running", "done")]
    assert server.holder is None
    assert not planned(server)


def test_wherever_its_process_dies_the_same_plan_and_a_new_one_go_on() -> None:
    """Before and after each request; the lease of the dead expires."""
    whole = Server()
    applied(whole, planned(whole, [Order]))
    before = whole.asked
    applied(whole, planned(whole))
    most = whole.asked - before + 4
    cuts = [{key: at} for key in ("cut_before", "cut_after") for at in range(1, most)]
    died = 0
    for cut in cuts:
        for again in ("the same", "a new one"):
            server = Server()
            applied(server, planned(server, [Order]))
            server.statements.clear()
            plan = planned(server)
            try:
                applied(server, plan, cut, lease=30)
            except Cut:
                died += 1
            next_plan = plan if again == "the same" else planned(server)
            applied(server, next_plan, wait=60.0)
            assert server.tables == WHOLE, cut
            assert server.comments["orders"] == "changed", cut
            added = [text for text in server.statements if " ADD " in text]
            assert len(added) == 1, "no column is added twice"
            assert not planned(server)
    assert died > 40


@given(
    st.lists(st.integers(0, 5), max_size=150),
    st.booleans(),
    st.lists(st.sampled_from(["", "", "", "before", "after"]), max_size=60),
)
def test_processes_that_apply_at_once_do_each_step_once(
    turns: list[int], plans: bool, unknown: list[str]
) -> None:
    """Whichever request of which process comes next; `plans` that were made before, or models.

    Of some transactions it is unknown whether they were applied.
    """
    server = Server()
    applied(server, planned(server, [Order]))
    server.statements.clear()
    plan = planned(server)
    options = Options(allow_destructive=True, wait=1e6, lease=10**9)
    # Seldom enough for each statement to have its answer before it is given up.
    server.unknown = iter([each for part in zip(unknown, [""] * 60, strict=False) for each in part])

    def one() -> Any:
        again = None if plans else lambda: planning(question(MODELS))
        return applying(plan, Record(KEYSPACE, options.lease), options, again)

    outcomes = server.run_together([one() for _ in range(3)], iter([*turns, *range(10**6)]))
    assert sorted(server.statements) == sorted(step.cql for step in plan.steps)
    assert server.tables == WHOLE
    assert sorted(len(outcome.done) for outcome in outcomes) == [0, 0, 4]
    assert server.holder is None


def test_a_step_that_fails_ends_it_and_is_gone_on_with(server: Server) -> None:
    plan = planned(server)
    refusal = InvalidRequest("no")
    server.broken = lambda text: refusal if " DROP " in text else None
    with pytest.raises(
        StepFailed, match=r"step 3 \(drop column shop.orders.total\) failed: no"
    ) as e:
        applied(server, plan)
    assert e.value.__cause__ is refusal
    assert states(server, plan) == [(1, "done"), (2, "done"), (3, "failed")]
    assert server.holder is None
    server.broken = lambda text: None
    done = applied(server, plan)
    assert (numbers(done.found), numbers(done.done)) == ([1, 2], [3, 4])
    assert server.tables == WHOLE


def test_an_answer_that_is_lost_does_not_fail_a_step(server: Server) -> None:
    plan = planned(server)
    change = server._change

    def lost(text: str) -> None:
        change(text)
        raise OperationTimedOut("nothing came")

    server._change = lost  # type: ignore[method-assign]
    with pytest.raises(StepFailed, match="step 4"):
        applied(server, plan)
    # Options cannot be looked at one by one: that step is run once more.
    assert states(server, plan) == [(1, "done"), (2, "done"), (3, "done"), (4, "failed")]
    server._change = change  # type: ignore[method-assign]
    assert numbers(applied(server, plan).done) == [4]


def test_nodes_must_agree_before_the_next_step(server: Server) -> None:
    plan = planned(server)
    waits: list[float | None] = []

    def agrees(seconds: float | None) -> bool:
        waits.append(seconds)
        return len(server.statements) != 2

    server.agrees = agrees
    with pytest.raises(StepFailed, match=r"step 2 .* failed: the nodes do not agree"):
        applied(server, plan, agreement=7.0)
    assert waits == [7.0, 7.0, 7.0]
    assert states(server, plan) == [(1, "done"), (2, "failed")]
    server.agrees = lambda seconds: False
    with pytest.raises(MigrationError, match="nothing was applied"):
        applied(server, plan)
    server.agrees = lambda seconds: True
    done = applied(server, plan)
    assert (numbers(done.found), numbers(done.done)) == ([1, 2], [3, 4])


def test_what_somebody_else_did_meanwhile_is_found(server: Server) -> None:
    plan = planned(server)

    def meanwhile(step: Any, state: str) -> None:
        if (step.number, state) == (2, "running"):
            server.tables["orders"]["paid"] = "boolean"

    done = applied(server, plan, on_step=meanwhile)
    assert (numbers(done.found), numbers(done.done)) == ([2], [1, 3, 4])
    assert states(server, plan)[1] == (2, "found")


def test_a_plan_whose_tables_have_changed_is_refused(server: Server) -> None:
    plan = planned(server)
    server.tables["orders"]["more"] = "int"
    with pytest.raises(
        PlanOutdated, match="table orders of keyspace 'shop' changed since the plan"
    ):
        applied(server, plan)
    assert "items" not in server.tables
    assert server.holder is None


def test_what_was_undone_since_is_not_done_again(server: Server) -> None:
    plan = planned(server)
    applied(server, plan)
    del server.tables["orders"]["paid"]
    with pytest.raises(PlanOutdated, match=r"table orders of .* changed since step 2 was applied"):
        applied(server, plan)


def test_the_same_plan_can_be_applied_once_more_if_all_was_undone(server: Server) -> None:
    plan = planned(server)
    applied(server, plan)
    server.tables = {"orders": {"id": "int", "note": "text", "total": "int"}}
    server.comments.clear()
    assert planned(server) == plan
    assert numbers(applied(server, plan).done) == [1, 2, 3, 4]


def test_the_lease_is_waited_for_and_expires(server: Server) -> None:
    plan = planned(server)
    server.holder, server.expires = "another", server.time + 10
    with pytest.raises(MigrationInProgress, match="being applied by another"):
        applied(server, plan, wait=5.0)
    assert server.statements == []
    assert numbers(applied(server, plan, wait=6.0).done) == [1, 2, 3, 4]


def test_who_lost_the_lease_runs_nothing_more(server: Server) -> None:
    plan = planned(server)

    def lose(step: Any, state: str) -> None:
        if (step.number, state) == (2, "running"):
            server.holder, server.expires = "another", server.time + 1000

    with pytest.raises(LeaseLost, match="apply again"):
        applied(server, plan, on_step=lose)
    assert len(server.statements) == 1
    assert server.holder == "another"


def test_a_lease_that_expired_without_another_coming_is_taken_again(server: Server) -> None:
    plan = planned(server)

    def sleep(step: Any, state: str) -> None:
        server.time += 1000

    assert numbers(applied(server, plan, on_step=sleep).done) == [1, 2, 3, 4]


def test_destructive_steps_are_held_back(server: Server) -> None:
    plan = planned(server)
    done = applied(server, plan, allow_destructive=False)
    assert (numbers(done.done), numbers(done.held_back)) == ([1, 2, 4], [3])
    assert "total" in server.tables["orders"]
    done = applied(server, plan)
    assert (numbers(done.found), numbers(done.done)) == ([1, 2, 4], [3])


def test_nothing_is_recorded_where_nothing_is_to_do() -> None:
    server = Server()
    done = applied(server, planned(server, []))
    assert (done.done, server.has_record) == ((), False)


def test_a_plan_with_problems_is_refused(server: Server) -> None:
    plan = Plan(KEYSPACE, planned(server).steps, (Problem("shop.orders", "it is", "leave it"),))
    with pytest.raises(MigrationRefused, match=r"shop\.orders: it is: leave it"):
        applied(server, plan)
    assert server.statements == []
