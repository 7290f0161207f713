"""What a review of plans found: what they leave out, and what a server would refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cqlengine import columns, migrations
from cqlengine.connection import Connection
from cqlengine.migrations import MigrationError, Plan
from cqlengine.migrations.planning import Question, planning
from cqlengine.migrations.renames import rename_keys
from cqlengine.models import Model
from cqlengine.schema import MaterializedView
from cqlengine.usertype import UserType
from tests.mapper.migrations.pretend import KEYSPACE, Server
from tests.mapper.schema.support import live_of


class Toy(Model):
    __table_name__ = "toys"
    id = columns.Integer(primary_key=True)
    label = columns.Text()


class ToyByLabel(MaterializedView):
    __base_model__ = Toy
    label = columns.Text(partition_key=True)
    id = columns.Integer(primary_key=True)


class Elsewhere(Model):
    __keyspace__ = "stock"
    id = columns.Integer(primary_key=True)


class Money(UserType):
    amount = columns.Integer()


def server_of(**columns_of_toys: str) -> Server:
    made = Server()
    made.tables = {"toys": {"id": "int", **columns_of_toys}}
    return made


def planned(server: Server, *models: Any, **choices: Any) -> Plan:
    plan = server.run(planning(Question.made(models, KEYSPACE, choices)))  # type: ignore[arg-type]
    assert isinstance(plan, Plan)
    return plan


def test_the_table_of_a_view_comes_with_it() -> None:
    assert [step.kind for step in planned(Server(), ToyByLabel).steps] == [
        "create table",
        "create view",
    ]
    plan = planned(server_of(label="text"), ToyByLabel, complete=True)
    assert [step.kind for step in plan.steps] == ["create view"]


@pytest.mark.parametrize("models", [(), (Elsewhere,), (Money,), (Elsewhere, Money)])
def test_models_of_other_keyspaces_alone_are_not_all_there_is(models: tuple[Any, ...]) -> None:
    with pytest.raises(MigrationError, match="would be to drop all of it"):
        planned(server_of(), *models, complete=True)
    assert not planned(server_of(), Elsewhere)


class Counted(Model):
    __table_name__ = "toys"
    id = columns.Integer(primary_key=True)
    sold = columns.Counter()


@pytest.mark.parametrize(
    ("there", "model", "reason"),
    [
        ({"sold": "counter"}, Toy, "it has counters, sold"),
        ({"label": "text"}, Counted, "it has no counters, label"),
    ],
)
def test_counters_and_others_in_one_table_are_refused(
    there: dict[str, str], model: Any, reason: str
) -> None:
    plan = planned(server_of(**there), model)
    (problem,) = [each for each in plan.problems if "apart" in each.reason]
    assert reason in problem.reason
    assert all(step.kind == "drop column" for step in plan.steps)


def test_a_counter_comes_to_counters() -> None:
    plan = planned(server_of(bought="counter"), Counted, not_renamed=["toys.bought"])
    assert not plan.problems


@pytest.mark.parametrize(
    ("was", "comes"),
    [("ascii", True), ("text", True), ("blob", False), ("varint", False), ("list<ascii>", False)],
)
def test_a_dropped_column_comes_back_where_its_bytes_can_be_read(was: str, comes: bool) -> None:
    server = server_of()
    server.dropped = {("toys", "label"): was}
    assert bool(planned(server, Toy).problems) is not comes


def test_a_column_of_a_key_that_has_an_index_is_not_renamed() -> None:
    class Dated(Model):
        __table_name__ = "toys"
        id = columns.Integer(primary_key=True)
        day = columns.Date(primary_key=True, index=True)

    _, steps, (problem,) = rename_keys([("toys", "day", "date")], live_of(Dated))
    assert not steps
    assert "the column has indexes" in problem.reason
    assert "toys_0_idx" in problem.reason


def test_a_plan_is_not_applied_to_another_keyspace() -> None:
    with pytest.raises(MigrationError, match="the plan is for keyspace 'shop', not for 'stock'"):
        migrations.apply(
            Plan("shop"), keyspace="stock", connection=Connection("none", lazy_connect=True)
        )


_EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "problems": lambda told: told["problems"].clear(),
    "unit": lambda told: told["steps"][0].update(unit="type toys"),
    "effect": lambda told: told["steps"][0]["effect"].update(present=False),
    "number": lambda told: told["steps"][0].update(number=7),
    "reason": lambda told: told["steps"][0].update(reason="nothing to worry about"),
    "checksum": lambda told: told.update(checksum=""),
}


@pytest.mark.parametrize("place", _EDITS)
def test_a_plan_that_was_edited_anywhere_is_refused(place: str, tmp_path: Path) -> None:
    class Priced(Toy):
        __table_name__ = "toys"
        price = columns.Integer()

    plan = planned(server_of(label="int"), Priced)
    assert plan.steps
    assert plan.problems
    path = tmp_path / "plan.json"
    plan.save(path)
    assert migrations.load(path) == plan
    told = json.loads(path.read_text())
    _EDITS[place](told)
    path.write_text(json.dumps(told))
    with pytest.raises(MigrationError, match="was changed after it was saved"):
        migrations.load(path)
