"""What must be done to a keyspace so that it is what models say, and how safe that is."""

from __future__ import annotations

from typing import Any

import pytest

from cqlengine import columns
from cqlengine.errors import CQLEngineException
from cqlengine.models import Model
from cqlengine.schema import Difference, Kind, LiveKeyspace, Safety, compare_models, in_order
from cqlengine.usertype import UserType
from tests.mapper.schema.models import Address, Order, OrderByCustomer, Street, User
from tests.mapper.schema.support import OPTIONS, differences, live_of, only

ALL = [User, Order, OrderByCustomer]
NETWORK = {"class": "NetworkTopologyStrategy"}


def table(**named: Any) -> Any:
    """A model called `Thing`."""
    return type(Model)("Thing", (Model,), {"__keyspace__": "shop", **named})


def user_type(**named: Any) -> Any:
    """A user type called `Money`."""
    return type(UserType)("Money", (UserType,), {"__type_name__": "money", **named})


def key() -> columns.Column[Any]:
    return columns.Integer(primary_key=True)


def test_nothing_is_different_from_what_is_there() -> None:
    assert compare_models(ALL, live_of(*ALL)) == []


def test_an_empty_keyspace_lacks_all_in_an_order_in_which_it_can_be_made() -> None:
    found = compare_models(ALL, live_of())
    assert [(each.kind, each.target) for each in found] == [
        (Kind.TYPE_MISSING, "shop.street"),
        (Kind.TYPE_MISSING, "shop.address"),
        (Kind.TABLE_MISSING, "shop.user"),
        (Kind.TABLE_MISSING, 'shop."Orders"'),
        (Kind.INDEX_MISSING, "shop.user(name)"),
        (Kind.INDEX_MISSING, 'shop."Orders"(meaning)'),
        (Kind.INDEX_MISSING, 'shop."Orders"(keys(parts))'),
        (Kind.INDEX_MISSING, 'shop."Orders"(entries(parts))'),
        (Kind.VIEW_MISSING, "shop.order_by_customer"),
    ]
    assert {each.safety for each in found} == {Safety.SAFE}
    assert all(len(each.statements) == 1 and each.keyspace == "shop" for each in found)


def test_what_no_model_is_of_goes_in_an_order_in_which_it_can_be_dropped() -> None:
    live = live_of(*ALL)
    found = compare_models([], live)
    assert [text for each in found for text in each.statements] == [
        "DROP MATERIALIZED VIEW IF EXISTS shop.order_by_customer",
        "DROP TABLE IF EXISTS shop.user",
        'DROP TABLE IF EXISTS shop."Orders"',
        "DROP TYPE IF EXISTS shop.address",
        "DROP TYPE IF EXISTS shop.street",
    ]
    assert {each.safety for each in found} == {Safety.DESTRUCTIVE}
    assert compare_models([], live, extras=False) == []
    left = compare_models([], live, ignored=["user", "order_by_customer"])
    assert [each.name for each in left] == ["Orders", "address", "street"]


# --- keyspaces -----------------------------------------------------------------------------------


def test_a_missing_keyspace() -> None:
    nowhere = LiveKeyspace("shop", options=OPTIONS)
    refused = only(compare_models([], nowhere))
    assert (refused.kind, refused.safety) == (Kind.KEYSPACE_MISSING, Safety.REFUSED)
    assert "create_keyspace_simple" in refused.way_out
    made = compare_models([User], nowhere, replication={**NETWORK, "dc1": 3})
    assert [each.kind for each in made][:2] == [Kind.KEYSPACE_MISSING, Kind.TYPE_MISSING]
    assert only(made[:1]).statements[0] == (
        "CREATE KEYSPACE IF NOT EXISTS shop WITH replication = "
        "{'class': 'NetworkTopologyStrategy', 'dc1': '3'} AND durable_writes = true"
    )


@pytest.mark.parametrize(
    ("wanted", "is_same"),
    [
        ({**NETWORK, "dc1": 3}, True),
        ({**NETWORK, "replication_factor": 3}, True),
        ({**NETWORK, "dc1": "2"}, False),
        ({**NETWORK, "replication_factor": 2}, False),
        ({**NETWORK, "dc1": 3, "dc2": 3}, False),
        ({"class": "SimpleStrategy", "replication_factor": 3}, False),
    ],
)
def test_replication(wanted: dict[str, Any], is_same: bool) -> None:
    found = compare_models([], live_of(), replication=wanted)
    assert (found == []) is is_same
    for each in found:
        assert (each.kind, each.safety) == (Kind.KEYSPACE_CHANGED, Safety.COSTLY)
        assert each.statements[0].startswith("ALTER KEYSPACE shop WITH replication = {")


