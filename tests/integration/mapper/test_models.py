"""Instances as rows: what is saved, changed and deleted, seen by a plain session."""

from __future__ import annotations

import copy
import pickle
import threading
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import cqlengine
from cqlengine import columns, models, query
from cqlengine.errors import ModelException, ValidationError
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.usertype import UserType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")


class Address(UserType):
    street = columns.Text()
    zip = columns.Integer(db_field="Zip code")


class User(Model):
    """A column of most types, some with other names in the table."""

    id = columns.UUID(primary_key=True, default=uuid.uuid4)
    name = columns.Text(required=True)
    age = columns.Integer(default=18)
    balance = columns.Decimal(db_field="Balance")
    born = columns.Date()
    wakes = columns.Time()
    seen = columns.DateTime()
    active = columns.Boolean(default=False)
    photo = columns.Blob()
    tags = columns.Set(columns.Text)
    steps = columns.List(columns.Integer)
    prices = columns.Map(columns.Text, columns.Double)
    home = columns.UserDefinedType(Address)


class Order(Model):
    """The names are words of CQL, and not in lower case."""

    __table_name__ = "Order"
    __table_name_case_sensitive__ = True

    select = columns.Integer(partition_key=True)
    where = columns.Text(primary_key=True, db_field="From")
    limit = columns.Integer(db_field='To "quoted"')


class Odd(Model):
    """The partition key is not the first column of the key."""

    a = columns.Integer(primary_key=True)
    b = columns.Integer(partition_key=True)
    c = columns.Integer(primary_key=True)


class Timed(Model):
    """What rows have that come and go: not made, but inherited."""

    __abstract__ = True

    id = columns.Integer(primary_key=True)
    at = columns.DateTime()
    note = columns.Text(default="none")

    def shout(self) -> str:
        return str(self.note).upper()


class Arrival(Timed):
    gate = columns.Text()
    note = columns.Ascii(default="arrived")


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    for model in (User, Order, Odd, Arrival):
        sync_table(model)


def row_of(session: Session, table: str, where: str, values: Sequence[Any] = ()) -> Any:
    """The row as the driver reads it, by a statement of the driver's own."""
    return session.execute(session.prepare(f"SELECT * FROM {table} WHERE {where}"), values).one()


def user_row(session: Session, user: User) -> Any:
    return row_of(session, "user", "id = ?", (user.id,))


# --- verbs ---------------------------------------------------------------------------------------


def test_create_writes_every_value(session: Session) -> None:
    seen = datetime(2026, 3, 1, 12, 30, 15, 250000)
    user = User.create(
        name="Zoë O'Neil",
        balance=Decimal("12.50"),
        born=date(1990, 2, 28),
        wakes=time(6, 30),
        seen=seen,
        photo=b"\x00\xff",
        tags={"a", "b"},
        steps=[3, 1, 3],
        prices={"x": 1.5},
        home=Address(street="Ring", zip=1010),
    )
    row = user_row(session, user)
    assert (row.name, row.age, row.active) == ("Zoë O'Neil", 18, False)
    assert row.Balance == Decimal("12.50")
    assert (str(row.born), str(row.wakes)) == ("1990-02-28", "06:30:00.000000000")
    assert row.seen == seen
    assert row.photo == b"\x00\xff"
    assert set(row.tags) == {"a", "b"}
    assert row.steps == [3, 1, 3]
    assert dict(row.prices) == {"x": 1.5}
    assert tuple(row.home) == ("Ring", 1010)
    assert User.get(id=user.id) == user


def test_values_that_were_not_given_are_not_written(session: Session) -> None:
    user = User.create(name="a", photo=b"1")
    again = User.create(id=user.id, name="b", age=None)
    row = user_row(session, user)
    assert (row.name, row.age) == ("b", None), "None is written"
    assert row.photo == b"1", "what is not given stays"
    assert again.photo is None


def test_save_writes_what_has_changed(session: Session) -> None:
    user = User.create(name="a", age=1, tags={"x"})
    session.execute(f"UPDATE user SET age = 77 WHERE id = {user.id}")
    user.name = "b"
    user.tags.add("y")
    assert user.get_changed_columns() == ["name", "tags"]
    assert user.save() is user
    row = user_row(session, user)
    assert (row.name, row.age, set(row.tags)) == ("b", 77, {"x", "y"})
    assert user.get_changed_columns() == []


def test_save_of_an_unchanged_instance_sends_nothing(session: Session) -> None:
    user = User.create(name="a", tags={"x"})
    session.execute(f"DELETE FROM user WHERE id = {user.id}")
    user.save()
    read = User.objects.filter(id=user.id).first()
    assert read is None
    assert user_row(session, user) is None


