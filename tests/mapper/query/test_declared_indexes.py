"""Filters by columns whose index stands in ``__indexes__`` of the model."""

from __future__ import annotations

from typing import ClassVar

import pytest

from cqlengine import columns
from cqlengine.models import Model
from cqlengine.query import QueryException
from cqlengine.schema import Index


class Review(Model):
    __keyspace__ = "ks"
    __indexes__: ClassVar = [Index("scores", keys=True), Index("made_by")]

    id = columns.Integer(primary_key=True)
    author = columns.Text(db_field="made_by")
    scores = columns.Map(columns.Text, columns.Integer)
    text = columns.Text()


@pytest.mark.parametrize(
    ("lookup", "condition"),
    [("scores__contains_key", '"scores" CONTAINS KEY ?'), ("author", '"made_by" = ?')],
)
def test_they_need_no_allow_filtering(lookup: str, condition: str) -> None:
    text = Review.filter(**{lookup: "Zoë"})._statement(1).text()
    assert condition in text
    assert "ALLOW FILTERING" not in text


def test_other_columns_are_refused() -> None:
    with pytest.raises(QueryException, match="text is neither part of the primary key nor"):
        list(Review.filter(text="Good."))
