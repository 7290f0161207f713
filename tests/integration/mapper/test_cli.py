"""``python -m cqlengine`` on a real node: what it writes, and its exit status."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.mapper.command import Command

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.once  # nothing of it has two implementations

MODELS = """
from cqlengine import columns
from cqlengine.models import Model
from cqlengine.usertype import UserType


class Address(UserType):
    __type_name__ = "{table}_address"
    street = columns.Text()


class Base(Model):
    __abstract__ = True
    id = columns.UUID(primary_key=True)


class User(Base):
    __table_name__ = "{table}"
    name = columns.Text()
    {more}
"""


@pytest.fixture
def command(tmp_path: Path, cassandra: Nodes, keyspace: str) -> Command:
    """The command line, in a directory of the test's own."""
    return Command(tmp_path, cassandra, keyspace)


@pytest.fixture
def table() -> str:
    """The name of a table that nothing else has."""
    return f"c_{uuid.uuid4().hex[:8]}"


def columns_of(session: Session, table: str) -> set[str]:
    rows = session.execute(
        "SELECT column_name FROM system_schema.columns "
        "WHERE keyspace_name = %s AND table_name = %s",
        (session.keyspace, table),
    )
    return {row.column_name for row in rows}


def test_plan_apply_and_status(command: Command, session: Session, table: str) -> None:
    command.write("shop", MODELS.format(table=table, more=""))
    planned = command("plan", "--models", "shop")
    assert planned.status == 0, planned.err
    assert f"CREATE TABLE IF NOT EXISTS {session.keyspace}.{table} (" in planned.out
    assert f"create type {session.keyspace}.{table}_address  [safe]" in planned.out
    assert command("plan", "--models", "shop", "--check").status == 2
    assert columns_of(session, table) == set()

    applied = command("apply", "--models", "shop")
    assert applied.status == 0, applied.err
    assert "2 steps applied" in applied.out
    assert columns_of(session, table) == {"id", "name"}
    again = command("apply", "--models", "shop")
    assert (again.status, "nothing to do" in again.out) == (0, True)
    nothing = command("plan", "--models", "shop", "--check")
    assert (nothing.status, "nothing to do" in nothing.out) == (0, True)

    status = command("status")
    assert status.status == 0, status.err
    assert f"done    create table {session.keyspace}.{table}" in status.out


def test_destructive_steps_wait_for_their_flag(
    command: Command, session: Session, table: str
) -> None:
    command.write("shop", MODELS.format(table=table, more="age = columns.Integer()"))
    assert command("apply", "--models", "shop").status == 0
    command.write("shop", MODELS.format(table=table, more="mail = columns.Ascii()"))
    planned = command("plan", "--models", "shop")
    assert f"drop column {session.keyspace}.{table}.age  [DESTRUCTIVE]" in planned.out
    assert "loses: what is in it is lost" in planned.out
    held = command("apply", "--models", "shop")
    assert held.status == 0, held.err
    assert "Held back" in held.out
    assert columns_of(session, table) == {"id", "name", "age", "mail"}
    assert command("apply", "--models", "shop", "--check").status == 2
    done = command("apply", "--models", "shop:User", "--allow-destructive")
    assert done.status == 0, done.err
    assert columns_of(session, table) == {"id", "name", "mail"}


def test_what_is_refused_is_an_error(command: Command, session: Session, table: str) -> None:
    command.write("shop", MODELS.format(table=table, more="age = columns.Integer()"))
    assert command("apply", "--models", "shop").status == 0
    command.write("shop", MODELS.format(table=table, more="years = columns.Integer()"))
    planned = command("plan", "--models", "shop", "--check")
    assert planned.status == 1
    assert f"{session.keyspace}.{table}.age  [REFUSED]" in planned.out
    assert "way out:" in planned.out
    applied = command("apply", "--models", "shop", "--allow-destructive")
    assert applied.status == 1
    assert "nothing was applied" in applied.err
    assert "Traceback" not in applied.err
    other = command(
        "apply", "--models", "shop", "--allow-destructive", "--not-renamed", f"{table}.age"
    )
    assert other.status == 0, other.err
    assert columns_of(session, table) == {"id", "name", "years"}