def test_durable_writes() -> None:
    wanted = {**NETWORK, "dc1": 3}
    found = only(compare_models([], live_of(), replication=wanted, durable_writes=False))
    assert found.what == "shop is otherwise: durable_writes is true"
    assert found.statements[0].endswith("AND durable_writes = false")


# --- tables --------------------------------------------------------------------------------------


def test_a_missing_column_is_added() -> None:
    live = live_of(table(id=key(), at=key(), old=columns.Text()))
    wanted = table(id=key(), at=key(), old=columns.Text(), new=columns.Set(columns.Text))
    found = only(differences(wanted, live))
    assert (found.kind, found.safety) == (Kind.COLUMN_MISSING, Safety.SAFE)
    assert (found.target, found.table, found.name) == ("shop.thing.new", "thing", "new")
    assert found.statements == ('ALTER TABLE shop.thing ADD "new" set<text>',)
    static = table(id=key(), at=key(), old=columns.Text(), new=columns.Text(static=True))
    assert only(differences(static, live)).statements == (
        'ALTER TABLE shop.thing ADD "new" text STATIC',
    )


def test_a_column_of_no_model_is_only_dropped_if_asked_for() -> None:
    live = live_of(table(id=key(), Old=columns.Text()))
    found = only(differences(table(id=key()), live))
    assert (found.kind, found.safety) == (Kind.COLUMN_EXTRA, Safety.DESTRUCTIVE)
    assert found.statements == ('ALTER TABLE shop.thing DROP "Old"',)


def test_a_column_is_not_dropped_under_a_view() -> None:
    class Longer(Order):
        __table_name__ = "Orders"
        __table_name_case_sensitive__ = True
        __indexes__ = Order.__indexes__

        extra = columns.Text()

    live = live_of(Longer, OrderByCustomer)
    found = only(compare_models([Order, OrderByCustomer], live))
    assert (found.kind, found.safety) == (Kind.COLUMN_EXTRA, Safety.REFUSED)
    assert "drop the views first: order_by_customer" in found.way_out
    without = compare_models([Order], live)
    assert [each.kind for each in without] == [Kind.VIEW_EXTRA, Kind.COLUMN_EXTRA]
    assert without[1].safety is Safety.DESTRUCTIVE


def test_a_rename_is_guessed_but_not_done() -> None:
    live = live_of(table(id=key(), first=columns.Text()))
    found = differences(table(id=key(), given=columns.Text()), live)
    assert [each.kind for each in found] == [Kind.COLUMN_MISSING, Kind.COLUMN_EXTRA]
    assert "if given is first under another name, give it that db_field" in found[0].why


@pytest.mark.parametrize(
    ("before", "after", "way_out"),
    [
        ({"id": key()}, {"id": key(), "at": key()}, "make a table of another name"),
        ({"id": key(), "at": key()}, {"id": key()}, "make a table of another name"),
        ({"id": key()}, {"no": key()}, 'keep the old one in the table: db_field="id" for no'),
        (
            {"id": key(), "at": key()},
            {"id": columns.Integer(partition_key=True), "at": columns.Integer(partition_key=True)},
            "make a table of another name",
        ),
        ({"id": key(), "at": key()}, {"at": key(), "id": key()}, "make a table of another name"),
    ],
)
def test_another_key_is_refused(
    before: dict[str, Any], after: dict[str, Any], way_out: str
) -> None:
    names = list(after)
    for number, name in enumerate(names):
        after[name].position = 10**6 + number
    found = differences(table(**after), live_of(table(**before)))
    assert [each.kind for each in found] == [Kind.KEY_CHANGED]
    assert (found[0].safety, found[0].statements) == (Safety.REFUSED, ())
    assert way_out in found[0].way_out


def test_another_clustering_order_is_refused() -> None:
    live = live_of(table(id=key(), at=key()))
    first = key()
    down = columns.Integer(primary_key=True, clustering_order="DESC")
    found = only(differences(table(id=first, at=down), live))
    assert (found.kind, found.safety) == (Kind.ORDER_CHANGED, Safety.REFUSED)
    assert found.what == "shop.thing: its clustering order is (at ASC), not (at DESC)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (columns.Text(), columns.Blob()),
        (columns.List(columns.Text), columns.List(columns.Text, frozen=True)),
        (columns.Vector(columns.Float, 3), columns.Vector(columns.Float, 4)),
    ],
)
def test_another_type_is_refused(before: columns.Column[Any], after: columns.Column[Any]) -> None:
    found = only(differences(table(id=key(), c=after), live_of(table(id=key(), c=before))))
    assert (found.kind, found.safety) == (Kind.COLUMN_CHANGED, Safety.REFUSED)
    assert "add a column of another name" in found.way_out