def test_update_writes_arguments_and_changes(session: Session) -> None:
    user = User.create(name="a", age=1)
    user.active = True
    assert user.update(name="b", age=None) is user
    row = user_row(session, user)
    assert (row.name, row.age, row.active) == ("b", None, True)
    assert (user.name, user.age) == ("b", None)


def test_update_refuses_the_key_and_unknown_names() -> None:
    user = User.create(name="a")
    with pytest.raises(ValidationError, match="part of the primary key, which cannot be changed"):
        user.update(id=uuid.uuid4())
    with pytest.raises(ValidationError, match="User has no column size"):
        user.update(size=3)
    user.update(id=user.id, name="same key")
    assert User.get(id=user.id).name == "same key"


def test_update_is_for_the_row_that_was_read(session: Session) -> None:
    user = User.create(name="a")
    before, user.id = user.id, uuid.uuid4()
    with pytest.raises(ValidationError, match=r"id: .* save\(\) writes another row"):
        user.update(name="b")
    assert user_row(session, user) is None
    user.id = before
    user.update(name="b")
    assert user_row(session, user).name == "b"


def test_a_value_is_deleted_by_del_and_by_none(session: Session) -> None:
    user = User.create(name="a", age=1, photo=b"1", tags={"x"})
    del user.age
    user.photo = None
    user.tags = None
    user.save()
    row = user_row(session, user)
    assert (row.age, row.photo, row.tags or None) == (None, None, None)
    with pytest.raises(AttributeError):
        del user.unheard_of


def test_delete_deletes_the_row_and_save_writes_it_anew(session: Session) -> None:
    user = User.create(name="a", age=5)
    user.delete()
    assert user_row(session, user) is None
    user.save()
    assert user_row(session, user).age == 5


def test_a_changed_key_makes_another_row(session: Session) -> None:
    user = User.create(name="a", age=5, tags={"t"})
    before, user.id = user.id, uuid.uuid4()
    user.save()
    rows = [row_of(session, "user", "id = ?", (id,)) for id in (before, user.id)]
    assert [(row.name, row.age, set(row.tags)) for row in rows] == [("a", 5, {"t"})] * 2


def test_delete_without_clustering_values_deletes_the_partition(session: Session) -> None:
    for where in "abc":
        Order.create(select=9, where=where)
    Order(select=9).delete()
    assert session.execute('SELECT * FROM "Order" WHERE "select" = 9').all() == []
    with pytest.raises(ValidationError, match="select: a value is needed"):
        Order(where="a").delete()


def test_keys_may_be_declared_in_any_order(session: Session) -> None:
    for b in range(2):
        for a in range(3):
            Odd.create(a=a, b=b, c=0)
    with pytest.raises(ValidationError, match="a: a value is needed"):
        Odd(b=0, c=0).delete()
    Odd(b=0, a=1).delete()
    Odd(b=1).delete()
    rows = session.execute("SELECT b, a FROM odd").all()
    assert [tuple(row) for row in rows] == [(0, 0), (0, 2)]
    assert Odd.get(b=0, a=2).pk == (2, 0, 0)


def test_values_are_checked_before_anything_is_sent(session: Session) -> None:
    user = User(name="a", balance=1)
    user.age = "old"  # type: ignore[assignment]
    with pytest.raises(ValidationError, match="age"):
        user.save()
    with pytest.raises(ValidationError, match="name: a value is"):
        User.create(age=3)
    with pytest.raises(ValidationError, match="User has no column nam"):
        User.create(nam="a")
    assert user_row(session, user) is None
    user.id = None  # type: ignore[assignment]
    user.age = 1
    with pytest.raises(ValidationError, match="id: a value is needed, it is part of the primary"):
        user.save()


# --- names ---------------------------------------------------------------------------------------


def test_reserved_words_and_upper_case_names(session: Session, keyspace: str) -> None:
    assert Order.column_family_name() == f'{keyspace}."Order"'
    order = Order.create(select=1, where="it's", limit=3)
    row = row_of(session, '"Order"', '"select" = ? AND "From" = ?', (1, "it's"))
    assert tuple(row) == (1, "it's", 3)
    order.update(limit=4)
    assert Order.objects(select=1, where="it's").get().limit == 4
    Order.objects(select=1, where="it's").update(limit=5)
    assert Order.objects.filter(Order.select == 1, Order.where > "a").first().limit == 5
    assert list(Order.objects(select=1).order_by("-where").values_list("limit", flat=True)) == [5]
    order.delete()
    assert row_of(session, '"Order"', '"select" = ?', (1,)) is None


def test_inherited_columns_and_methods(session: Session) -> None:
    assert set(Arrival()) == {"id", "at", "gate", "note"}
    arrival = Arrival.create(id=1, gate="B7")
    row = row_of(session, "arrival", "id = ?", (1,))
    assert (row.gate, row.note) == ("B7", "arrived")
    assert arrival.shout() == "ARRIVED"
    with pytest.raises(ModelException, match="Timed is abstract"):
        Timed.objects.all()
    with pytest.raises(ModelException, match="Timed is abstract: it has no table"):
        Timed.column_family_name()


