"""Evolutions of models, planned and applied on a real node, and looked at by a plain session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cqlengine import columns, migrations
from cqlengine.migrations import MigrationRefused
from tests.integration.mapper.evolutions import (
    EVOLUTIONS,
    REFUSALS,
    Evolution,
    Refusal,
    model,
    user_type,
    view,
)

if TYPE_CHECKING:
    from cql_driver.cluster import Session

# Nothing of it has two implementations.
pytestmark = [pytest.mark.once, pytest.mark.usefixtures("connection")]


def described(session: Session, table: str | None = None) -> str:
    """What the server itself says of the keyspace, as one text, names without keyspaces."""
    rows = session.execute(f'DESCRIBE KEYSPACE "{session.keyspace}"')
    parts = [row.create_statement for row in rows if row.name != migrations.RECORD_TABLE]
    return "\n".join(parts).replace(f"{session.keyspace}.", ".")


def names_of(models: Any) -> set[str]:
    return {each._table for each in models}


def about(session: Session, models: Any) -> str:
    """The description of what an evolution has, and of nothing else."""
    from cqlengine.schema.wanted import user_types_of

    names = names_of(models) | {each.type_name() for each in user_types_of(*models)}
    rows = session.execute(f'DESCRIBE KEYSPACE "{session.keyspace}"')
    parts = [
        row.create_statement
        for row in rows
        if row.name in names
        or (row.type == "index" and any(f".{name} (" in row.create_statement for name in names))
    ]
    return "\n".join(parts).replace(f"{session.keyspace}.", ".")


def kinds(steps: Any) -> list[str]:
    return [step.kind for step in steps]


@pytest.mark.parametrize("evolution", EVOLUTIONS, ids=str)
def test_an_evolution_is_planned_applied_and_described(
    session: Session, evolution: Evolution
) -> None:
    before = evolution.before()
    if before:
        migrations.apply(before)
    after = evolution.after()
    plan = migrations.plan(after, **evolution.choices)
    assert not plan.problems, str(plan)
    assert kinds(plan.steps) == evolution.steps, str(plan)
    text = str(plan)
    assert all(step.cql in text and step.reason in " ".join(text.split()) for step in plan.steps)
    was = about(session, after)

    safe = migrations.apply(plan)
    assert kinds(safe.done) == evolution.safe
    assert kinds(safe.held_back) == [kind for kind in evolution.steps if kind not in evolution.safe]
    if not evolution.safe:
        assert about(session, after) == was
    migrations.apply(after, allow_destructive=True, **evolution.choices)

    told = about(session, after)
    assert [words for words in evolution.has if words not in told] == [], told
    assert [words for words in evolution.lacks if words in told] == [], told
    assert not migrations.plan(after, **evolution.choices), "there is nothing left to do"


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_what_cannot_be_done_is_refused_with_a_reason_and_a_way_out(
    session: Session, refusal: Refusal
) -> None:
    migrations.apply(refusal.before())
    was = described(session)
    after = refusal.after()
    plan = migrations.plan(after)
    assert len(plan.problems) == 1, str(plan)
    (problem,) = plan.problems
    assert refusal.reason in problem.reason
    assert refusal.way_out in problem.way_out
    for what in (plan, after):
        with pytest.raises(MigrationRefused, match="nothing was applied") as caught:
            migrations.apply(what, allow_destructive=True)
        assert caught.value.problems == plan.problems
    assert described(session) == was


def test_the_way_out_of_a_rename_is_two_migrations(session: Session) -> None:
    migrations.apply([model("w1", nick=columns.Text())])
    session.execute("INSERT INTO w1 (id, nick) VALUES (1, 'zz')")
    both = model("w1", nick=columns.Text(), nickname=columns.Text())
    assert kinds(migrations.apply([both]).done) == ["add column"]
    for row in both.objects.all():
        row.update(nickname=row.nick)
    new = model("w1", nickname=columns.Text())
    applied = migrations.apply([new], allow_destructive=True)
    assert kinds(applied.done) == ["drop column"]
    assert [tuple(row) for row in session.execute("SELECT * FROM w1")] == [(1, "zz")]


def test_the_other_way_out_of_a_rename_is_to_keep_the_name_in_the_table(session: Session) -> None:
    migrations.apply([model("w2", nick=columns.Text())])
    assert not migrations.plan([model("w2", nickname=columns.Text(db_field="nick"))])


def test_a_renamed_key_keeps_its_rows(session: Session) -> None:
    migrations.apply([model("w3", day=columns.Integer(primary_key=True))])
    session.execute("INSERT INTO w3 (id, day) VALUES (1, 2)")
    new = model("w3", date=columns.Integer(primary_key=True))
    migrations.apply([new], renames={"w3.day": "date"})
    assert [tuple(row) for row in session.execute("SELECT id, date FROM w3")] == [(1, 2)]
    assert not migrations.plan([new], renames={"w3.day": "date"}), "it can be asked for again"


@pytest.mark.parametrize(
    ("rename", "reason"),
    [
        ({"w4.v": "w"}, "primary key only"),
        ({"w4.x": "w"}, "no such column"),
        ({"w4x.v": "w"}, "no such table"),
        ({"w4.k": "v"}, "there is a column v already"),
    ],
)
def test_a_rename_that_cannot_be_is_refused(rename: dict[str, str], reason: str) -> None:
    models = [model("w4", k=columns.Integer(primary_key=True), v=columns.Integer())]
    migrations.apply(models)
    assert [reason in each.reason for each in migrations.plan(models, renames=rename).problems] == [
        True
    ]


def test_a_column_that_was_dropped_comes_back_with_its_type_only(session: Session) -> None:
    migrations.apply([model("d1", v=columns.Integer())])
    migrations.apply([model("d1")], allow_destructive=True)
    plan = migrations.plan([model("d1", v=columns.Text())])
    (problem,) = plan.problems
    assert "was dropped once, a int" in problem.reason
    assert "another name" in problem.way_out
    applied = migrations.apply([model("d1", v=columns.Integer())])
    assert kinds(applied.done) == ["add column"]


def test_what_no_model_describes_is_left_alone_until_models_are_all_there_is(
    session: Session,
) -> None:
    before = session.keyspace
    name = f"{before}_x"
    session.execute(
        f"CREATE KEYSPACE {name} WITH replication = "
        "{'class': 'NetworkTopologyStrategy', 'dc1': 1}"
    )
    try:
        old = model(
            "old_orders", place=columns.UserDefinedType(user_type("place", x=columns.Text()))
        )
        kept = model("orders", note=columns.Text())
        seen = view(
            kept,
            "orders_by_note",
            note=columns.Text(partition_key=True),
            id=columns.Integer(primary_key=True),
        )
        migrations.apply([old, kept, seen], keyspace=name)
        alone = migrations.plan([kept], keyspace=name)
        assert not alone
        assert [note.split(" is ")[0] for note in alone.notes] == [
            f"{name}.orders_by_note",
            f"{name}.old_orders",
            f"{name}.place",
        ]
        plan = migrations.plan([kept], keyspace=name, complete=True)
        assert kinds(plan.steps) == ["drop view", "drop table", "drop type"]
        assert all(step.destructive for step in plan.steps)
        held = migrations.apply(plan)
        assert (held.done, held.held_back) == ((), plan.steps)
        migrations.apply(plan, allow_destructive=True)
        rows = session.execute(f"DESCRIBE KEYSPACE {name}")
        assert sorted(row.name for row in rows if row.type != "keyspace") == [
            migrations.RECORD_TABLE,
            "orders",
        ]
    finally:
        session.execute(f"DROP KEYSPACE {name}")