def test_a_column_that_becomes_static_is_refused() -> None:
    static = table(id=key(), at=key(), c=columns.Text(static=True))
    plain = table(id=key(), at=key(), c=columns.Text())
    found = only(differences(static, live_of(plain)))
    assert (found.kind, found.safety) == (Kind.STATIC_CHANGED, Safety.REFUSED)
    assert found.what == "shop.thing: its column c is not static, unlike in the model"
    assert "c is static," in only(differences(plain, live_of(static))).what


def test_options_are_changed_at_once() -> None:
    live = live_of(table(id=key(), __options__={"gc_grace_seconds": 5}))
    assert differences(table(id=key()), live) == []
    wanted = {"gc_grace_seconds": 7, "comment": "it's", "default_time_to_live": 9}
    found = only(differences(table(id=key(), __options__=wanted), live))
    assert (found.kind, found.safety) == (Kind.OPTION_CHANGED, Safety.SAFE)
    assert found.statements[0] == (
        "ALTER TABLE shop.thing WITH comment = 'it''s' AND default_time_to_live = 9 "
        "AND gc_grace_seconds = 7"
    )
    with pytest.raises(CQLEngineException, match=r"Thing: the server knows no option gc"):
        differences(table(id=key(), __options__={"gc": 5}), live)


# --- user types ----------------------------------------------------------------------------------


def types_of(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    live = live_of(types=(user_type(**before),))
    return compare_models([], live, user_types=[user_type(**after)])


def test_a_missing_field_is_added() -> None:
    found = only(types_of({"a": columns.Text()}, {"a": columns.Text(), "B": columns.Integer()}))
    assert (found.kind, found.safety) == (Kind.FIELD_MISSING, Safety.SAFE)
    assert (found.table, found.name) == ("money", "B")
    assert found.statements == ('ALTER TYPE shop.money ADD "B" int',)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({"a": columns.Text()}, {"a": columns.Integer()}, Kind.FIELD_CHANGED),
        (
            {"a": columns.Text(), "b": columns.Integer()},
            {"a": columns.Text()},
            Kind.FIELD_EXTRA,
        ),
        ({"a": columns.Text()}, {"b": columns.Text()}, Kind.FIELD_RENAMED),
    ],
)
def test_what_cannot_be_done_to_a_type_is_refused(
    before: dict[str, Any], after: dict[str, Any], kind: Kind
) -> None:
    found = only(types_of(before, after))
    assert (found.kind, found.safety, found.statements) == (kind, Safety.REFUSED, ())
    assert found.why
    assert found.way_out


def test_the_order_of_fields_does_not_matter() -> None:
    one, other = {"a": columns.Text()}, {"b": columns.Integer()}
    assert types_of({**one, **other}, {**other, **one}) == []


def test_types_within_types_are_compared() -> None:
    live = live_of(types=(Street,))
    found = compare_models([User], live, extras=False)
    assert [each.target for each in found if each.kind is Kind.TYPE_MISSING] == ["shop.address"]
    assert compare_models([], live, user_types=[Address])[0].target == "shop.address"


# --- what differences are ------------------------------------------------------------------------


def test_differences_are_compared_by_what_they_say() -> None:
    one, other = (compare_models(ALL, live_of()) for _ in range(2))
    assert one == other
    assert len({*one, *other}) == len(one)
    assert one[0] != one[1]
    assert one[0] != "street"
    assert in_order(reversed(one))[0].kind is Kind.TYPE_MISSING


def test_a_difference_is_told_in_a_sentence() -> None:
    live = live_of(table(id=key(), at=key()))
    refused = differences(table(id=key()), live)[0]
    assert refused.is_refused
    assert not refused.is_safe
    assert refused.sentence.startswith(
        "shop.thing: its primary key is (id, at), not (id) (refused: servers never change"
    )
    safe = differences(table(id=key(), at=key(), c=columns.Text()), live)[0]
    assert safe.is_safe
    assert safe.sentence == (
        "shop.thing: it has no column c (safe: rows that are there have null in it)"
    )
    assert "column missing" in repr(safe)


def test_every_kind_has_a_place() -> None:
    every = [Difference(kind, "t", "w", Safety.SAFE, "y") for kind in Kind]
    assert len(in_order(every)) == len(Kind)
