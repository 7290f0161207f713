"""User types as classes, and columns of them."""

from __future__ import annotations

import copy
import datetime
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from cql_protocol.types import TEXT, TIMESTAMP, ListType, SetType
from cql_protocol.types import UserType as UserCqlType
from cql_protocol.types.numbers import INT
from cql_protocol.values import SortedSet
from cqlengine import columns
from cqlengine.errors import ColumnDefinitionException, CQLEngineException, ValidationError
from cqlengine.usertype import (
    BaseUserType,
    UserType,
    UserTypeDefinitionException,
    UserTypeException,
)
from tests.mapper.columns.wire import back, bound, read

if TYPE_CHECKING:
    from collections.abc import Iterator


class Address(UserType):
    street = columns.Text(required=True)
    zip = columns.Integer(db_field="zip_code")
    tags = columns.Set(columns.Text)
    since = columns.DateTime()


class Person(UserType):
    __type_name__ = "HUMAN"

    name = columns.Text(default="nobody")
    home = columns.UserDefinedType(Address)
    others = columns.List(columns.UserDefinedType(Address))


HOME = columns.UserDefinedType(Address)
HOME.set_column_name("home")
PERSON = columns.UserDefinedType(Person)
PERSON.set_column_name("person")


# --- objects -----------------------------------------------------------------------------------


def test_fields_are_attributes_and_entries() -> None:
    address = Address(street="Main St", zip="12345")
    assert address.street == "Main St"
    assert address.zip == 12345
    assert address["zip"] == 12345
    assert address.tags == set()
    assert address.since is None
    assert len(address) == 4
    assert list(address) == address.keys() == ["street", "zip", "tags", "since"]
    assert address.values() == ["Main St", 12345, set(), None]
    assert dict(address.items()) == dict(address)
    assert repr(address) == "Address(street='Main St', zip=12345, tags=set(), since=None)"
    with pytest.raises(KeyError, match="nothing"):
        address["nothing"]


def test_fields_are_found_by_their_names_in_the_type_too() -> None:
    address = Address(street="Main St", zip_code=1)
    assert address.zip == address.zip_code == 1
    address.zip_code = 2
    assert address.zip == 2


def test_unknown_fields_are_refused_unless_they_come_with_all_others() -> None:
    with pytest.raises(ValidationError, match="Address has no field stret; it has street, zip"):
        Address(stret="Main St")
    # A session gives all that the type has, which may have been extended since.
    address = Address(street="a", zip_code=1, tags=None, since=None, added_later=5)
    assert address == Address(street="a", zip=1)


def test_defaults_are_used_for_what_is_not_given() -> None:
    assert Person().name == "nobody"
    assert Person(name=None).name is None


def test_objects_are_equal_by_their_fields() -> None:
    when = datetime.datetime(2024, 1, 1)
    address = Address(street="a", since=when)
    assert address == Address(street="a", since=when.replace(tzinfo=datetime.UTC), tags=set())
    assert address != Address(street="b", since=when)
    assert address != ("a", None, set(), when)
    assert Person(home=address) == Person(home=copy.deepcopy(address))
    with pytest.raises(TypeError):
        hash(address)


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_and_pickles_are_equal(duplicate: Any) -> None:
    person = Person(home=Address(street="a", tags={"x"}), others=[Address(street="b")])
    again = duplicate(person)
    assert again == person
    assert again is not person
    assert again.has_changed_fields() == person.has_changed_fields()
    person.reset_changed_fields()
    assert not duplicate(person).has_changed_fields()


# --- changes -----------------------------------------------------------------------------------


def test_changes_are_told_of_new_objects_and_of_those_that_were_read() -> None:
    assert not Address().has_changed_fields()
    address = Address(street="a")
    assert address.has_changed_fields()
    address.reset_changed_fields()
    assert not address.has_changed_fields()
    address.tags.add("x")
    assert address.has_changed_fields()
    address.tags.clear()
    assert not address.has_changed_fields()
    address.since = datetime.datetime(2024, 1, 1)
    assert address.has_changed_fields()


