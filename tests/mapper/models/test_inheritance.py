"""Which columns a model has of its bases, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from cqlengine import columns
from cqlengine.errors import ModelDefinitionException
from cqlengine.models import Model


class Stamped:
    """No model: what several models have in common."""

    created = columns.DateTime()
    note = columns.Text(db_field="remark")


class Keyed(Model):
    __abstract__ = True

    id = columns.UUID(primary_key=True)
    n = columns.Integer(primary_key=True)
    text = columns.Text()


class Left(Keyed):
    __abstract__ = True

    left = columns.Text()


class Right(Keyed):
    __abstract__ = True

    text = columns.Integer()  # type: ignore[assignment]


def test_columns_of_a_class_that_is_no_model_are_columns_of_the_model() -> None:
    class Before(Stamped, Keyed):
        pass

    class After(Keyed, Stamped):
        pass

    for model in (Before, After):
        assert set(model._columns) == {"id", "n", "text", "created", "note"}
        assert list(model._primary_keys) == ["id", "n"]
        assert model._db_map["remark"] == "note"
        assert model._columns["created"] is not Stamped.__dict__["created"]
    assert Stamped.__dict__["created"].column_name == ""


def test_a_column_of_a_class_that_is_no_model_may_be_the_key() -> None:
    class WithId:
        id = columns.Integer(primary_key=True)

    class First(WithId, Model):
        name = columns.Text(primary_key=True)

    class Second(WithId, Model):
        part = columns.Text(partition_key=True)

    assert list(First._partition_keys) == ["id"]
    assert list(First._clustering_keys) == ["name"]
    assert list(Second._partition_keys) == ["part"]
    assert list(Second._clustering_keys) == ["id"]


def test_names_of_a_class_that_is_no_model_are_checked() -> None:
    class Timed:
        ttl = columns.Integer()

    with pytest.raises(ModelDefinitionException, match=r'db_field="ttl"'):
        type("Thing", (Keyed, Timed), {"__module__": __name__})


def test_the_first_class_of_the_resolution_order_counts() -> None:
    class Diamond(Left, Right):
        pass

    class Other(Right, Left):
        pass

    for model in (Diamond, Other):
        assert isinstance(model._columns["text"], columns.Integer)
        assert model.text.column is model._columns["text"]
        assert list(model._columns) == ["id", "n", "text", "left"]


def test_an_own_column_stands_where_that_of_the_base_stood() -> None:
    class Named(Keyed):
        id = columns.Text(primary_key=True)  # type: ignore[assignment]
        more = columns.Text()

    assert list(Named._columns) == ["id", "n", "text", "more"]
    assert list(Named._partition_keys) == ["id"]
    assert list(Named._clustering_keys) == ["n"]
    assert list(Keyed._columns) == ["id", "n", "text"]


def test_what_is_no_column_takes_a_column_away() -> None:
    class Silent(Keyed):
        text: Any = None

    class Lower(Silent):
        pass

    class Again(Silent):
        text = columns.Blob()

    assert list(Silent._columns) == list(Lower._columns) == ["id", "n"]
    assert Lower.text is None
    assert isinstance(Again._columns["text"], columns.Blob)


def test_models_that_are_made_by_a_call_pass_on_what_they_have() -> None:
    made: Any = type("Made", (Keyed,), {"text": None, "count": columns.Integer()})
    below: Any = type("Below", (made,), {})
    assert list(below._columns) == ["id", "n", "count"]
