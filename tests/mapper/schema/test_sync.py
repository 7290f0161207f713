"""What is run to give a keyspace what it lacks, whatever others do meanwhile."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import pytest

from cql_protocol.errors import AlreadyExists, InvalidRequest, ServerError, Unauthorized
from cqlengine import columns, management
from cqlengine.errors import CQLEngineException
from cqlengine.models import Model
from cqlengine.schema import read_keyspace, sync
from cqlengine.usertype import UserType
from tests.mapper.schema.models import Address, Street, User
from tests.mapper.schema.server import Server

HEAD = 'CREATE TABLE IF NOT EXISTS shop.thing ("id" int, '


class Thing(Model):
    __keyspace__ = "shop"

    id = columns.Integer(primary_key=True)
    name = columns.Text()


class Longer(Model):
    __keyspace__ = "shop"
    __table_name__ = "thing"
    __options__: ClassVar[dict[str, Any]] = {"comment": "x"}

    id = columns.Integer(primary_key=True)
    name = columns.Text(index=True)
    age = columns.Integer()


def synced(server: Server, model: type[Model] = Thing, **choices: Any) -> list[str]:
    """The statements that were run to sync a model."""
    keyspaces, connections = choices.get("keyspaces"), choices.get("connections")
    server.run(sync.sync_table(model, keyspaces, connections))
    return server.statements


def test_what_is_there_is_left() -> None:
    assert synced(Server(Thing)) == []


def test_a_table_is_made_once() -> None:
    server = Server()
    server.on("CREATE TABLE", [Thing])
    assert synced(server) == [f'{HEAD}"name" text, PRIMARY KEY (("id")))']


def test_types_go_first() -> None:
    server = Server()
    server.on("CREATE TABLE", [User])
    kinds = [text.split("shop")[0] for text in synced(server, User)]
    assert kinds == [
        "CREATE TYPE IF NOT EXISTS ",
        "CREATE TYPE IF NOT EXISTS ",
        "CREATE TABLE IF NOT EXISTS ",
        "CREATE INDEX IF NOT EXISTS ON ",
    ]


def test_columns_options_and_indexes_are_added() -> None:
    server = Server(Thing)
    server.on("CREATE INDEX", [Longer])
    assert synced(server, Longer) == [
        'ALTER TABLE shop.thing ADD "age" int',
        "ALTER TABLE shop.thing WITH comment = 'x'",
        "CREATE INDEX IF NOT EXISTS ON shop.thing (name)",
    ]


def test_another_program_made_the_table_of_an_older_model() -> None:
    server = Server()
    server.on("CREATE TABLE", [Thing])
    server.on("ALTER TABLE shop.thing WITH", [Longer])
    statements = synced(server, Longer)
    assert statements[0].startswith(f'{HEAD}"name" text, "age" int')
    assert 'ALTER TABLE shop.thing ADD "age" int' in statements


def test_another_program_was_faster() -> None:
    server = Server(Thing)
    late = InvalidRequest("Column with name 'age' already exists")
    server.on("ALTER TABLE shop.thing ADD", (late, [Longer]))
    assert synced(server, Longer) == ['ALTER TABLE shop.thing ADD "age" int']
    server = Server()
    server.on("CREATE TABLE", (AlreadyExists("shop", "thing"), [Thing]))
    assert len(synced(server)) == 1


def test_the_node_that_is_asked_may_be_late() -> None:
    server = Server(Thing)
    late = InvalidRequest("Column with name 'age' already exists")
    for models in ([Thing], [Thing], [Longer]):
        server.on("ALTER TABLE shop.thing ADD", (late, models))
    assert synced(server, Longer) == ['ALTER TABLE shop.thing ADD "age" int'] * 3


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (InvalidRequest("Column with name 'age' already exists"), 5),
        (InvalidRequest("no"), 2),
        (ServerError("no"), 2),
        (Unauthorized("no"), 2),
    ],
)
def test_what_goes_on_failing_is_raised(error: Exception, tries: int) -> None:
    server = Server(Thing)
    for _ in range(10):
        server.on("ALTER", error)
    with pytest.raises(type(error)):
        synced(server, Longer)
    assert len(server.statements) == tries


def test_a_statement_that_has_no_effect_is_not_run_again() -> None:
    assert len(synced(Server(Thing), Longer)) == 3


def test_what_cannot_be_done_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    class Other(Model):
        __table_name__ = "thing"
        __keyspace__ = "shop"

        id = columns.Integer(primary_key=True)
        name = columns.Blob()
        age = columns.Integer()

    server = Server(Thing)
    server.on("ALTER TABLE", [Other])
    with caplog.at_level(logging.INFO, "cqlengine.management"):
        synced(server, Other)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "; ".join(warnings) == (
        "shop.thing: its column name is a text, not a blob: it is left as it is, since servers "
        "since Cassandra 3.10 never change the type of a column; add a column of another name "
        "with type blob, copy the values, drop name"
    )


def test_another_key_and_no_keyspace_are_refused() -> None:
    class Other(Model):
        __table_name__ = "thing"
        __keyspace__ = "shop"

        id = columns.Integer(primary_key=True)
        at = columns.Integer(primary_key=True)

    with pytest.raises(CQLEngineException, match=r"primary key is \(id\), not \(id, at\)"):
        synced(Server(Thing), Other)
    server = Server()
    server.models = None
    with pytest.raises(CQLEngineException, match=r"no keyspace shop.*create_keyspace_simple"):
        synced(server)


def test_keyspaces_and_connections() -> None:
    server = Server()
    for _ in range(4):
        server.on("CREATE TABLE", [])
    statements = synced(server, keyspaces=["shop", "other"], connections=["a", "b"])
    assert [text.split()[5] for text in statements] == ["shop.thing", "other.thing"] * 2
    assert list(dict.fromkeys(server.connections)) == ["a", "b"]


def test_a_server_without_views_and_indexes() -> None:
    server = Server(Thing, without=("views", "indexes", "scylla_tables"))
    found = server.run(read_keyspace("shop"))
    assert found.tables.keys() == {"thing"}
    assert found.exists
    assert "comment" in found.options


def test_types_alone() -> None:
    server = Server()
    server.run(sync.sync_type("shop", Address, "reports"))
    assert [text.split()[5] for text in server.statements] == ["shop.street", "shop.address"]
    assert set(server.connections) == {"reports"}

    class Longer(UserType):
        __type_name__ = "street"

        name = columns.Text()
        number = columns.Integer()
        door = columns.Text()

    server = Server()
    server.types = (Street,)
    server.run(sync.sync_type("shop", Longer, None))
    assert server.statements == ['ALTER TYPE shop.street ADD "door" text']


def test_dropping() -> None:
    server = Server()
    server.run(sync.drop_table(Thing, None, None))
    server.run(sync.drop_keyspace("Shop", None))
    assert server.statements == [
        "DROP TABLE IF EXISTS shop.thing",
        'DROP KEYSPACE IF EXISTS "Shop"',
    ]


def test_keyspaces_are_made() -> None:
    server = Server()
    replication = {"class": "NetworkTopologyStrategy", "east": 3}
    server.run(sync.create_keyspace("shop", replication, False, ["a", "b"]))
    text = (
        "CREATE KEYSPACE IF NOT EXISTS shop WITH replication = {'class': "
        "'NetworkTopologyStrategy', 'east': '3'} AND durable_writes = false"
    )
    assert server.statements == [text, text]


def test_the_first_change_is_told_of_unless_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = management.CQLENG_ALLOW_SCHEMA_MANAGEMENT
    for value, lines in (("1", 0), (None, 1)):
        monkeypatch.setattr(management, "_has_warned", False)
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
        for _ in range(2):
            with pytest.raises(CQLEngineException, match="give a list"):
                management.drop_keyspace("shop", connections="reports")
        assert len(caplog.records) == lines


def test_what_else_the_module_has() -> None:
    field = management.Field("name", "text")
    assert (field.name, field.type) == ("name", "text")
    assert repr(management.schema_columnfamilies) == "<NamedTable system_schema.tables>"
    with pytest.raises(AttributeError, match="no attribute 'schema_columns'"):
        management.schema_columns  # noqa: B018