def test_changes_of_nested_objects_are_changes() -> None:
    person = back(PERSON, Person(home=Address(street="a"), others=[Address(street="b")]))
    assert not person.has_changed_fields()
    person.home.street = "c"
    assert person.has_changed_fields()
    assert person.home.has_changed_fields()
    person.reset_changed_fields()
    assert not person.has_changed_fields()
    assert not person.home.has_changed_fields()
    person.others[0].tags.add("x")
    assert person.has_changed_fields()


def test_validation_checks_fields_and_brings_them_into_their_form() -> None:
    address = Address(street="a")
    address.zip = "5"
    address.validate()
    assert address.zip == 5
    address.zip = "x"
    with pytest.raises(ValidationError, match=r"zip: 'x' .* is no whole number"):
        address.validate()
    with pytest.raises(ValidationError, match="street: a value is required"):
        Address(zip=5).validate()


# --- columns -----------------------------------------------------------------------------------


def test_the_type_is_frozen_unless_it_shall_not_be() -> None:
    assert HOME.cql_type == "frozen<address>"
    assert PERSON.cql_type == "frozen<human>"
    open_one = columns.UserDefinedType(Address, frozen=False)
    assert open_one.cql_type == "address"
    assert columns.Set(open_one).cql_type == "set<frozen<address>>"

    class Date(UserType):
        day = columns.Date()

    assert columns.UserDefinedType(Date).cql_type == 'frozen<"date">'


def test_values_come_back_equal() -> None:
    address = Address(
        street="a", zip=5, tags={"x", "y"}, since=datetime.datetime(2024, 1, 1, 0, 0, 1)
    )
    person = Person(name="Zoë", home=address, others=[address, Address(street="b")])
    assert back(HOME, address) == address
    assert back(PERSON, person) == person
    assert read(HOME, None) is None
    assert bound(HOME, address)["zip_code"] == 5
    assert HOME.to_database(address) == bound(HOME, address)


def test_mappings_and_what_the_driver_reads_are_accepted() -> None:
    made = HOME.validate({"street": "a", "zip": "5"})
    assert made == Address(street="a", zip=5)
    assert HOME.to_python({"street": "a", "zip_code": 5}) == made
    assert HOME.to_database({"street": "a"}) == {"street": "a"}
    kind = UserCqlType("ks", "address", [("street", TEXT), ("zip_code", INT)])
    assert HOME.validate(kind.decode(kind.encode(made))) == made
    assert HOME.validate(None) is None
    assert HOME.to_database(None) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (5, "home: 5 .* is no Address"),
        (("a", 5), r"home: \('a', 5\) .* is no Address"),
        ({"strasse": "a"}, "home: Address has no field strasse"),
        ({"street": "a", "zip": "x"}, "home: zip: 'x'"),
        (Address(zip=5), "home: street: a value is required"),
    ],
)
def test_what_is_refused_is_a_validation_error_that_names_the_field(
    value: Any, reason: str
) -> None:
    with pytest.raises(ValidationError, match=f"^{reason}"):
        HOME.validate(value)


def test_a_required_value_is_not_none() -> None:
    with pytest.raises(ValidationError, match="a value is required"):
        columns.UserDefinedType(Address, required=True).validate(None)


def test_values_are_replaced_when_a_field_has_changed() -> None:
    address = Address(street="a", tags={"x"})
    snapshot = HOME.snapshot(address)
    assert HOME.snapshot(None) is None
    assert not HOME.changed(address, snapshot)
    address.tags.add("y")
    assert HOME.changed(address, snapshot)
    assert HOME.changed(None, snapshot)
    assert HOME.is_mutable
    assert list(HOME.assignments(address, snapshot)) == [
        ('"home" = ?', {"street": "a", "tags": {"x", "y"}})
    ]


def test_types_that_have_other_fields_than_the_class_are_read() -> None:
    kind = UserCqlType(
        "ks", "address", [("class", TEXT), ("zip_code", INT), ("extra", TEXT), ("street", TEXT)]
    )
    cell = kind.encode({"class": "x", "zip_code": 5, "street": "a"})
    assert HOME.load_present is not None
    assert HOME.load_present(kind.decode(cell)) == Address(street="a", zip=5)


