"""Statements that create what models describe."""

from __future__ import annotations

import pytest

from cqlengine import columns
from cqlengine.errors import (
    CQLEngineException,
    ModelDefinitionException,
    UndefinedKeyspaceException,
)
from cqlengine.management import get_create_type
from cqlengine.models import Model
from cqlengine.schema import create_indexes, create_table, create_type, create_view
from cqlengine.schema.wanted import user_types_of, wanted_tables
from tests.mapper.schema.models import Address, Order, OrderByCustomer, Street, User


def test_a_table() -> None:
    assert create_table(User) == (
        'CREATE TABLE IF NOT EXISTS shop.user ("id" uuid, "name" text, "home" frozen<address>, '
        "PRIMARY KEY ((\"id\"))) WITH comment = 'it''s us' AND gc_grace_seconds = 3600"
    )


def test_a_table_with_composite_keys_an_order_and_static_columns() -> None:
    assert create_table(Order, "Other") == (
        'CREATE TABLE IF NOT EXISTS "Other"."Orders" ("shop" text, "day" date, "at" timeuuid, '
        '"No" int, "opening" time STATIC, "customer" uuid, "parts" map<text, int>, '
        '"meaning" vector<float, 3>, PRIMARY KEY (("shop", "day"), "at", "No")) '
        'WITH CLUSTERING ORDER BY ("at" DESC, "No" ASC)'
    )


def test_indexes() -> None:
    assert create_indexes(User) == ["CREATE INDEX IF NOT EXISTS ON shop.user (name)"]
    assert create_indexes(Order) == [
        (
            "CREATE CUSTOM INDEX IF NOT EXISTS ON shop.\"Orders\" (meaning) USING 'sai' "
            "WITH OPTIONS = {'similarity_function': 'cosine'}"
        ),
        "CREATE CUSTOM INDEX IF NOT EXISTS ON shop.\"Orders\" (keys(parts)) USING 'sai'",
        "CREATE CUSTOM INDEX IF NOT EXISTS by_part ON shop.\"Orders\" (entries(parts)) USING 'sai'",
    ]


def test_a_view() -> None:
    assert create_view(OrderByCustomer) == (
        'CREATE MATERIALIZED VIEW IF NOT EXISTS shop.order_by_customer AS SELECT "customer", "at", '
        '"shop", "day", "No", "parts" FROM shop."Orders" WHERE "customer" IS NOT NULL AND '
        '"at" IS NOT NULL AND "shop" IS NOT NULL AND "day" IS NOT NULL AND "No" IS NOT NULL '
        'PRIMARY KEY (("customer"), "at", "shop", "day", "No") '
        'WITH CLUSTERING ORDER BY ("at" DESC, "shop" ASC, "day" ASC, "No" ASC)'
    )


def test_user_types_come_after_those_they_use() -> None:
    assert user_types_of(User) == [Street, Address]
    assert user_types_of(Address, User, Street) == [Street, Address]
    assert create_type(Address, "Shop") == get_create_type(Address, "Shop")
    assert get_create_type(Street, "shop") == (
        'CREATE TYPE shop.street ("name" text, "number" int)'
    )
    assert get_create_type(Address, "Shop").startswith(
        'CREATE TYPE "Shop".address ("street" frozen<street>, "Town" text, "labels" '
    )


def test_models_that_share_a_table_have_the_columns_of_all() -> None:
    class Pet(Model):
        __table_name__ = "pets"

        owner = columns.Text(primary_key=True)
        name = columns.Text(primary_key=True)
        kind = columns.Text(discriminator_column=True, index=True)

    class Cat(Pet):
        __discriminator_value__ = "cat"

        lives = columns.Integer()

    class Dog(Pet):
        __discriminator_value__ = "dog"

        tricks = columns.Set(columns.Text)

    found = wanted_tables([Cat, Dog, Pet], "shop")
    assert list(found) == ["pets"]
    assert list(found["pets"].table.columns) == ["owner", "name", "kind", "lives", "tricks"]
    assert len(found["pets"].indexes) == 1


def test_models_that_contradict_each_other_are_refused() -> None:
    class One(Model):
        __table_name__ = "same"

        id = columns.Integer(primary_key=True)
        name = columns.Text()

    class Other(Model):
        __table_name__ = "same"

        id = columns.Integer(primary_key=True)
        name = columns.Blob()

    class Another(Model):
        __table_name__ = "same"

        id = columns.Integer(primary_key=True)
        at = columns.Integer(primary_key=True)

    with pytest.raises(ModelDefinitionException, match=r"One and Other share.*the column name"):
        wanted_tables([One, Other], "shop")
    with pytest.raises(ModelDefinitionException, match="not the primary key"):
        wanted_tables([One, Another], "shop")


def test_what_has_no_table_or_no_keyspace_is_refused() -> None:
    class Base(Model):
        __abstract__ = True

        id = columns.Integer(primary_key=True)

    class Homeless(Base):
        pass

    with pytest.raises(CQLEngineException, match="Base is abstract"):
        create_table(Base, "shop")
    with pytest.raises(UndefinedKeyspaceException, match="Homeless has no keyspace"):
        create_table(Homeless)
    assert create_table(Homeless, "shop").startswith("CREATE TABLE IF NOT EXISTS shop.homeless")
    with pytest.raises(CQLEngineException, match="OrderByCustomer is a materialized view"):
        create_table(OrderByCustomer)
    with pytest.raises(CQLEngineException, match="User is no materialized view"):
        create_view(User)
