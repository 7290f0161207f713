"""Statements as objects, and the texts of query sets: markers for all values, names in quotes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cqlengine import columns
from cqlengine.errors import StatementException
from cqlengine.functions import MinTimeUUID, Token
from cqlengine.models import Model
from cqlengine.operators import (
    EqualsOperator,
    GreaterThanOperator,
    InOperator,
    NotEqualsOperator,
)
from cqlengine.query import Count, Max
from cqlengine.query.writes import conditions_are_static
from cqlengine.statements import (
    AssignmentClause,
    ConditionalClause,
    DeleteStatement,
    InsertStatement,
    IsNotNull,
    SelectStatement,
    UpdateStatement,
    WhereClause,
)

EQUALS = EqualsOperator()


class Message(Model):
    __keyspace__ = "chat"

    room = columns.Text(partition_key=True, db_field="Room")
    at = columns.TimeUUID(primary_key=True)
    topic = columns.Text(static=True)
    text = columns.Text()
    level = columns.Integer(index=True)
    labels = columns.Map(columns.Text, columns.Text)


def asked(query: Any) -> str:
    """The statement of a query set, past what is the same in all of them."""
    return str(query).removeprefix("SELECT ")


# --- query sets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            Message.objects,
            '"Room", "at", "topic", "text", "level", "labels" FROM chat.message LIMIT ?',
        ),
        (
            Message.objects(room="r").only(["text"]).limit(None),
            '"Room", "at", "text" FROM chat.message WHERE "Room" = ?',
        ),
        (
            Message.objects(room__in=["r", "s"]).values_list("text", "room").limit(1),
            '"text", "Room" FROM chat.message WHERE "Room" IN ? LIMIT ?',
        ),
        (
            Message.objects(room="r").order_by("-at").values_list("at").limit(0),
            '"at" FROM chat.message WHERE "Room" = ? ORDER BY "at" DESC',
        ),
        (
            Message.objects(room="r", at__gt=MinTimeUUID(datetime(2026, 1, 1))).values_list("at"),
            '"at" FROM chat.message WHERE "Room" = ? AND "at" > minTimeuuid(?) LIMIT ?',
        ),
        (
            Message.objects(pk__token__gt=Token("r")).values_list("room").limit(None),
            '"Room" FROM chat.message WHERE token("Room") > token(?)',
        ),
        (Message.objects.distinct(), 'DISTINCT "Room" FROM chat.message LIMIT ?'),
        (
            Message.objects.distinct(["room", "topic"]).limit(None),
            'DISTINCT "Room", "topic" FROM chat.message',
        ),
        (
            Message.objects.group_by("room").annotate(number=Count(), last=Max("at")).limit(None),
            '"Room", count(*), max("at") FROM chat.message GROUP BY "Room"',
        ),
        (
            Message.objects.only(["text"]).json().per_partition_limit(2).limit(None),
            'JSON "text" FROM chat.message PER PARTITION LIMIT ?',
        ),
        (
            Message.objects(labels__contains_key="k").allow_filtering().values_list("at"),
            '"at" FROM chat.message WHERE "labels" CONTAINS KEY ? LIMIT ? ALLOW FILTERING',
        ),
        (
            Message.objects(labels__contains="v").allow_filtering().only(["at"]).limit(None),
            '"Room", "at" FROM chat.message WHERE "labels" CONTAINS ? ALLOW FILTERING',
        ),
        (
            Message.objects(level__gt=3, level__lte=5).values_list("at").using(keyspace="Other"),
            '"at" FROM "Other".message WHERE "level" > ? AND "level" <= ? LIMIT ?',
        ),
        (
            Message.objects.filter(Message.level != 3, Message.text.like_("a%"))
            .allow_filtering()
            .values_list("at"),
            '"at" FROM chat.message WHERE "level" != ? AND "text" LIKE ? LIMIT ? ALLOW FILTERING',
        ),
    ],
)
def test_texts_of_query_sets(query: Any, text: str) -> None:
    assert asked(query) == text


def test_the_text_is_the_same_for_all_values() -> None:
    texts = {
        str(Message.objects(room=room, at__gt=MinTimeUUID(at)).limit(limit))
        for room, at, limit in (("a", datetime(2026, 1, 1), 1), ("'b'", datetime(2025, 1, 1), 99))
    }
    assert len(texts) == 1
    assert len({str(Message.objects(room__in=["x"] * n)) for n in range(1, 5)}) == 1


# --- statements ----------------------------------------------------------------------------------


def test_a_select() -> None:
    where = [WhereClause("a b", EQUALS, 1), WhereClause("c", InOperator(), (2, 3))]
    select = SelectStatement(
        "ks.t", ["x", "Y"], where=where, order_by="c DESC", limit=7, allow_filtering=True
    )
    assert select.text() == (
        'SELECT "x", "Y" FROM ks.t WHERE "a b" = ? AND "c" IN ? ORDER BY c DESC LIMIT ? '
        "ALLOW FILTERING"
    )
    assert select.values() == [1, [2, 3], 7]
    assert str(select) == select.text()
    assert SelectStatement("t").text() == "SELECT * FROM t"
    assert SelectStatement("t", count=True, order_by="x").text() == "SELECT COUNT(*) FROM t"
    assert SelectStatement("t", distinct_fields=["a"]).text() == 'SELECT DISTINCT "a" FROM t'
    assert SelectStatement("t", where=[IsNotNull("a")]).text() == (
        'SELECT * FROM t WHERE "a" IS NOT NULL'
    )


def test_an_insert() -> None:
    insert = InsertStatement(
        "t", [AssignmentClause("a", 1)], ttl=60, timestamp=5, if_not_exists=True
    )
    insert.add_assignment("B", None)
    assert insert.text() == (
        'INSERT INTO t ("a", "B") VALUES (?, ?) IF NOT EXISTS USING TTL ? AND TIMESTAMP ?'
    )
    assert insert.values() == [1, None, 60, 5]
    assert not insert.is_empty
    assert InsertStatement("t").is_empty
    with pytest.raises(StatementException, match="an INSERT has no conditions on rows"):
        InsertStatement("t", where=[WhereClause("a", EQUALS, 1)])


def test_an_update() -> None:
    update = UpdateStatement("t", ttl=1, timestamp=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert update.is_empty
    update.add_assignment("a", 1)
    for operation in ("add", "remove", "prepend", "append", "update", None):
        update.add_update("s", {2}, operation)
    update.add_where("k", EQUALS, 3)
    update.add_conditional_clause(ConditionalClause("v", 4))
    update.add_conditional_clause(ConditionalClause("w", [5], InOperator()))
    update.add_conditional_clause(ConditionalClause("x", None, NotEqualsOperator()))
    assert update.text() == (
        'UPDATE t USING TTL ? AND TIMESTAMP ? SET "a" = ?, "s" = "s" + ?, "s" = "s" - ?, '
        '"s" = ? + "s", "s" = "s" + ?, "s" = "s" + ?, "s" = ? WHERE "k" = ? '
        'IF "v" = ? AND "w" IN ? AND "x" != ?'
    )
    assert update.values() == [1, 1_000_000, 1, *[{2}] * 6, 3, 4, [5], None]
    with pytest.raises(StatementException, match="operation='sub'"):
        update.add_update("s", {2}, "sub")
    assert UpdateStatement("t", if_exists=True).text().endswith(" IF EXISTS")


def test_an_update_of_a_column_is_its_difference() -> None:
    tags = columns.Set(columns.Text, db_field="Tags")
    update = UpdateStatement("t")
    update.add_update(tags, {"a", "b"}, previous={"b", "c"})
    assert update.text() == 'UPDATE t SET "Tags" = "Tags" + ?, "Tags" = "Tags" - ?'
    assert update.values() == [{"a"}, {"c"}]


def test_a_delete() -> None:
    delete = DeleteStatement("t", "a", where=[WhereClause("k", GreaterThanOperator(), 1)])
    delete.add_field(columns.Text(db_field="B"))
    assert delete.text() == 'DELETE "a", "B" FROM t WHERE "k" > ?'
    assert delete.values() == [1]
    delete = DeleteStatement("t", timestamp=9, if_exists=True)
    assert delete.text() == "DELETE FROM t USING TIMESTAMP ? IF EXISTS"
    assert delete.values() == [9]


def test_names_are_escaped() -> None:
    evil = 'a" = 1; DROP TABLE t; --'
    for statement in (
        SelectStatement("t", [evil], where=[WhereClause(evil, EQUALS, 1)]),
        InsertStatement("t", [AssignmentClause(evil, 1)]),
        UpdateStatement("t", [AssignmentClause(evil, 1)]),
        DeleteStatement("t", [evil]),
    ):
        assert '"a"" = 1; DROP TABLE t; --"' in statement.text()


def test_clauses_are_of_their_kinds() -> None:
    with pytest.raises(StatementException, match="is not a WhereClause"):
        SelectStatement("t", where=["a = 1"])  # type: ignore[list-item]
    with pytest.raises(StatementException, match="is not an AssignmentClause"):
        InsertStatement("t", [("a", 1)])  # type: ignore[list-item]
    with pytest.raises(StatementException, match="is not a ConditionalClause"):
        UpdateStatement("t", conditionals=[WhereClause("a", EQUALS, 1)])  # type: ignore[list-item]
    with pytest.raises(StatementException, match="give an instance of one of"):
        WhereClause("a", EqualsOperator, 1)  # type: ignore[arg-type]
    assert WhereClause("a", EQUALS, 1) == WhereClause("a", EQUALS, 1)
    assert WhereClause("a", EQUALS, 1) != WhereClause("a", EQUALS, 2)
    assert WhereClause("a", EQUALS, 1) != AssignmentClause("a", 1)
    assert hash(WhereClause("a", EQUALS, [1])) == hash(WhereClause("a", EQUALS, [2]))


def test_timestamps_are_microseconds_of_utc() -> None:
    moment = datetime(1970, 1, 1, 0, 1)
    assert InsertStatement("t", timestamp=moment).timestamp_normalized == 60_000_000
    assert InsertStatement("t", timestamp=timedelta(0)).timestamp_normalized > 10**15
    assert InsertStatement("t").timestamp_normalized is None


def test_conditions_of_static_columns() -> None:
    assert conditions_are_static(Message, Message.objects.iff(topic="a")._options)
    assert not conditions_are_static(Message, Message.objects.iff(topic="a", text="b")._options)