def test_names_that_python_forbids_are_found_in_what_the_driver_reads() -> None:
    class Odd(UserType):
        kind = columns.Text(db_field="class")
        full_name = columns.Text(db_field="Full name")

    column = columns.UserDefinedType(Odd)
    value = Odd(kind="a", full_name="b")
    kind = UserCqlType("ks", "odd", [("Full name", TEXT), ("x", TEXT), ("class", TEXT)])
    assert column.load_present is not None
    assert column.load_present(kind.decode(kind.encode(bound(column, value)))) == value


def test_objects_of_another_class_that_a_session_has_for_the_type_are_read() -> None:
    class Plain:
        def __init__(self, street: str, zip_code: int) -> None:
            self.street = street
            self.zip_code = zip_code

    assert read_by(HOME, Plain("a", 5)) == Address(street="a", zip=5)
    assert read_by(HOME, {"street": "a", "zip_code": 5}) == Address(street="a", zip=5)
    own = Address(street="a", zip=5)
    assert read_by(HOME, own) is own
    assert not own.has_changed_fields()


def test_what_is_read_is_made_by_the_init_of_the_class() -> None:
    class Place(UserType):
        street = columns.Text()
        tags = columns.Set(columns.Text)
        zip = columns.Integer(default=7)

        def __init__(self, note: str = "none", **values: Any) -> None:
            super().__init__(**values)
            self.note = f"{note} of {self.street}"

    column = columns.UserDefinedType(Place)
    kind = UserCqlType("ks", "place", [("street", TEXT), ("tags", SetType(TEXT))])
    read = read_by(column, kind.decode(kind.encode({"street": "a", "tags": {"x"}})))
    assert (read.note, read.tags, read.zip) == ("none of a", {"x"}, None)
    assert not read.has_changed_fields()
    read.tags.add("y")
    assert read.has_changed_fields()


def read_by(column: columns.Column[Any], value: Any) -> Any:
    loads = column.loads
    assert loads is not None
    return loads(value)


# --- in collections ----------------------------------------------------------------------------


def test_sets_of_user_types_send_what_was_added_and_removed() -> None:
    column = columns.Set(columns.UserDefinedType(Address))
    column.set_column_name("c")
    fields = [("street", TEXT), ("zip_code", INT), ("tags", SetType(TEXT)), ("since", TIMESTAMP)]
    kind = SetType(UserCqlType("ks", "address", fields))
    moment = datetime.datetime(2024, 1, 1)
    cell = kind.encode([{"street": "a"}, {"street": "b", "since": moment}])
    value = read_by(column, kind.decode(cell))
    assert isinstance(value, SortedSet)
    previous = column.snapshot(value)
    # Cut to the millisecond this is what is there: it must not be removed after it was added.
    fine = moment.replace(microsecond=999)
    value = SortedSet([Address(street="b", since=fine), Address(street="c", tags=set())])
    assert column.changed(value, previous)
    assert list(column.assignments(column.validate(value), previous)) == [
        ('"c" = "c" + ?', [{"street": "c"}]),
        ('"c" = "c" - ?', [{"street": "a"}]),
    ]


def test_maps_may_have_user_types_as_keys_and_values() -> None:
    column = columns.Map(columns.UserDefinedType(Address), columns.UserDefinedType(Address))
    made = column.validate(column.to_python({}))
    assert made == {}
    a, b = Address(street="a"), Address(street="b")
    from cql_protocol.values import OrderedMap

    assert back(column, OrderedMap([(a, b)])) == OrderedMap([(a, b)])
    column.set_column_name("c")
    previous = column.snapshot(OrderedMap([(a, b), (b, b)]))
    assert list(column.assignments(OrderedMap([(b, a)]), previous)) == [
        ('"c" = "c" + ?', OrderedMap([({"street": "b"}, {"street": "a"})])),
        ('"c" = "c" - ?', [{"street": "a"}]),
    ]


def test_large_sets_of_user_types_take_time_in_proportion() -> None:
    calls = 0

    class Counted(Address):
        def __eq__(self, other: object) -> bool:
            nonlocal calls
            calls += 1
            return super().__eq__(other)

        __hash__ = None  # type: ignore[assignment]

    counted = columns.Set(columns.UserDefinedType(Counted))
    counted.set_column_name("c")
    many = SortedSet.of_distinct([Counted(street=str(number)) for number in range(500)])
    value = counted.validate(many)
    previous = counted.snapshot(value)
    removed = next(iter(value))
    less = SortedSet.of_distinct([each for each in value if each is not removed])
    assert list(counted.assignments(less, previous)) == [('"c" = "c" - ?', [{"street": "0"}])]
    assert calls < 2000


