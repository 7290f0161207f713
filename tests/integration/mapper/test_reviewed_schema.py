"""What a review of schema management found, on a real node: what it told, made or took away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cqlengine import columns, migrations
from cqlengine.errors import CQLEngineException
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.schema import Index, MaterializedView
from tests.integration.driver.support import keyspace_of

if TYPE_CHECKING:
    from cql_driver.cluster import Session

# Nothing of it has two implementations.
pytestmark = [pytest.mark.once, pytest.mark.usefixtures("connection")]


def model(of: str, **named: Any) -> Any:
    """A model of the table `of`, with an ``id``."""
    attributes = {"__table_name__": of, "id": columns.Integer(partition_key=True), **named}
    return type(Model)("Thing", (Model,), attributes)


def test_nothing_is_left_to_do_for_options_that_servers_tell_in_their_own_words() -> None:
    thing = model(
        "told",
        __options__={
            "additional_write_policy": "NONE",
            "comment": ' 1.0 "it\'s" ',
            "compression": {"class": "LZ4Compressor", "min_compress_ratio": 0},
            "read_repair": "blocking",
            "speculative_retry": "min(99PERCENTILE, 50.5ms)",
        },
    )
    sync_table(thing)
    assert not migrations.plan([thing])


def test_nothing_is_left_to_do_for_types_that_are_named_by_their_class() -> None:
    thing = model(
        "by_class",
        text=columns.Custom("'UTF8Type'"),
        blob=columns.Custom("'org.apache.cassandra.db.marshal.BytesType'"),
        both=columns.Custom("'CompositeType(UTF8Type, Int32Type)'"),
        some=columns.Custom("'DynamicCompositeType(a=>UTF8Type)'"),
    )
    sync_table(thing)
    assert not migrations.plan([thing])


def test_an_index_whose_name_is_taken_is_refused_and_made_after_the_way_out(
    session: Session,
) -> None:
    one = model("first", v=columns.Text(custom_index=Index(name="by_v", using=None)))
    other = model("second", v=columns.Text(custom_index=Index(name="by_v", using=None)))
    sync_table(one)
    sync_table(other)
    (problem,) = migrations.plan([other]).problems
    assert "the name by_v is that of an index of first" in problem.reason
    session.execute(problem.way_out.partition("drop the other one first: ")[2])
    sync_table(other)
    assert not migrations.plan([other])


def test_the_name_of_an_index_moves_with_a_column_that_goes() -> None:
    before = model("moving", a=columns.Text(custom_index=Index(name="moved", using=None)))
    after = model("moving", b=columns.Text(custom_index=Index(name="moved", using=None)))
    sync_table(before)
    applied = migrations.apply([after], not_renamed=["moving.a"], allow_destructive=True)
    assert [step.kind for step in applied.done] == [
        "add column",
        "drop index",
        "create index",
        "drop column",
    ]
    assert not migrations.plan([after])


class Book(Model):
    id = columns.Integer(primary_key=True)
    title = columns.Text()


class BookByTitle(MaterializedView):
    __base_model__ = Book
    title = columns.Text(partition_key=True)
    id = columns.Integer(primary_key=True)


def test_a_view_is_applied_with_its_table_and_no_table_is_made_over_it() -> None:
    migrations.apply([BookByTitle])
    assert not migrations.plan([BookByTitle])
    over = model("book_by_title", other=columns.Text())
    (problem,) = migrations.plan([over]).problems
    assert "is a materialized view" in problem.reason
    with pytest.raises(CQLEngineException, match="book_by_title is a materialized view"):
        sync_table(over)
    assert not migrations.plan([BookByTitle])


@pytest.mark.parametrize(("was", "becomes"), [("ascii", "text"), ("timeuuid", "uuid")])
def test_a_dropped_column_comes_back_as_a_type_that_reads_its_bytes(
    session: Session, was: str, becomes: str
) -> None:
    session.execute(f"CREATE TABLE back_{was} (id int PRIMARY KEY, v {was})")
    session.execute(f"ALTER TABLE back_{was} DROP v")
    thing = model(f"back_{was}", v=columns.Custom(becomes))
    (step,) = migrations.apply([thing]).done
    assert step.kind == "add column"


def test_what_a_server_would_refuse_is_refused_before_anything_is_applied(
    session: Session,
) -> None:
    session.execute("CREATE TABLE counted (id int PRIMARY KEY, n counter)")
    (problem,) = migrations.plan([model("counted", v=columns.Text())]).problems
    assert "counters and other columns in tables apart" in problem.reason
    session.execute("CREATE TABLE dated (id int, day date, PRIMARY KEY (id, day))")
    session.execute("CREATE INDEX dated_by_day ON dated (day)")
    dated = model("dated", on=columns.Date(primary_key=True))
    problems = migrations.plan([dated], renames={"dated.day": "on"}).problems
    assert "with which servers do not rename it: dated_by_day" in problems[0].reason
    session.execute("DROP INDEX dated_by_day")
    (step,) = migrations.apply([dated], renames={"dated.day": "on"}).done
    assert step.kind == "rename column"


class BooksByTitle(MaterializedView):
    __base_model__ = Book
    __table_name__ = "books"
    title = columns.Text(partition_key=True)
    id = columns.Integer(primary_key=True)


class BooksByNumber(MaterializedView):
    __base_model__ = Book
    __table_name__ = "books"
    id = columns.Integer(partition_key=True)
    title = columns.Text(primary_key=True)


def test_a_plan_that_makes_anew_what_it_drops_is_found_when_it_is_applied_again() -> None:
    plain = model("anew", v=columns.Text(custom_index=Index(name="anew_v", using=None)))
    sai = model("anew", v=columns.Text(custom_index=Index(name="anew_v")))
    migrations.apply([plain, BooksByTitle])
    plan = migrations.plan([sai, BooksByNumber])
    assert [step.kind for step in plan.steps] == [
        "drop index",
        "create index",
        "drop view",
        "create view",
    ]
    assert migrations.apply(plan, allow_destructive=True).done == plan.steps
    assert migrations.apply(plan, allow_destructive=True).found == plan.steps
    assert not migrations.plan([sai, BooksByNumber])


def test_a_table_that_has_the_name_of_the_record_is_told_of(session: Session) -> None:
    with keyspace_of(session, 1) as name:
        thing = model("recorded", __keyspace__=name)
        session.execute("CREATE TABLE cqlengine_migrations (scope text PRIMARY KEY)")
        with pytest.raises(migrations.MigrationError, match="is no record of this version"):
            migrations.apply([thing])
        session.execute("DROP TABLE cqlengine_migrations")
        (step,) = migrations.apply([thing]).done
        assert step.kind == "create table"
