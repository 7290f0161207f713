"""Models that the tests of the schema share; nothing connects anywhere."""

from __future__ import annotations

from typing import Any, ClassVar

from cqlengine import columns
from cqlengine.models import Model
from cqlengine.schema import Index, MaterializedView
from cqlengine.usertype import UserType

__all__ = ["Address", "Order", "OrderByCustomer", "Street", "User"]


class Street(UserType):
    name = columns.Text()
    number = columns.Integer()


class Address(UserType):
    street = columns.UserDefinedType(Street)
    town = columns.Text(db_field="Town")
    labels = columns.Map(columns.Text, columns.List(columns.Text))


class User(Model):
    __keyspace__ = "shop"
    __options__: ClassVar[dict[str, Any]] = {"gc_grace_seconds": 3600, "comment": "it's us"}

    id = columns.UUID(primary_key=True)
    name = columns.Text(index=True)
    home = columns.UserDefinedType(Address)


class Order(Model):
    __keyspace__ = "shop"
    __table_name__ = "Orders"
    __table_name_case_sensitive__ = True
    __indexes__ = (Index("parts", keys=True), Index("parts", entries=True, name="by_part"))

    shop = columns.Text(partition_key=True)
    day = columns.Date(partition_key=True)
    at = columns.TimeUUID(primary_key=True, clustering_order="desc")
    number = columns.Integer(primary_key=True, db_field="No")
    opening = columns.Time(static=True)
    customer = columns.UUID()
    parts = columns.Map(columns.Text, columns.Integer)
    meaning = columns.Vector(
        columns.Float, 3, custom_index=Index(options={"similarity_function": "cosine"})
    )


class OrderByCustomer(MaterializedView):
    __base_model__ = Order

    customer = columns.UUID(partition_key=True)
    at = columns.TimeUUID(primary_key=True, clustering_order="DESC")
    shop = columns.Text(primary_key=True)
    day = columns.Date(primary_key=True)
    number = columns.Integer(primary_key=True)
    parts = columns.Map(columns.Text, columns.Integer)