def test_the_user_types_of_a_column_are_found_in_the_order_in_which_to_make_them() -> None:
    found: list[type[BaseUserType]] = []
    columns.resolve_udts(columns.Map(columns.Text, columns.List(PERSON)), found)
    assert found[-1] is Person
    assert found[0] is Address
    assert set(found) == {Address, Person}


# --- definitions -------------------------------------------------------------------------------


def test_types_are_called_after_their_class_or_as_it_says() -> None:
    class HTTPAddress(UserType):
        url = columns.Text()

    assert Address.type_name() == "address"
    assert Person.type_name() == "human"
    assert HTTPAddress.type_name() == "http_address"

    class Worker(Person):
        job = columns.Text()

    assert Worker.type_name() == "worker"
    assert list(Worker._fields) == ["name", "home", "others", "job"]
    assert Worker(job="a").name == "nobody"
    assert "job" not in Person._fields


def test_an_attribute_takes_the_place_of_an_inherited_field() -> None:
    class Anonymous(Person):
        name = None  # type: ignore[assignment]

    assert list(Anonymous._fields) == ["home", "others"]
    assert Anonymous().name is None


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"a": columns.Text(), "b": columns.Text(db_field="a")}, "two fields are called a"),
        ({"n": columns.Counter()}, "T.n: a field cannot be a counter"),
        ({"n": columns.Text(primary_key=True)}, "T.n: primary_key is for columns of tables"),
        ({"n": columns.Text(static=True)}, "T.n: static is for columns of tables"),
        ({"n": columns.Text(index=True)}, "T.n: index is for columns of tables"),
        ({"values": columns.Text()}, "T.values: every user type has values: .*db_field"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_definitions_that_contradict_themselves_are_refused(
    attributes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserTypeDefinitionException, match=reason) as caught:
        type(UserType)("T", (UserType,), attributes)
    assert isinstance(caught.value, UserTypeException)
    assert isinstance(caught.value, CQLEngineException)


def test_columns_are_of_user_types_with_fields() -> None:
    class Empty(UserType):
        pass

    for nothing in (int, "Address", Address(street="a")):
        with pytest.raises(ColumnDefinitionException, match="is no user type"):
            columns.UserDefinedType(nothing)  # type: ignore[type-var]
    with pytest.raises(ColumnDefinitionException, match="Empty has no fields"):
        columns.UserDefinedType(Empty)


@pytest.fixture
def registered() -> Iterator[dict[str, dict[str, type]]]:
    """Have what is registered forgotten afterwards."""
    from cqlengine.connection import udt_by_keyspace

    before = {keyspace: dict(types) for keyspace, types in udt_by_keyspace.items()}
    yield udt_by_keyspace
    udt_by_keyspace.clear()
    udt_by_keyspace.update(before)


def test_types_are_registered_for_statements_past_the_models(
    registered: dict[str, dict[str, type]],
) -> None:
    Person.register_for_keyspace("shop")
    assert registered["shop"] == {"human": Person}


def test_what_a_session_makes_of_a_registered_class_is_read_and_written() -> None:
    from cql_protocol.types.base import ReadOptions

    kind = UserCqlType(
        "ks",
        "address",
        [("street", TEXT), ("zip_code", INT), ("tags", SetType(TEXT)), ("since", TIMESTAMP)],
    )
    reader = ListType(kind).reader(ReadOptions(udt_classes={("ks", "address"): Address}))
    written = kind.encode(Address(street="a", zip=5))
    assert kind.decode(written).zip_code == 5
    read_objects = reader(ListType(kind).encode([Address(street="a", zip=5)]))
    assert read_objects == [Address(street="a", zip=5)]
    column = columns.List(columns.UserDefinedType(Address))
    assert read_by(column, read_objects) == read_objects
    assert not read_objects[0].has_changed_fields()