# --- instances as objects ------------------------------------------------------------------------


def test_equality_is_of_class_and_values() -> None:
    user = User.create(name="a")
    assert User.get(id=user.id) == user
    other = User(id=user.id, name="b")
    assert other != user
    assert user != Order(select=1)
    assert Arrival(id=1) != {"id": 1}
    with pytest.raises(TypeError, match="unhashable"):
        hash(user)


def test_an_instance_is_a_mapping() -> None:
    order = Order(select=1, where="a")
    assert list(order) == order.keys() == ["select", "where", "limit"]
    assert order.values() == [1, "a", None]
    assert dict(order) == dict(order.items()) == {"select": 1, "where": "a", "limit": None}
    assert len(order) == 3
    assert "where" in order
    assert "From" not in order
    order["limit"] = 5
    assert order["limit"] == order.limit == 5
    for name in ("From", "pk", "save"):
        with pytest.raises(KeyError):
            order[name]
        with pytest.raises(KeyError):
            order[name] = 1
    assert order.pk == (1, "a")
    assert User(id=uuid.UUID(int=1), name="a").pk == uuid.UUID(int=1)
    assert repr(order) == "Order(select=1, where='a', limit=5)"
    assert str(order) == "Order <select=1, where='a'>"


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_knows_what_has_changed(session: Session, copied: Any) -> None:
    user = User.create(name="a", age=1, tags={"x"}, home=Address(street="s", zip=1))
    user.age = 2
    session.execute(f"UPDATE user SET name = 'other' WHERE id = {user.id}")
    twin = copied(user)
    assert twin == user
    assert twin.get_changed_columns() == ["age"]
    twin.save()
    assert user.get_changed_columns() == ["age"]
    row = user_row(session, user)
    assert (row.name, row.age) == ("other", 2), "the copy is an UPDATE of the one column"


def test_a_deep_copy_shares_no_container() -> None:
    user = User.create(name="a", tags={"x"}, home=Address(street="s"))
    twin = copy.deepcopy(user)
    twin.tags.add("y")
    twin.home.street = "t"
    assert user.tags == {"x"}
    assert user.home.street == "s"
    assert twin.get_changed_columns() == ["tags", "home"]
    assert user.get_changed_columns() == []


def test_value_managers_tell_how_columns_stand() -> None:
    user = User.create(name="a", age=1)
    user.age = 2
    user.name = None  # type: ignore[assignment]
    manager = user.value_manager("age")
    assert (manager.value, manager.previous_value, manager.changed) == (2, 1, True)
    assert user.value_manager("name").deleted
    assert not user.value_manager("photo").explicit


def test_rows_of_the_driver_become_instances(session: Session) -> None:
    user = User.create(name="a", balance=Decimal(3), tags={"x"})
    row = user_row(session, user)
    read = User._construct_instance(row._asdict())
    assert read == user
    read.update(name="b")
    assert user_row(session, user).name == "b"


def test_errors_are_known_by_the_names_of_their_modules() -> None:
    assert query.DoesNotExist is cqlengine.errors.DoesNotExist  # type: ignore[attr-defined]
    assert cqlengine.ValidationError is query.ValidationError is ValidationError
    assert models.ModelException is ModelException
    assert issubclass(User.DoesNotExist, query.DoesNotExist)
    assert issubclass(User.DoesNotExist, cqlengine.CQLEngineException)
    assert not issubclass(User.DoesNotExist, Order.DoesNotExist)
    assert issubclass(Arrival.DoesNotExist, Timed.DoesNotExist)
    error = pickle.loads(pickle.dumps(User.DoesNotExist("gone")))
    assert type(error) is User.DoesNotExist


# --- threads -------------------------------------------------------------------------------------


def test_threads_write_and_read_at_once(session: Session) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        try:
            for turn in range(8):
                where = f"{number}-{turn}"
                order = Order.create(select=100 + number, where=where, limit=turn)
                order.update(limit=number)
                read = Order.get(select=100 + number, where=where)
                if read != order or read.limit != number:
                    wrong.append(read)
        except Exception as exc:  # noqa: BLE001
            wrong.append(exc)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    counted = [
        session.execute(f'SELECT count(*) FROM "Order" WHERE "select" = {100 + n}').one()[0]
        for n in range(6)
    ]
    assert counted == [8] * 6


def test_times_with_a_zone_are_kept_as_utc(session: Session) -> None:
    user = User.create(name="a", seen=datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert user_row(session, user).seen == datetime(2026, 1, 1, 12)
    assert User.get(id=user.id).seen == datetime(2026, 1, 1, 12)