def test_a_plan_is_saved_and_applied_later(
    command: Command, session: Session, table: str, tmp_path: Path
) -> None:
    command.write("shop", MODELS.format(table=table, more=""))
    assert command("apply", "--models", "shop").status == 0
    command.write("shop", MODELS.format(table=table, more="age = columns.Integer()"))
    assert command("plan", "--models", "shop", "--save", "one.json").status == 0
    applied = command("apply", "one.json")
    assert applied.status == 0, applied.err
    assert "1 step applied" in applied.out
    assert columns_of(session, table) == {"id", "name", "age"}
    again = command("apply", "one.json")
    assert (again.status, "In effect before: 1 step" in again.out) == (0, True)

    command.write(
        "shop",
        MODELS.format(table=table, more="age = columns.Integer(); mail = columns.Ascii()"),
    )
    assert command("plan", "--models", "shop", "--save", "two.json").status == 0
    session.execute(f"ALTER TABLE {table} ADD other int")
    refused = command("apply", "two.json")
    assert refused.status == 1
    assert f"table {table}" in refused.err
    assert "changed since the plan was made" in refused.err
    assert columns_of(session, table) == {"id", "name", "age", "other"}

    path = tmp_path / "two.json"
    path.write_text(path.read_text().replace("mail", "post"))
    edited = command("apply", "two.json")
    assert (edited.status, "was changed after it was saved" in edited.err) == (1, True)


def test_a_keyspace_that_is_not_there_is_an_error(command: Command, table: str) -> None:
    command.write("shop", MODELS.format(table=table, more=""))
    for arguments in (["plan", "--models", "shop"], ["status"], ["status", "--models", "shop"]):
        found = command(*arguments, "--keyspace", "misspelt")
        assert found.status == 1, arguments
        assert "there is no keyspace 'misspelt': create it first" in found.err


def test_json_is_for_programs(command: Command, session: Session, table: str) -> None:
    command.write("shop", MODELS.format(table=table, more=""))
    planned = command("plan", "--models", "shop:User", "--json")
    (step,) = planned.json["steps"]
    assert (step["kind"], step["destructive"]) == ("create table", False)
    assert step["cql"].startswith("CREATE TABLE")
    applied = command("apply", "--models", "shop:User", "--json")
    assert [step["number"] for step in applied.json["done"]] == [1]
    recorded = command("status", "--json").json["recorded"]
    mine = [entry for entry in recorded if entry["target"] == f"{session.keyspace}.{table}"]
    assert [(entry["state"], entry["plan"]) for entry in mine] == [("done", planned.json["id"])]
    wrong = command("plan", "--models", "nowhere", "--json")
    assert (wrong.status, wrong.json["type"]) == (1, "MigrationError")


def test_settings_come_from_a_module(command: Command, session: Session, table: str) -> None:
    command.write("shop", MODELS.format(table=table, more=""))
    hosts = command.environment.pop("CQLENG_HOSTS").split(",")
    port = command.environment.pop("CQLENG_PORT")
    keyspace = command.environment.pop("CQLENG_KEYSPACE")
    command.write(
        "config",
        f"CQLENGINE = {{'HOSTS': {hosts!r}, 'PORT': {port}, 'KEYSPACE': {keyspace!r}, "
        "'MODELS': ['shop'], 'OPTIONS': {'connect_timeout': 30}}\n",
    )
    applied = command("apply", "--settings", "config")
    assert applied.status == 0, applied.err
    assert columns_of(session, table) == {"id", "name"}
    assert command("plan", "--check", CQLENG_SETTINGS="config").status == 0


def test_the_connection_of_the_application_is_used(
    command: Command, session: Session, table: str
) -> None:
    hosts = command.environment.pop("CQLENG_HOSTS").split(",")
    port = command.environment.pop("CQLENG_PORT")
    keyspace = command.environment.pop("CQLENG_KEYSPACE")
    command.write(
        "shop",
        MODELS.format(table=table, more="")
        + "\nfrom cqlengine import connection\n"
        + f"connection.setup({hosts!r}, {keyspace!r}, port={port}, lazy_connect=True)\n",
    )
    applied = command("apply", "--models", "shop")
    assert applied.status == 0, applied.err
    assert columns_of(session, table) == {"id", "name"}


def test_errors_are_told_without_a_traceback(command: Command, table: str) -> None:
    command.write("shop", MODELS.format(table=table, more=""))
    wrong = [
        (["plan"], "no models are named"),
        (["plan", "--models", "nowhere"], "cannot be imported"),
        (["plan", "--models", "shop:Nobody"], "it has Address, User"),
        (["plan", "--models", "shop", "--keyspace", "nowhere"], "there is no keyspace 'nowhere'"),
        (["apply", "nowhere.json"], "nowhere.json"),
        (["plan", "--models", "shop", "--user", "zoe"], "--password-file"),
        (["plan", "--models", "shop", "--port", "1"], "Connection"),
    ]
    for arguments, words in wrong:
        found = command(*arguments)
        assert found.status == 1, found.out
        assert words in found.err, found.err
        assert "Traceback" not in found.err
