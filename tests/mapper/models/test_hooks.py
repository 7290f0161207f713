"""Methods of models that applications extend: `__init__`, `validate`, `save`."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest

from cqlengine import columns
from cqlengine.connection import Connection
from cqlengine.errors import ValidationError
from cqlengine.models import Model
from cqlengine.query import BatchQuery
from cqlengine.query.requests import Request


class Written(Connection):
    """A connection that keeps the requests, and finds nothing."""

    def __init__(self) -> None:
        super().__init__("written", lazy_connect=True)
        self.requests: list[Request] = []

    def execute(self, request: Request) -> Any:
        self.requests.append(request)

    async def aexecute(self, request: Request) -> Any:
        self.requests.append(request)


@pytest.fixture
def connection() -> Written:
    return Written()


class Booking(Model):
    """Its methods do something besides."""

    __keyspace__ = "inn"

    room = columns.Integer(primary_key=True)
    begins = columns.Integer(required=True)
    ends = columns.Integer(default=99)
    tags = columns.Set(columns.Text)

    def __init__(self, note: str = "none", **values: Any) -> None:
        super().__init__(**values)
        self.note = note
        self.nights = (self.ends or 0) - (self.begins or 0)

    def validate(self) -> None:
        super().validate()
        if self.ends is not None and self.begins is not None and self.ends < self.begins:
            raise ValidationError("it ends before it begins")

    def save(self) -> Self:
        self.tags.add("saved")
        return super().save()

    async def asave(self) -> Self:
        self.tags.add("awaited")
        return await super().asave()


class Stay(Model):
    """Has rows and static columns."""

    __keyspace__ = "inn"

    guest = columns.Text(primary_key=True)
    day = columns.Integer(primary_key=True)
    name = columns.Text(static=True)
    price = columns.Integer(required=True)

    def validate(self) -> None:
        super().validate()
        if self.name == "nobody":
            raise ValidationError("nobody stays here")


# --- validate ------------------------------------------------------------------------------------


def test_validate_is_called_before_a_row_is_written(connection: Written) -> None:
    query = Booking.objects.using(connection=connection)
    with pytest.raises(ValidationError, match="ends before"):
        query.create(room=1, begins=5, ends=3)
    with pytest.raises(ValidationError, match="ends before"):
        asyncio.run(query.acreate(room=1, begins=5, ends=3))
    booking = query.create(room=1, begins=1, ends=3)
    with pytest.raises(ValidationError, match="ends before"):
        booking.update(begins=5)
    booking.begins = 6
    with pytest.raises(ValidationError, match="ends before"), BatchQuery() as batch:
        booking.batch(batch).save()
    assert len(connection.requests) == 1


def test_validate_leaves_columns_alone_that_were_not_read(connection: Written) -> None:
    read = Booking._construct_instance({"room": 1})
    read.using(connection=connection).update(tags={"a"})
    (request,) = connection.requests
    assert list(request.values) == [{"a"}, 1]


def test_validate_of_static_columns_alone_asks_for_nothing_of_a_row(connection: Written) -> None:
    Stay(guest="zoe", name="Zoë").using(connection=connection).save()
    assert list(connection.requests[0].values) == ["zoe", "Zoë"]
    with pytest.raises(ValidationError, match="nobody"):
        Stay(guest="zoe", name="nobody").using(connection=connection).save()
    with pytest.raises(ValidationError, match="price"):
        Stay(guest="zoe", day=1).validate()


# --- save ----------------------------------------------------------------------------------------


def test_create_saves_by_the_save_of_the_model(connection: Written) -> None:
    made = Booking.objects.using(connection=connection).ttl(60).create(room=1, begins=1)
    assert made.tags == {"saved"}
    (request,) = connection.requests
    assert list(request.values) == [1, 1, 99, {"saved"}, 60]
    made.begins = 2
    made.save()
    assert list(connection.requests[1].values) == [2, 1], "the TTL was for the first verb"


def test_acreate_saves_by_asave(connection: Written) -> None:
    made = asyncio.run(Booking.objects.using(connection=connection).acreate(room=1, begins=1))
    assert made.tags == {"awaited"}
    assert len(connection.requests) == 1


def test_what_save_chooses_is_not_for_other_rows_of_the_query(connection: Written) -> None:
    class Short(Booking):
        def save(self) -> Self:
            return self.ttl(5 if self.room == 1 else None) and super().save()

    query = Short.objects.using(connection=connection)
    query.create(room=1, begins=1)
    query.create(room=2, begins=1)
    assert [len(request.values) for request in connection.requests] == [5, 4]


# --- __init__ ------------------------------------------------------------------------------------


def test_rows_are_made_by_the_init_of_the_model() -> None:
    read = Booking._construct_instance({"room": 1, "begins": 2, "ends": 5, "tags": {"a"}})
    assert (read.note, read.nights) == ("none", 3)
    assert read.get_changed_columns() == []
    read.tags.add("b")
    assert read.get_changed_columns() == ["tags"]


def test_defaults_are_not_taken_for_columns_that_were_not_read(connection: Written) -> None:
    read = Booking._construct_instance({"room": 1, "begins": 2})
    assert read.nights == 97
    assert "ends" not in vars(read)
    assert read.get_changed_columns() == []
    read.using(connection=connection).update(begins=3)
    assert list(connection.requests[0].values) == [3, 1]


def test_what_init_changes_is_to_be_saved() -> None:
    class Named(Model):
        id = columns.Integer(primary_key=True)
        name = columns.Text()

        def __init__(self, **values: Any) -> None:
            super().__init__(**values)
            self.name = (self.name or "").strip()

    read = Named._construct_instance({"id": 1, "name": " Zoë "})
    assert (read.name, read.get_changed_columns()) == ("Zoë", ["name"])
    assert Named._construct_instance({"id": 1, "name": "Zoë"}).get_changed_columns() == []
