"""What is planned for models, without a server: which models, which keyspace, which names."""

from __future__ import annotations

from typing import Any

import pytest

from cqlengine import columns, migrations
from cqlengine.errors import UndefinedKeyspaceException
from cqlengine.migrations import MigrationError, Plan
from cqlengine.migrations.planning import Question, planning
from cqlengine.models import Model
from tests.mapper.migrations.pretend import KEYSPACE, Server


class Pet(Model):
    __table_name__ = "pets"
    id = columns.Integer(primary_key=True)
    kind = columns.Text(discriminator_column=True)


class Cat(Pet):
    __discriminator_value__ = "cat"
    lives = columns.Integer()


class Dog(Pet):
    __discriminator_value__ = "dog"
    tricks = columns.Text()


class Toy(Model):
    __table_name__ = "toys"
    id = columns.Integer(primary_key=True)
    label = columns.Text()
    price = columns.Integer()


class Elsewhere(Model):
    __keyspace__ = "stock"
    id = columns.Integer(primary_key=True)


@pytest.fixture
def server() -> Server:
    """A server with the tables of pets and toys."""
    made = Server()
    made.tables = {
        "pets": {"id": "int", "kind": "text", "lives": "int", "tricks": "text"},
        "toys": {"id": "int", "label": "text", "price": "int"},
    }
    return made


def planned(server: Server, *models: Any, keyspace: str | None = KEYSPACE, **choices: Any) -> Plan:
    question = Question.made(models, keyspace, choices)  # type: ignore[arg-type]
    plan = server.run(planning(question))
    assert isinstance(plan, Plan)
    return plan


def kinds(plan: Plan) -> list[str]:
    return [step.kind for step in plan.steps]


@pytest.mark.parametrize("model", [Pet, Cat, Dog])
def test_columns_of_models_that_share_the_table_are_not_dropped(server: Server, model: Any) -> None:
    assert not planned(server, model)
    del server.tables["pets"]["tricks"]
    assert kinds(planned(server, model)) == ["add column"]


def test_what_no_model_describes_is_noted_and_dropped_only_if_models_are_all(
    server: Server,
) -> None:
    plan = planned(server, Pet)
    assert not plan
    (note,) = plan.notes
    assert note.startswith("shop.toys is a table of no model: it is left alone; complete=True")
    plan = planned(server, Pet, complete=True)
    assert [(step.cql, step.destructive) for step in plan.steps] == [
        ("DROP TABLE IF EXISTS shop.toys", True)
    ]


def test_the_record_itself_is_never_dropped(server: Server) -> None:
    server.has_record = True
    assert not planned(server, Pet, Toy, complete=True)


def test_a_column_that_looks_renamed_takes_the_others_with_it(server: Server) -> None:
    """The plan is refused; what it shows has neither of the two as a step."""

    class Renamed(Model):
        __table_name__ = "toys"
        id = columns.Integer(primary_key=True)
        name = columns.Text()
        price = columns.Integer()
        count = columns.BigInt()

    plan = planned(server, Renamed)
    assert kinds(plan) == ["add column"]
    (problem,) = plan.problems
    assert problem.target == "shop.toys.label"
    assert "looks like another name" in problem.reason
    assert 'db_field="label"' in problem.way_out
    assert "--not-renamed toys.label" in problem.way_out
    plan = planned(server, Renamed, not_renamed=["toys.label"])
    assert (kinds(plan), plan.problems) == (["add column", "add column", "drop column"], ())


def test_a_column_of_another_type_is_no_rename(server: Server) -> None:
    class Other(Model):
        __table_name__ = "toys"
        id = columns.Integer(primary_key=True)
        label = columns.Text()
        weight = columns.Float()

    plan = planned(server, Other)
    assert (kinds(plan), plan.problems) == (["add column", "drop column"], ())


def test_a_schema_that_is_being_changed_is_read_again(server: Server) -> None:
    server.torn = 3
    assert not planned(server, Toy)
    assert server.torn == 0
    server.torn = 1000
    with pytest.raises(MigrationError, match="cannot be read as a whole"):
        planned(server, Toy)


@pytest.mark.parametrize("renames", [{"x": "y"}, {".x": "y"}, {"t.": "y"}, {"t.x": ""}])
def test_renames_have_a_form(server: Server, renames: dict[str, str]) -> None:
    with pytest.raises(MigrationError, match=r"say \{\"table.old\": \"new\"\}"):
        planned(server, Toy, renames=renames)


def test_models_of_another_keyspace_are_left_out_with_a_note(server: Server) -> None:
    plan = planned(server, Toy, Elsewhere, keyspace="shop")
    assert not plan
    assert "Elsewhere is left out: it belongs to keyspace stock" in plan.notes


def test_the_keyspace_must_be_clear(server: Server) -> None:
    class Here(Toy):
        __table_name__ = "toys"
        __keyspace__ = "shop"

    assert planned(server, Here, keyspace=None).keyspace == "shop"
    with pytest.raises(MigrationError, match="of the keyspaces shop, stock: plan each"):
        planned(server, Here, Elsewhere, keyspace=None)
    with pytest.raises(UndefinedKeyspaceException, match="--keyspace"):
        planned(server, Toy, keyspace=None)
    with pytest.raises(UndefinedKeyspaceException, match="--keyspace"):
        planned(server, keyspace=None)


def test_a_plan_takes_no_choices() -> None:
    from cqlengine.migrations.applying import Options
    from cqlengine.migrations.verbs import _applying

    with pytest.raises(MigrationError, match="complete: that is for planning"):
        Server().run(_applying(Plan(KEYSPACE), None, {"complete": True}, Options()))


def test_what_is_public_is_there() -> None:
    assert sorted(migrations.__all__) == sorted(set(migrations.__all__))
    assert all(getattr(migrations, name) is not None for name in migrations.__all__)
    assert set(migrations.__all__) <= set(dir(migrations))
