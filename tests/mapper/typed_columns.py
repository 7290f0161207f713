"""What type checkers know of the attributes of models; mypy checks this file, see pyproject.toml.

Each `assert_type` is an error of mypy when the type is another one; at run time it does nothing,
and the assertions of `test_typed_columns` look at the values.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, assert_type
from uuid import UUID

from cql_protocol.values import Date, Duration, Time
from cqlengine import columns
from cqlengine.models import Model
from cqlengine.usertype import UserType


class Address(UserType):
    street = columns.Text(required=True)
    zip = columns.Integer(db_field="zip_code")


class Typed(Model):
    id = columns.UUID(primary_key=True)
    name = columns.Text(max_length=50)
    count = columns.BigInt(default=0)
    ratio = columns.Double()
    price = columns.Decimal()
    active = columns.Boolean(default=lambda: True)
    photo = columns.Blob()
    born = columns.Date()
    wakes = columns.Time()
    lasts = columns.Duration()
    seen = columns.DateTime()
    host = columns.Inet()
    tags = columns.Set(columns.Text)
    steps = columns.List(columns.Integer(required=True))
    nested = columns.Map(columns.Text, columns.List(columns.Date), default=dict)
    place = columns.Tuple(columns.Double, columns.Double, columns.Text)
    wide = columns.Tuple(*[columns.Integer] * 5)
    meaning = columns.Vector(3)
    words = columns.Vector(columns.Text, 2)
    home = columns.UserDefinedType(Address)
    others = columns.List(columns.UserDefinedType(Address))
    any_type = columns.Custom("map<int, text>")


def attributes(typed: Typed) -> None:
    """What is read has the type of the column."""
    assert_type(typed.id, UUID)
    assert_type(typed.name, str)
    assert_type(typed.count, int)
    assert_type(typed.ratio, float)
    assert_type(typed.price, Decimal)
    assert_type(typed.active, bool)
    assert_type(typed.photo, bytes)
    assert_type(typed.born, Date)
    assert_type(typed.wakes, Time)
    assert_type(typed.lasts, Duration)
    assert_type(typed.seen, datetime.datetime)
    assert_type(typed.host, IPv4Address | IPv6Address)
    assert_type(typed.tags, set[str])
    assert_type(typed.steps, list[int])
    assert_type(typed.nested, dict[str, list[Date]])
    assert_type(typed.place, tuple[float, float, str])
    assert_type(typed.wide, tuple[Any, ...])
    assert_type(typed.meaning, list[float])
    assert_type(typed.words, list[str])
    assert_type(typed.home, Address)
    assert_type(typed.others, list[Address])
    assert_type(typed.any_type, Any)
    assert_type(typed.home.zip, int)


def assignments(typed: Typed) -> None:
    """What is assigned may be anything that the column accepts."""
    typed.name = None
    typed.born = datetime.date(1815, 12, 10)
    typed.wakes = "06:30:00"
    typed.lasts = datetime.timedelta(days=1)
    typed.seen = datetime.date(2024, 2, 29)
    typed.id = "7d444840-9dc0-41d1-b245-5ffdce74fad2"
    typed.host = "10.0.0.1"
    typed.photo = bytearray(b"abc")
    typed.meaning = (1.0, 2.0, 3.0)
    typed.tags.add("a")
    typed.name = 5  # type: ignore[assignment]
    typed.tags = ["a"]  # type: ignore[assignment]
    typed.home = "Bath"  # type: ignore[assignment]
