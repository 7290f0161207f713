"""Plans: what they hold, how they are shown, saved and read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cqlengine.migrations import Effect, MigrationError, Plan, Problem, Step, load

ADD = Step(
    number=1,
    kind="add column",
    target="shop.orders.note",
    unit="table orders",
    cql='ALTER TABLE shop.orders ADD "note" text',
    reason="shop.orders: it has no column note",
    why="rows that are there have null in it",
    effect=Effect("column", "orders", "note", True),
)
DROP = Step(
    number=2,
    kind="drop index",
    target="shop.orders(total)",
    unit="table orders",
    cql="DROP INDEX IF EXISTS shop.orders_total_idx",
    reason="shop.orders has an index of total, not a sai index of total",
    safety="destructive",
    why="queries that need it fail until the new one is built from all rows",
)
CREATE = Step(
    number=3,
    kind="create index",
    target="shop.orders(total)",
    unit="table orders",
    cql="CREATE CUSTOM INDEX IF NOT EXISTS ON shop.orders (total) USING 'sai'",
    reason="shop.orders has an index of total, not a sai index of total",
    safety="costly",
    why="it is built from all rows",
    needs=(2,),
)
PLAN = Plan(
    "shop",
    (ADD, DROP, CREATE),
    notes=("shop.old is a table of no model: it is left alone",),
    basis={"table orders": "0123456789abcdef"},
)
REFUSED = replace(
    PLAN, problems=(Problem("shop.orders.day", "it is a date, not a text", "add another column"),)
)

SHOWN = f"""\
Plan {PLAN.id} for keyspace shop: 3 steps, 1 of them destructive

  1. add column shop.orders.note  [safe]
       ALTER TABLE shop.orders ADD "note" text;
     reason: shop.orders: it has no column note
     safe? rows that are there have null in it

  2. drop index shop.orders(total)  [DESTRUCTIVE]
       DROP INDEX IF EXISTS shop.orders_total_idx;
     reason: shop.orders has an index of total, not a sai index of total
     loses: queries that need it fail until the new one is built from all rows

  3. create index shop.orders(total)  [costly]
       CREATE CUSTOM INDEX IF NOT EXISTS ON shop.orders (total) USING 'sai';
     reason: shop.orders has an index of total, not a sai index of total
     safe? it is built from all rows
     needs: step 2

note: shop.old is a table of no model: it is left alone

Destructive steps, and those that need them, are run by `apply --allow-destructive` only."""


def test_a_plan_is_shown_as_a_block_for_each_step() -> None:
    assert str(PLAN) == SHOWN


def test_what_is_refused_is_shown_with_its_way_out() -> None:
    text = str(REFUSED)
    assert "3 steps, 1 of them destructive, 1 refused" in text
    assert (
        "  !  shop.orders.day  [REFUSED]\n"
        "     reason: it is a date, not a text\n"
        "     way out: add another column\n"
    ) in text
    assert text.endswith("None of it can be applied before what is refused has another way.")


def test_an_empty_plan_says_so() -> None:
    assert str(Plan("shop")) == "Keyspace shop is what the models say: nothing to do."
    assert not Plan("shop")
    assert PLAN
    assert Plan("shop", problems=REFUSED.problems)


def test_what_needs_a_destructive_step_is_held_back_with_it() -> None:
    assert PLAN.destructive == (DROP,)
    assert PLAN.runnable() == (ADD,)
    assert PLAN.runnable(allow_destructive=True) == PLAN.steps


def test_the_id_is_that_of_the_content() -> None:
    assert replace(PLAN, notes=()).id == PLAN.id
    for other in (
        replace(PLAN, steps=PLAN.steps[:2]),
        replace(PLAN, basis={"table orders": "f"}),
        replace(PLAN, keyspace="stock"),
        replace(PLAN, steps=(ADD, replace(DROP, safety="safe"), CREATE)),
    ):
        assert other.id != PLAN.id


@pytest.mark.parametrize(
    "plan", [PLAN, REFUSED, Plan("shop", basis={})], ids=["some", "no", "none"]
)
def test_a_saved_plan_is_read_again(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path / "plan.json")
    assert load(tmp_path / "plan.json") == plan


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda told: told["steps"][0].update(cql="DROP TABLE shop.orders"), "was changed after"),
        (lambda told: told["steps"][1].update(safety="safe"), "was changed after"),
        (lambda told: told["steps"].pop(), "was changed after"),
        (lambda told: told.update(format=2), "has format 2, and this version"),
        (lambda told: told.pop("steps"), "is no plan that was saved"),
        (lambda told: told["steps"][0].pop("needs"), "is no plan that was saved"),
        (lambda told: told["problems"].append({"what": 1}), "is no plan that was saved"),
    ],
)
def test_a_plan_that_was_edited_is_refused(change: object, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    told = PLAN.as_dict()
    change(told)  # type: ignore[operator]
    path.write_text(json.dumps(told))
    with pytest.raises(MigrationError, match=reason):
        load(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '"plan"', "null"])
def test_what_is_no_plan_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(MigrationError, match="is no plan that was saved"):
        load(path)
