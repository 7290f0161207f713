"""Other keyspaces, connections and sessions; timeouts and consistency levels."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel
from cql_driver.aio import AsyncCluster
from cql_driver.cluster.profiles import NOT_SET
from cql_protocol.errors import NoHostAvailable
from cqlengine import columns
from cqlengine.connection import (
    Connection,
    get_connection,
    register_connection,
    set_default_keyspace,
    unregister_connection,
)
from cqlengine.errors import CQLEngineException
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.query import BatchQuery, ContextQuery
from tests.integration.driver.support import keyspace_of
from tests.integration.mapper.conftest import cluster_options
from tests.integration.mapper.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.cluster import Session
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.usefixtures("tables")


class Note(Model):
    id = columns.Integer(primary_key=True)
    n = columns.Integer(primary_key=True)
    text = columns.Text()
    tags = columns.Set(columns.Text)


@pytest.fixture(scope="module")
def elsewhere(session: Session) -> Iterator[str]:
    """Another keyspace."""
    with keyspace_of(session, 1) as name:
        yield name


@pytest.fixture(scope="module")
def tables(connection: Connection, keyspace: str, elsewhere: str) -> None:
    sync_table(Note, keyspaces=[keyspace, elsewhere])


def texts(session: Session, keyspace: str, id: int) -> list[Any]:
    rows = session.execute(f"SELECT text FROM {keyspace}.note WHERE id = {id}")
    return [row.text for row in rows]


# --- keyspaces -----------------------------------------------------------------------------------


def test_every_verb_goes_to_the_keyspace_that_is_named(
    session: Session, keyspace: str, elsewhere: str
) -> None:
    Note.using(keyspace=elsewhere).create(id=1, n=1, text="a")
    Note(id=1, n=2, text="b").using(keyspace=elsewhere).save()
    there = Note.objects.using(keyspace=elsewhere)
    assert [note.text for note in there.filter(id=1)] == ["a", "b"]
    assert there.filter(id=1).count() == 2
    assert there.get(id=1, n=2).text == "b"
    there.filter(id=1, n=1).update(text="c", tags__add={"x"})
    there.filter(id=1, n=2).delete()
    there.create_json('{"id": 1, "n": 3, "text": "json"}')
    assert texts(session, elsewhere, 1) == ["c", "json"]
    assert texts(session, keyspace, 1) == []
    assert there.column_family_name == f"{elsewhere}.note"
    with BatchQuery() as batch:
        Note.using(keyspace=elsewhere).batch(batch).create(id=1, n=4, text="batch")
        Note.batch(batch).create(id=1, n=4, text="here")
    assert texts(session, elsewhere, 1) == ["c", "json", "batch"]
    assert texts(session, keyspace, 1) == ["here"]


def test_what_was_read_elsewhere_is_saved_there(
    session: Session, keyspace: str, elsewhere: str
) -> None:
    there = Note.objects.using(keyspace=elsewhere)
    made = there.create(id=2, n=1, text="a")
    made.update(text="b")
    assert (texts(session, elsewhere, 2), texts(session, keyspace, 2)) == (["b"], [])
    for read in (
        there.get(id=2, n=1),
        there.filter(id=2).first(),
        next(iter(there.filter(id=2))),
        next(there.filter(id=2).iterator()),
        there.filter(id=2)[0],
        there.filter(id=2).only(["text"]).get(),
        copy.copy(there.get(id=2, n=1)),
        copy.deepcopy(there.get(id=2, n=1)),
        pickle.loads(pickle.dumps(there.get(id=2, n=1))),
    ):
        assert read is not None
        wanted = read.text + "+"
        read.text = wanted
        read.save()
        assert texts(session, elsewhere, 2) == [wanted]
    batch = BatchQuery()
    read.batch(batch).update(text="batch")
    batch.execute()
    assert texts(session, elsewhere, 2) == ["batch"]
    read.using(keyspace=keyspace).update(text="here", tags={"x"})
    assert (texts(session, elsewhere, 2), texts(session, keyspace, 2)) == (["batch"], ["here"])
    read.update(text="there")
    assert texts(session, elsewhere, 2) == ["there"]
    read.delete()
    assert (texts(session, elsewhere, 2), texts(session, keyspace, 2)) == ([], ["here"])


def test_models_that_name_a_keyspace(session: Session, keyspace: str, elsewhere: str) -> None:
    class There(Note):
        __table_name__ = "note"
        __keyspace__ = elsewhere

    There.create(id=3, n=1, text="a")
    assert (texts(session, elsewhere, 3), texts(session, keyspace, 3)) == (["a"], [])
    set_default_keyspace(elsewhere)
    try:
        Note.create(id=3, n=2, text="b")
    finally:
        set_default_keyspace(keyspace)
    assert texts(session, elsewhere, 3) == ["a", "b"]


def test_models_in_a_context(session: Session, keyspace: str, elsewhere: str) -> None:
    with ContextQuery(Note, keyspace=elsewhere) as there:
        there.create(id=4, n=1, text="a")
        note = there.get(id=4, n=1)
        assert isinstance(note, Note)
        note.update(text="b")
        there.objects(id=4, n=1).update(tags__add={"x"})
        assert there.objects(id=4).count() == 1
    note.update(text="c")
    assert (texts(session, elsewhere, 4), texts(session, keyspace, 4)) == (["c"], [])
    twin = pickle.loads(pickle.dumps(note))
    assert type(twin) is Note, "the model of the context is not to be found by its name"
    twin.update(text="pickled")
    assert (texts(session, elsewhere, 4), texts(session, keyspace, 4)) == (["pickled"], [])
    copy.copy(note).update(text="copied")
    with pytest.raises(there.DoesNotExist):
        there.get(id=4, n=9)
    with pytest.raises(Note.DoesNotExist):
        there.get(id=4, n=9)
    Note.create(id=4, n=1, text="here")
    assert texts(session, elsewhere, 4) == ["copied"]


# --- connections and sessions --------------------------------------------------------------------


def test_a_connection_is_named_in_any_way(session: Session, keyspace: str) -> None:
    registered = register_connection("second", session=session)
    try:
        for n, wanted in enumerate(("second", registered, session, "tests", None)):
            Note.using(connection=wanted).create(id=5, n=n, text=str(n))
            read = Note.objects.using(connection=wanted).get(id=5, n=n)
            read.update(text=f"{n}+")
            Note.objects.using(connection=wanted).filter(id=5, n=n).update(tags={"x"})
            Note(id=6, n=n).using(connection=wanted).save()
            assert Note.objects(id=5, n=n).using(connection=wanted).count() == 1
        assert get_connection("second") is registered
    finally:
        unregister_connection("second")
    assert texts(session, keyspace, 5) == [f"{n}+" for n in range(5)]
    assert len(texts(session, keyspace, 6)) == 5
    with pytest.raises(CQLEngineException, match="no connection is registered as 'second'"):
        Note.objects.using(connection="second").first()
    for wrong in (5, "unheard of", object()):
        with pytest.raises(CQLEngineException):
            Note.objects.using(connection=wrong).first()


def test_an_instance_of_a_session_can_be_copied(session: Session, keyspace: str) -> None:
    note = Note.using(connection=session).create(id=7, n=1, text="a")
    for twin in (copy.copy(note), copy.deepcopy(note), pickle.loads(pickle.dumps(note))):
        twin.update(text=twin.text + "b")
        assert texts(session, keyspace, 7) == ["ab"]
        note.update(text="a")


async def test_an_awaited_session(cassandra: Nodes, session: Session, keyspace: str) -> None:
    async with AsyncCluster(cassandra.contact_points, **cluster_options(cassandra)) as cluster:
        mine = await cluster.connect()
        note = await Note.using(connection=mine).acreate(id=8, n=1, text="a")
        await note.aupdate(text="b")
        read = await Note.objects.using(connection=mine).aget(id=8, n=1)
        assert read == note
        with pytest.raises(CQLEngineException, match="which is of an AsyncSession: await the verb"):
            note.save() if note.get_changed_columns() else note.update(text="c")
        with pytest.raises(CQLEngineException, match="which is of an AsyncSession"):
            Note.objects.using(connection=mine).first()
        async with BatchQuery(connection=mine) as batch:
            Note.batch(batch).create(id=8, n=2, text="batch")
    assert texts(session, keyspace, 8) == ["b", "batch"]
    with pytest.raises(CQLEngineException, match="which is of a blocking Session"):
        await Note.objects.using(connection=session).afirst()


# --- timeouts and consistency --------------------------------------------------------------------


def test_timeouts(session: Session) -> None:
    recorder = Recorder.from_session("recorder", session)
    note = Note.using(connection=recorder).timeout(11).create(id=9, n=1, text="a")
    query = Note.objects(id=9).using(connection=recorder)
    query.timeout(12).first()
    query.timeout(13).count()
    note.timeout(14).update(text="b")
    query.filter(n=1).timeout(None).update(text="c")
    note.timeout(16).delete()
    with BatchQuery(timeout=17, connection=recorder) as batch:
        Note.batch(batch).create(id=9, n=3)
    assert [request.timeout for request in recorder.sent] == [11, 12, 13, 14, None, 16, 17]
    assert query.first().n == 3
    assert recorder.sent[-1].timeout is NOT_SET, "the profile has its own"


def test_consistency_levels() -> None:
    note = Note.consistency(ConsistencyLevel.ALL).create(id=10, n=1, text="a")
    assert Note.objects(id=10).consistency(ConsistencyLevel.QUORUM).first() == note
    for refused in (
        lambda: Note.consistency(ConsistencyLevel.THREE).create(id=10, n=2),
        lambda: note.consistency(ConsistencyLevel.THREE).update(text="b"),
        lambda: note.consistency(ConsistencyLevel.THREE).delete(),
        lambda: Note.objects(id=10).consistency(ConsistencyLevel.THREE).first(),
        lambda: Note.objects(id=10).consistency(ConsistencyLevel.THREE).delete(),
    ):
        with pytest.raises(NoHostAvailable, match="Cannot achieve consistency level THREE"):
            refused()
    note.update(text="c")


def test_the_consistency_of_a_connection(session: Session) -> None:
    strict = Connection.from_session("strict", session, consistency=ConsistencyLevel.THREE)
    with pytest.raises(NoHostAvailable, match="Cannot achieve consistency level THREE"):
        Note.objects.using(connection=strict).first()
    query = Note.objects(id=11).using(connection=strict).consistency(ConsistencyLevel.ONE)
    assert query.first() is None
