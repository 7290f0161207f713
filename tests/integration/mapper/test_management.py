"""Keyspaces, tables and types that the mapper makes on a real node, seen by a plain session."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from cqlengine import columns, management
from cqlengine.errors import CQLEngineException, UndefinedKeyspaceException
from cqlengine.models import Model
from cqlengine.query.requests import run
from cqlengine.schema import LiveKeyspace, compare_models, read_keyspace
from cqlengine.usertype import UserType
from tests.integration.aio.support import connected as aio_connected
from tests.integration.driver.support import connected, keyspace_of, new_name
from tests.integration.mapper.building import wait_for_indexes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.cluster import Session
    from cql_driver.metadata.schema import TableMetadata
    from cqlengine.connection import Connection
    from tests.cassandra import Cluster as Nodes

# Nothing of it has two implementations.
pytestmark = [pytest.mark.once, pytest.mark.usefixtures("connection")]


def live(keyspace: str) -> LiveKeyspace:
    return run(read_keyspace(keyspace))


def table_of(model: type[Model], keyspace: str) -> TableMetadata:
    return live(keyspace).tables[model._raw_column_family_name()]


def differences(model: Any, keyspace: str) -> list[str]:
    found = compare_models([model], live(keyspace), extras=False)
    return [difference.sentence for difference in found]


class Everything(Model):
    """A column of each kind, so that what is asked for can be compared with what servers tell."""

    __table_name__ = "EveryThing"
    __table_name_case_sensitive__ = True
    __options__: ClassVar[dict[str, Any]] = {
        "comment": 'it\'s "all"',
        "gc_grace_seconds": 3600,
        "bloom_filter_fp_chance": 0.05,
        "default_time_to_live": 86400,
        "speculative_retry": "99PERCENTILE",
        "caching": "KEYS_ONLY",
        "compaction": {"class": "LeveledCompactionStrategy", "sstable_size_in_mb": 64},
        "compression": {"sstable_compression": "LZ4Compressor", "chunk_length_kb": 32},
    }

    region = columns.Text(partition_key=True, db_field="Region")
    day = columns.Date(partition_key=True)
    at = columns.TimeUUID(primary_key=True, clustering_order="DESC")
    number = columns.BigInt(primary_key=True)
    note = columns.Text(static=True)
    ascii_ = columns.Ascii()
    blob = columns.Blob()
    truth = columns.Boolean()
    amount = columns.Decimal()
    ratio = columns.Double()
    part = columns.Float()
    span = columns.Duration()
    address = columns.Inet()
    count_ = columns.Integer()
    little = columns.SmallInt()
    tiny = columns.TinyInt()
    big = columns.VarInt()
    clock = columns.Time()
    moment = columns.DateTime()
    key = columns.UUID()
    words = columns.List(columns.Text)
    tags = columns.Set(columns.Text)
    scores = columns.Map(columns.Text, columns.Integer)
    nested = columns.Map(columns.Text, columns.List(columns.Set(columns.Integer)))
    pair = columns.Tuple(columns.Integer, columns.List(columns.Text))
    pairs = columns.List(columns.Tuple(columns.Integer, columns.Text))
    place = columns.Vector(columns.Float, 3)


def test_what_was_made_is_what_was_asked_for(session: Session, keyspace: str) -> None:
    management.sync_table(Everything)
    assert differences(Everything, keyspace) == []
    session.cluster.refresh_schema_metadata()  # the change was made by another cluster
    found = session.cluster.metadata.keyspaces[keyspace].tables["EveryThing"]
    assert [column.name for column in found.primary_key] == ["Region", "day", "at", "number"]
    assert [column.is_reversed for column in found.clustering_key] == [True, False]
    assert found.columns["note"].is_static
    assert found.columns["nested"].cql_type == "map<text, frozen<list<frozen<set<int>>>>>"
    assert found.options["comment"] == 'it\'s "all"'
    assert found.options["compaction"]["sstable_size_in_mb"] == "64"
    management.sync_table(Everything)
    management.drop_table(Everything)
    assert "EveryThing" not in live(keyspace).tables
    management.drop_table(Everything)


class Before(Model):
    __table_name__ = "evolving"

    id = columns.Integer(primary_key=True)
    at = columns.Integer(primary_key=True)
    name = columns.Text()
    gone = columns.Text()


@pytest.fixture
def evolving(keyspace: str) -> Iterator[TableMetadata]:
    """The table of `Before`, as it is before it is synced with what came after."""
    management.sync_table(Before)
    yield table_of(Before, keyspace)
    management.drop_table(Before)


@pytest.mark.usefixtures("evolving")
def test_missing_columns_options_and_indexes_are_added(
    session: Session, keyspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    class After(Model):
        __table_name__ = "evolving"
        __options__: ClassVar[dict[str, Any]] = {"gc_grace_seconds": 77}

        id = columns.Integer(primary_key=True)
        at = columns.Integer(primary_key=True)
        name = columns.Text(index=True)
        tags = columns.Set(columns.Text)
        shared = columns.Integer(static=True)

    session.execute("INSERT INTO evolving (id, at, name, gone) VALUES (1, 1, 'a', 'kept')")
    with caplog.at_level(logging.INFO, "cqlengine.management"):
        management.sync_table(After)
    found = table_of(After, keyspace)
    assert {"tags", "shared", "gone"} <= found.columns.keys()
    assert found.columns["shared"].is_static
    assert found.options["gc_grace_seconds"] == 77
    assert [index.index_options["target"] for index in found.indexes.values()] == ["name"]
    wait_for_indexes(session, "evolving")
    row = session.execute("SELECT * FROM evolving WHERE name = 'a'").one()
    assert (row.gone, row.tags) == ("kept", None)
    assert "its column gone is not in the model" in caplog.text


@pytest.mark.usefixtures("evolving")
def test_a_type_that_differs_is_warned_of_and_left(
    keyspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    class After(Model):
        __table_name__ = "evolving"

        id = columns.Integer(primary_key=True)
        at = columns.Integer(primary_key=True, clustering_order="DESC")
        name = columns.Blob()

    management.sync_table(After)
    assert table_of(After, keyspace).columns["name"].cql_type == "text"
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any("name is a text, not a blob" in warning for warning in warnings)
    assert any("clustering order is (at ASC), not (at DESC)" in warning for warning in warnings)


@pytest.mark.usefixtures("evolving")
def test_another_primary_key_is_refused() -> None:
    class Shorter(Model):
        __table_name__ = "evolving"

        id = columns.Integer(primary_key=True)

    class Longer(Before):
        __table_name__ = "evolving"

        more = columns.Integer(primary_key=True)

    class Divided(Model):
        __table_name__ = "evolving"

        id = columns.Integer(partition_key=True)
        at = columns.Integer(partition_key=True)

    for model, key in ((Shorter, "(id)"), (Longer, "(id, at, more)"), (Divided, "((id, at))")):
        with pytest.raises(CQLEngineException) as caught:
            management.sync_table(model)
        assert f"its primary key is (id, at), not {key}" in str(caught.value)


@pytest.mark.usefixtures("evolving")
def test_an_unknown_option_is_refused_with_the_known_ones(keyspace: str) -> None:
    class After(Before):
        __table_name__ = "evolving"
        __options__: ClassVar[dict[str, Any]] = {"gc_grace": 5}

    class New(Before):
        __options__: ClassVar[dict[str, Any]] = {"gc_grace": 5}

    for model in (After, New):
        with pytest.raises(CQLEngineException, match=r"no option gc_grace;.*gc_grace_seconds"):
            management.sync_table(model)
    assert "new" not in live(keyspace).tables


class Street(UserType):
    name = columns.Text()
    number = columns.Integer()


class Address(UserType):
    street = columns.UserDefinedType(Street)
    town = columns.Text(db_field="Town")
    labels = columns.Map(columns.Text, columns.List(columns.Text))


class Placed(Model):
    id = columns.Integer(primary_key=True)
    home = columns.UserDefinedType(Address)
    others = columns.List(columns.UserDefinedType(Address))


def test_types_are_made_with_those_they_use_and_get_their_fields(
    session: Session, keyspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    management.sync_table(Placed)
    assert differences(Placed, keyspace) == []
    address = Address(street=Street(name="Ring", number=1), town="Wien", labels={"a": ["b"]})
    Placed.create(id=1, home=address, others=[address])
    row = session.execute("SELECT home FROM placed").one()
    assert (row.home.street.number, row.home.Town) == (1, "Wien")

    class LongerStreet(UserType):
        __type_name__ = "street"

        name = columns.Text()
        door = columns.Text()

    management.sync_type(keyspace, LongerStreet)
    found = live(keyspace).user_types["street"]
    assert found.field_names == ["name", "number", "door"]
    assert "has a field number that the model has not" in caplog.text
    management.sync_type(keyspace, LongerStreet)
    got = Placed.get(id=1)
    assert got.home.street.name == "Ring"
    with pytest.raises(CQLEngineException, match="is no user type"):
        management.sync_type(keyspace, Placed)


async def test_an_awaited_type(keyspace: str) -> None:
    class Lonely(UserType):
        name = columns.Text()

    await management.async_type(keyspace, Lonely)
    await management.async_type(keyspace, Lonely)
    assert "lonely" in (await asyncio.to_thread(live, keyspace)).user_types


class Mark(UserType):
    number = columns.Integer()


class Raced(Model):
    __options__: ClassVar[dict[str, Any]] = {"comment": "raced"}

    id = columns.Integer(primary_key=True)
    name = columns.Text(index=True)
    label = columns.Text()
    tags = columns.Set(columns.Text, index=True)


class RacedLonger(Raced):
    __table_name__ = "raced"
    __options__: ClassVar[dict[str, Any]] = {"comment": "raced again"}

    mark = columns.UserDefinedType(Mark)
    words = columns.List(columns.Text, index=True)
    shared = columns.Integer()


def test_several_programs_at_once(cassandra: Nodes, keyspace: str) -> None:
    failures: list[BaseException] = []

    def sync(session: Session, together: threading.Barrier) -> None:
        together.wait(60)
        try:
            for model in (Raced, RacedLonger):
                management.sync_table(model, [keyspace], [session])
        except BaseException as exc:  # noqa: BLE001 - told below
            failures.append(exc)

    with connected(cassandra) as one, connected(cassandra) as two:
        together = threading.Barrier(4)
        threads = [
            threading.Thread(target=sync, args=(session, together))
            for session in (one, two, one, two)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert differences(RacedLonger, keyspace) == []
    assert len(table_of(Raced, keyspace).indexes) == 3


async def test_awaited(session: Session, keyspace: str) -> None:
    class Awaited(Model):
        id = columns.Integer(primary_key=True)
        name = columns.Text(index=True)

    name = new_name("ks")
    await management.acreate_keyspace_simple(name, 1)
    try:
        await management.async_table(Awaited, [keyspace, name])
        assert await asyncio.to_thread(differences, Awaited, name) == []
        assert await asyncio.to_thread(differences, Awaited, keyspace) == []
        await management.adrop_table(Awaited)
        assert "awaited" not in (await asyncio.to_thread(live, keyspace)).tables
    finally:
        await management.adrop_keyspace(name)
    found = await asyncio.to_thread(live, name)
    assert not found.exists


async def test_an_explicit_awaited_session(cassandra: Nodes, keyspace: str) -> None:
    class Nearby(Model):
        id = columns.Integer(primary_key=True)

    async with aio_connected(cassandra) as session:
        await management.async_table(Nearby, connections=[session])
        with pytest.raises(CQLEngineException, match="AsyncSession"):
            management.sync_table(Nearby, connections=[session])
    assert "nearby" in (await asyncio.to_thread(live, keyspace)).tables


def test_keyspaces(session: Session) -> None:
    simple, topology = new_name("ks"), new_name("Ks")
    management.create_keyspace_simple(simple, 1)
    management.create_keyspace_network_topology(topology, {"dc1": 1}, durable_writes=False)
    try:
        found = {name: live(name) for name in (simple, topology)}
        for each in found.values():
            assert each.replication is not None
            assert each.replication.options_map == {"dc1": "1"}
        assert [each.durable_writes for each in found.values()] == [True, False]
        management.create_keyspace_simple(topology, 3)
        assert str(live(topology).replication) == str(found[topology].replication)
        wanted = {"class": "NetworkTopologyStrategy", "replication_factor": 1}
        assert compare_models((), live(simple), replication=wanted) == []
    finally:
        management.drop_keyspace(simple)
        management.drop_keyspace(topology)
    session.cluster.refresh_schema_metadata()  # the change was made by another cluster
    names = set(session.cluster.metadata.keyspaces)
    assert not {simple, topology} & names
    management.drop_keyspace(simple)


def test_explicit_sessions_and_connections(
    session: Session, connection: Connection, keyspace: str
) -> None:
    class Somewhere(Model):
        id = columns.Integer(primary_key=True)

    with keyspace_of(session, 1) as other:
        management.sync_table(Somewhere, connections=[session, connection, "tests"])
        management.sync_table(Somewhere, keyspaces=[other], connections=[session])
        assert "somewhere" in live(other).tables
        assert "somewhere" in live(keyspace).tables
        management.drop_table(Somewhere, keyspaces=[other], connections=[session])
        assert "somewhere" not in live(other).tables


def test_the_metadata_of_the_session_is_not_needed(cassandra: Nodes, keyspace: str) -> None:
    class Unseen(Model):
        id = columns.Integer(primary_key=True)

    class Seen(Unseen):
        __table_name__ = "unseen"

        name = columns.Text()

    with connected(cassandra, schema_metadata_enabled=False) as session:
        management.sync_table(Unseen, connections=[session])
        management.sync_table(Seen, connections=[session])
    assert differences(Seen, keyspace) == []


def test_what_cannot_be_synced_is_refused(keyspace: str) -> None:
    class Base(Model):
        __abstract__ = True

        id = columns.Integer(primary_key=True)

    class Lost(Base):
        __keyspace__ = "no_such_keyspace"

    with pytest.raises(CQLEngineException, match="Base is abstract"):
        management.sync_table(Base)
    with pytest.raises(CQLEngineException, match=r"no keyspace no_such_keyspace.*create_keyspace"):
        management.sync_table(Lost)
    with pytest.raises(CQLEngineException, match="is no model"):
        management.sync_table(Base(id=1))  # type: ignore[arg-type]
    with pytest.raises(CQLEngineException, match="keyspaces is 'ks': give a list"):
        management.sync_table(Lost, keyspaces="ks")


def test_without_any_keyspace(cassandra: Nodes) -> None:
    from cqlengine.connection import default_keyspace, set_default_keyspace

    class Homeless(Model):
        id = columns.Integer(primary_key=True)

    before = default_keyspace()
    set_default_keyspace(None)
    try:
        with connected(cassandra) as session:
            with pytest.raises(UndefinedKeyspaceException, match="Homeless has no keyspace"):
                management.sync_table(Homeless, connections=[session])
            with keyspace_of(session, 1) as name:
                management.sync_table(Homeless, connections=[session])
                rows = session.execute("SELECT * FROM homeless").all()
                assert rows == []
                assert name == session.keyspace
    finally:
        set_default_keyspace(before)
