"""Calls of query sets, instances and batches that are refused, before any server is asked."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from cqlengine import columns
from cqlengine.errors import (
    CQLEngineException,
    PolymorphicModelException,
    QueryException,
    QueryOperatorException,
    ValidationError,
)
from cqlengine.functions import Token
from cqlengine.models import Model
from cqlengine.query import BatchQuery, ContextQuery, Count, ResultObject, check_applied
from cqlengine.query.options import checked_ttl, microseconds


class Post(Model):
    __keyspace__ = "blog"

    author = columns.Text(partition_key=True)
    n = columns.Integer(primary_key=True)
    title = columns.Text(required=True)
    tags = columns.Set(columns.Text)
    pinned = columns.Text(static=True)


class Pet(Model):
    __keyspace__ = "zoo"

    owner = columns.Text(partition_key=True)
    kind = columns.Text(primary_key=True, discriminator_column=True)
    n = columns.Integer(primary_key=True)


class Cat(Pet):
    __discriminator_value__ = "cat"


class Lion(Cat):
    __discriminator_value__ = "lion"


class Dog(Pet):
    __discriminator_value__ = "dog"


class Unvalued(Pet):
    """Between the base and models with a value."""


POST: Any = Post(author="a", n=1, title="t")

REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "limit": (lambda: Post.objects.limit("5"), TypeError, r"limit\('5'\)"),  # type: ignore[arg-type]
    "negative limit": (lambda: Post.objects.limit(-1), QueryException, r"limit\(-1\)"),
    "fetch_size": (lambda: Post.objects.fetch_size(None), TypeError, "at least 1"),
    "no rows a page": (lambda: Post.objects.fetch_size(0), QueryException, "at least 1"),
    "only": (lambda: Post.objects.only(["x"]), QueryException, "Post has no column x; it has auth"),
    "only twice": (lambda: Post.objects.only(["n"]).only(["n"]), QueryException, "has only"),
    "defer": (lambda: Post.objects.defer("x"), QueryException, r"defer\(\): Post has no column x"),
    "order": (lambda: Post.objects.order_by("title"), QueryException, r"columns \(n\), not by ti"),
    "no such order": (lambda: Post.objects.order_by("-x"), QueryException, "no column x to order"),
    "order of all": (
        lambda: str(Post.objects.order_by("n")),
        QueryException,
        "whole partition key",
    ),
    "distinct": (lambda: Post.objects.distinct(["n"]), QueryException, "not n"),
    "group": (lambda: Post.objects.group_by("title"), QueryException, "not part of the primary"),
    "aggregate": (lambda: Post.objects.annotate(n=3), QueryException, "not 3"),  # type: ignore[arg-type]
    "aggregate of none": (lambda: Post.objects.annotate(n=Count("x")), QueryException, "column x"),
    "filter none": (lambda: Post.objects.filter(None), QueryException, r"filter\(\) takes"),
    "filter by none": (
        lambda: Post.filter(author=None),
        QueryException,
        "None is not in any index",
    ),
    "operator": (lambda: Post.filter(n__about=1), QueryOperatorException, "__about is no operator"),
    "in": (lambda: Post.filter(n__in=1), QueryException, "n__in takes a list"),
    "token": (lambda: Post.filter(pk__token__gt="a"), QueryException, "takes a Token"),
    "token of a column": (lambda: Post.filter(n__gt=Token("a")), QueryException, "pk__token__gt"),
    "value": (lambda: Post.filter(n="x"), ValidationError, "n: 'x'"),
    "no partition": (lambda: str(Post.filter(n=1)), QueryException, "missing: author"),
    "no index": (
        lambda: str(Post.filter(author="a", title="b")),
        QueryException,
        "title is neither",
    ),
    "iff": (lambda: Post.iff("n = 1"), QueryException, r"iff\(\) takes conditions"),
    "iff contains": (lambda: Post.iff(tags__contains="a"), QueryException, "compares by"),
    "ttl": (lambda: Post.ttl("5"), QueryException, "ttl='5'"),
    "instance's ttl": (lambda: POST.ttl(-1), QueryException, "ttl=-1"),
    "batch": (lambda: Post.objects.batch("b"), QueryException, "takes a BatchQuery"),  # type: ignore[arg-type]
    "flat": (lambda: Post.objects.values_list("n", "title", flat=True), TypeError, "one column"),
    "values": (lambda: Post.objects.values_list("x"), QueryException, "no column x"),
    "index": (lambda: Post.objects["a"], TypeError, "counted by ints"),
    "create of a filter": (
        lambda: Post.filter(author="a").create(n=1),
        QueryException,
        "no meaning",
    ),
    "create": (lambda: Post.create(author="a", n=1, titel="x"), ValidationError, "column titel"),
    "create if": (lambda: Post.iff(n=1).create(author="a"), QueryException, "if_not_exists"),
    "required": (lambda: Post.create(author="a", n=1), ValidationError, "title: a value is needed"),
    "no key": (lambda: Post.create(author="a", title="x"), ValidationError, "no value for n"),
    "static and row": (
        lambda: Post.create(author="a", pinned="p", tags={"t"}, title="x"),
        ValidationError,
        "it belongs to a row, but the instance has no value for n",
    ),
    "update": (lambda: POST.update(titel="x"), ValidationError, "Post has no column titel"),
    "update of the key": (lambda: POST.update(n=2), ValidationError, "cannot be changed"),
    "blind update": (lambda: Post.objects.update(title="x"), QueryException, "missing: author, n"),
    "blind delete": (lambda: Post.filter(n=1).delete(), QueryException, "missing: author"),
    "json": (lambda: Post.objects.create_json({}), ValidationError, "JSON as a str"),  # type: ignore[arg-type]
    "kind of a batch": (lambda: BatchQuery("HUGE"), CQLEngineException, "batch_type='HUGE'"),
    "time of a batch": (lambda: BatchQuery(timestamp="x"), QueryException, "timestamp='x'"),  # type: ignore[arg-type]
    "callback": (lambda: BatchQuery().add_callback(3), TypeError, "takes a function"),  # type: ignore[arg-type]
    "base": (
        lambda: Pet.create(owner="o", n=1),
        PolymorphicModelException,
        "save one of the models",
    ),
    "unvalued": (lambda: Unvalued.create(owner="o"), PolymorphicModelException, "Unvalued has no"),
    "context": (lambda: ContextQuery(int), CQLEngineException, "is no model"),
    "no context": (ContextQuery, CQLEngineException, "none was given"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_calls_that_are_refused(case: str) -> None:
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call()


def test_reading_in_a_batch_is_refused() -> None:
    with pytest.raises(QueryException, match="only writes can be in a batch"):
        Post.objects.batch(BatchQuery()).first()


def test_what_is_put_into_a_batch() -> None:
    batch = BatchQuery()
    post = Post.batch(batch).create(author="a", n=1, title="t", tags={"x"})
    post.tags.add("y")
    post.batch(batch).save()
    post.batch(batch).save()
    Post.filter(author="a", n=2).batch(batch).update(pinned=None, tags__add={"z"})
    Post.objects.batch(batch).filter(author="b").delete()
    assert [text for text, _ in batch._entries] == [
        'INSERT INTO blog.post ("author", "n", "title", "tags", "pinned") VALUES (?, ?, ?, ?, ?)',
        'UPDATE blog.post SET "tags" = "tags" + ? WHERE "author" = ? AND "n" = ?',
        'UPDATE blog.post SET "pinned" = ?, "tags" = "tags" + ? WHERE "author" = ? AND "n" = ?',
        'DELETE FROM blog.post WHERE "author" = ?',
    ]
    assert [values[:4] for _, values in batch._entries] == [
        ["a", 1, "t", {"x"}],
        [{"y"}, "a", 1],
        [None, {"z"}, "a", 2],
        ["b"],
    ]


# --- hierarchies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "where"),
    [
        (Pet.objects(owner="o"), '"owner" = ?'),
        (Dog.objects(owner="o"), '"owner" = ? AND "kind" = ?'),
        (Cat.objects(owner="o"), '"owner" = ? AND "kind" IN ?'),
        (Cat.objects(owner="o", kind="cat"), '"owner" = ? AND "kind" = ?'),
        (Lion.objects(owner__in=["o"]), '"owner" IN ? AND "kind" = ?'),
        (Unvalued.objects(owner="o"), '"owner" = ?'),
        (Dog.objects, None),
        (Dog.objects(pk__token__gt=Token("o")), 'token("owner") > token(?)'),
        (Dog.objects.allow_filtering(), '"kind" = ?'),
        (Dog.objects(owner="o").order_by("-kind"), '"owner" = ? AND "kind" = ?'),
        (Dog.objects(owner="o").distinct(), '"owner" = ?'),
    ],
)
def test_conditions_of_models_below_a_base(query: Any, where: str | None) -> None:
    found = str(query).partition(" WHERE ")[2]
    for end in (" LIMIT", " ORDER BY", " ALLOW"):
        found = found.partition(end)[0]
    assert found == (where or "")


def test_the_models_of_a_context_are_narrowed_by_all_below() -> None:
    with ContextQuery(Cat, keyspace="other") as cats:
        text = str(cats.objects(owner="o"))
    assert text == 'SELECT * FROM other.pet WHERE "owner" = ? AND "kind" IN ? LIMIT ?'


# --- values --------------------------------------------------------------------------------------


def test_times_in_microseconds() -> None:
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1)) == 1_000_000
    assert microseconds(-5) == -5
    assert [checked_ttl(ttl) for ttl in (None, 0, 5)] == [None, 0, 5]


def test_new_instances_can_be_copied_and_pickled() -> None:
    for made in (copy.copy(POST), copy.deepcopy(POST), pickle.loads(pickle.dumps(POST))):
        assert made == POST
        assert made is not POST
        assert not made._is_persisted
        made.title = "other"
        assert POST.title == "t"


def test_rows_without_a_model() -> None:
    row = ResultObject(name="Zoë")
    assert row.name == row["name"] == "Zoë"
    with pytest.raises(AttributeError, match="the row has no column size"):
        row.size  # noqa: B018


def test_results_without_conditions_are_applied() -> None:
    class Result:
        column_names = ("id",)
        current_rows: tuple[Any, ...] = ((1,),)

    check_applied(Result())
