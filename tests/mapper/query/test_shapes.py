"""Texts of queries that are kept: the same as without, for every kind of query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from cqlengine import columns
from cqlengine.functions import MinTimeUUID, Token
from cqlengine.models import Model
from cqlengine.query import QueryException
from cqlengine.query.shapes import _MOST_TEXTS, text_and_values

ROOM = UUID(int=7)


class Line(Model):
    __keyspace__ = "ks"

    room = columns.UUID(partition_key=True, db_field="r")
    at = columns.TimeUUID(primary_key=True)
    text = columns.Text()
    likes = columns.Integer(index=True)


QUERIES: dict[str, Callable[[], Any]] = {
    "all": lambda: Line.objects,
    "partition": lambda: Line.objects.filter(room=ROOM),
    "key": lambda: Line.objects.filter(room=ROOM, at=UUID(int=9, version=1)),
    "key in two steps": lambda: Line.objects.filter(at=UUID(int=9, version=1)).filter(room=ROOM),
    "index": lambda: Line.objects.filter(likes=3),
    "limit": lambda: Line.objects.filter(room=ROOM).limit(5),
    "no limit": lambda: Line.objects.filter(room=ROOM).limit(None),
    "size of pages": lambda: Line.objects.filter(room=ROOM).fetch_size(5),
    "by columns": lambda: Line.objects.filter(Line.room == ROOM),
    "range": lambda: Line.objects.filter(room=ROOM, at__gt=UUID(int=9, version=1)),
    "several": lambda: Line.objects.filter(room__in=[ROOM]),
    "function": lambda: Line.objects.filter(room=ROOM, at=MinTimeUUID(datetime(2024, 1, 1))),
    "token": lambda: Line.objects.filter(pk__token__gt=Token(ROOM)),
    "only": lambda: Line.objects.filter(room=ROOM).only(["text"]),
    "limit of only": lambda: Line.objects.filter(room=ROOM).only(["text"]).limit(5),
    "defer": lambda: Line.objects.filter(room=ROOM).defer(["text"]),
    "order": lambda: Line.objects.filter(room=ROOM).order_by("-at"),
    "distinct": lambda: Line.objects.distinct(),
    "filtering": lambda: Line.objects.filter(text="x").allow_filtering(),
    "each partition": lambda: Line.objects.per_partition_limit(2),
    "values": lambda: Line.objects.filter(room=ROOM).values_list("text"),
    "elsewhere": lambda: Line.objects.using(keyspace="other").filter(room=ROOM),
}


def asked(query: Any) -> tuple[str, list[Any]]:
    return text_and_values(Line, query._selection, query._table(), query._selection.limit)


@pytest.mark.parametrize("name", QUERIES)
def test_a_text_is_the_same_when_it_was_kept(name: str) -> None:
    for other in QUERIES.values():
        asked(other())
    query = QUERIES[name]()
    statement = query._statement(query._selection.limit)
    assert asked(query) == asked(query) == (statement.text(), statement.values())


def test_queries_of_one_shape_share_a_text_and_have_their_own_values() -> None:
    (text, values), (again, others) = (
        asked(Line.objects.filter(room=UUID(int=n)).limit(n)) for n in (1, 2)
    )
    assert text is again
    assert (values, others) == ([UUID(int=1), 1], [UUID(int=2), 2])


def test_what_is_refused_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(QueryException, match="text is neither part of the primary key nor"):
            asked(Line.objects.filter(text="x"))


def test_no_more_texts_are_kept_than_are_worth_it() -> None:
    for number in range(_MOST_TEXTS + 10):
        asked(Line.objects.using(keyspace=f"ks{number}").filter(room=ROOM))
    assert 0 < len(Line.__dict__["_write_plan"].select_texts) <= _MOST_TEXTS
