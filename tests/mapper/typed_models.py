"""What type checkers know of models: `make check` reads this file, nothing runs it.

`assert_type` is an error where the type is another one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type
from uuid import UUID

from cqlengine import columns
from cqlengine.models import Model
from cqlengine.query import BatchQuery, ModelQuerySet
from cqlengine.usertype import UserType


class Address(UserType):
    street = columns.Text()


class User(Model):
    id = columns.UUID(primary_key=True)
    name = columns.Text()
    age = columns.Integer()
    born = columns.DateTime()
    tags = columns.Set(columns.Text)
    scores = columns.List(columns.Integer)
    prices = columns.Map(columns.Text, columns.Double)
    home = columns.UserDefinedType(Address)


class Placed(Model):
    """What says where a table is, and how, is of the types that models give it."""

    __table_name__ = "placed"
    __table_name_case_sensitive__ = True
    __keyspace__ = "shop"
    __connection__ = "main"
    __compute_routing_key__ = False
    id = columns.UUID(primary_key=True)


def values_have_the_types_of_their_columns(user: User) -> None:
    assert_type(user.id, UUID)
    assert_type(user.name, str)
    assert_type(user.age, int)
    assert_type(user.born, datetime)
    assert_type(user.tags, set[str])
    assert_type(user.scores, list[int])
    assert_type(user.prices, dict[str, float])
    assert_type(user.home, Address)
    assert_type(user.home.street, str)
    user.name = "Zoë"
    user.name = None


def queries_return_instances() -> None:
    assert_type(User.objects, ModelQuerySet[User])
    assert_type(User.objects.get(id=1), User)
    assert_type(User.objects.filter(age=3).first(), User | None)
    assert_type(User.get(id=1), User)
    assert_type(User.create(name="Zoë"), User)
    assert_type(User.objects.create(name="Zoë"), User)
    assert_type(User.filter(User.age > 30), ModelQuerySet[User])
    for user in User.objects.limit(10):
        assert_type(user, User)
    assert_type(User.objects.count(), int)


async def so_do_their_twins() -> None:
    assert_type(await User.objects.aget(id=1), User)
    assert_type(await User.acreate(name="Zoë"), User)
    assert_type(await User.objects.alist(), list[User])
    assert_type(await User.objects.afirst(), User | None)
    async for user in User.objects.all():
        assert_type(user, User)


def chains_keep_the_type(user: User) -> None:
    assert_type(user.save(), User)
    assert_type(user.ttl(60), User)
    assert_type(user.ttl(60).timestamp(1).save(), User)
    assert_type(user.if_exists().iff(age=3).update(age=4), User)
    assert_type(User.objects.ttl(60).if_not_exists().create(name="Zoë"), User)
    with BatchQuery() as batch:
        assert_type(batch, BatchQuery)
        user.batch(batch).delete()


def options_of_a_class_make_query_sets() -> None:
    assert_type(User.ttl(60), ModelQuerySet[User])
    assert_type(User.ttl(60).create(name="Zoë"), User)
    assert_type(User.if_not_exists().create(name="Zoë"), User)
    assert_type(User.using(keyspace="other").get(id=1), User)


def rows_without_instances() -> None:
    names: Any = User.objects.values_list("name", flat=True)
    assert names is not None
