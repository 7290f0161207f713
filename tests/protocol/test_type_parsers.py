from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.errors import InvalidTypeName
from cql_protocol.geo import DATE_RANGE, LINE_STRING, POINT, POLYGON
from cql_protocol.registry import CODECS
from cql_protocol.types import (
    DATE,
    DURATION,
    FLOAT,
    INT,
    MARSHAL,
    MAX_DEPTH,
    TEXT,
    TIMESTAMP,
    TYPES_BY_CLASS,
    TYPES_BY_NAME,
    UUID,
    CustomType,
    FrozenType,
    ListType,
    MapType,
    ReversedType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.types.parse_class import parse_class_name
from cql_protocol.types.parse_cql import parse_cql_type

ADDRESS = UserType("ks", "Home Address", [("street", TEXT), ('a "b"', INT), ("é", UUID)])
PLAIN = UserType("ks", "plain", [("a", FLOAT)])
USER_TYPES = {each.type_name: each for each in (ADDRESS, PLAIN)}
SIMPLE = sorted(set(TYPES_BY_NAME.values()), key=str)


def _compound(inner):
    return st.one_of(
        st.builds(ListType, inner),
        st.builds(SetType, inner),
        st.builds(MapType, inner, inner),
        st.builds(FrozenType, inner),
        st.builds(VectorType, inner, st.integers(1, 8192)),
        st.lists(inner, min_size=1, max_size=4).map(lambda types: TupleType(*types)),
    )


def _classes(inner):
    return st.one_of(
        _compound(inner),
        st.builds(ReversedType, inner),
        st.builds(
            UserType,
            st.from_regex("[a-z][a-z0-9_]{0,9}", fullmatch=True),
            st.text(min_size=1, max_size=9),
            st.lists(st.tuples(st.text(min_size=1, max_size=5), inner), max_size=3),
        ),
    )


_leaves = st.sampled_from([*SIMPLE, POINT, CustomType("com.example.Own(a,b)")])
cql_types = st.recursive(st.sampled_from([*SIMPLE, POINT, ADDRESS, PLAIN]), _compound, max_leaves=8)
class_types = st.recursive(_leaves, _classes, max_leaves=8)


# --- CQL


@given(cql_types)
def test_the_name_of_any_type_gives_the_type(cql_type):
    assert parse_cql_type(cql_type.name, "ks", USER_TYPES) == cql_type


@given(cql_types)
def test_spaces_and_case_do_not_matter(cql_type):
    if '"' in cql_type.name or "'" in cql_type.name:
        return
    spaced = cql_type.name.upper()
    for sign in "<>,":
        spaced = spaced.replace(sign, f" \n{sign}\t ")
    assert parse_cql_type(f" {spaced} ", "ks", USER_TYPES) == cql_type


@pytest.mark.parametrize(("name", "cql_type"), sorted(TYPES_BY_NAME.items()))
def test_simple_names(name, cql_type):
    assert parse_cql_type(name) is cql_type
    assert parse_cql_type(name.upper()) is cql_type


def test_compound_names():
    assert parse_cql_type("map<text, frozen<list<int>>>") == MapType(
        TEXT, FrozenType(ListType(INT))
    )
    assert parse_cql_type("vector<float,3>") == VectorType(FLOAT, 3)
    assert parse_cql_type("tuple<varchar,duration,date>") == TupleType(TEXT, DURATION, DATE)


def test_classes_in_quotes():
    assert parse_cql_type(f"'{MARSHAL}PointType'") is POINT
    assert parse_cql_type("list<'PolygonType'>") == ListType(POLYGON)
    assert parse_cql_type("'com.example.Own'") == CustomType("com.example.Own")


@pytest.mark.parametrize("user_types", [USER_TYPES, USER_TYPES.get], ids=["mapping", "callable"])
@pytest.mark.parametrize(
    ("text", "cql_type"),
    [
        ("plain", PLAIN),
        ("PLAIN", PLAIN),
        ('"plain"', PLAIN),
        ("ks.plain", PLAIN),
        ('"ks" . "plain"', PLAIN),
        ('frozen<"Home Address">', FrozenType(ADDRESS)),
        ('ks."Home Address"', ADDRESS),
    ],
)
def test_user_types_are_looked_up(user_types, text, cql_type):
    assert parse_cql_type(text, "ks", user_types) == cql_type


@pytest.mark.parametrize(
    ("text", "keyspace", "user_types", "why"),
    [
        ("plain", None, None, "no type and no user type is called 'plain'"),
        ("nope", "ks", USER_TYPES, "in keyspace 'ks' is called 'nope'"),
        ('"Plain"', "ks", USER_TYPES, "Plain"),
        ("other.plain", "ks", USER_TYPES, "'other', not 'ks'"),
        ("plain<int>", "ks", USER_TYPES, "no parameters"),
        ("int<int>", None, None, "no parameters"),
    ],
)
def test_unknown_user_types(text, keyspace, user_types, why):
    with pytest.raises(InvalidTypeName) as caught:
        parse_cql_type(text, keyspace, user_types)
    assert why in str(caught.value)


def test_a_user_type_may_be_called_like_a_keyword():
    quoted = UserType("ks", "int", [("a", INT)])
    assert parse_cql_type('"int"', "ks", {"int": quoted}) == quoted
    assert parse_cql_type("frozen", "ks", {"frozen": quoted}) == quoted


NO_TYPES = """
< list list< list<> list<int list<int>> list<int,int> map<int> map<int,> tuple<> tuple<int,>
vector<int> vector<int,0> vector<int,-1> vector<int,x> vector<int,1.5> vector<int,99999999999>
vector<3,int> int; int( " "" "a ' 'a '' 'a( . a. .a a.b.c 1 _a frozen<> list<int>x é
"""
DEEP = ["list<" * 500, "list<" * 500 + "int" + ">" * 500]


@pytest.mark.parametrize("text", [*NO_TYPES.split(), "", " ", "int int", "int\x00", *DEEP])
def test_what_is_no_type(text):
    with pytest.raises(InvalidTypeName):
        parse_cql_type(text, "ks", USER_TYPES)


def test_the_depth_is_bounded():
    def nested(depth):
        return "list<" * (depth - 1) + "int" + ">" * (depth - 1)

    assert parse_cql_type(nested(MAX_DEPTH)).depth == MAX_DEPTH
    with pytest.raises(InvalidTypeName, match="deep"):
        parse_cql_type(nested(MAX_DEPTH + 1))


_FRAGMENTS = ["list", "map", "set", "tuple", "vector", "frozen", "int", "plain", "ks", "x", "3"]
_CQL_NOISE = st.lists(st.sampled_from([*_FRAGMENTS, *"<>,.'\" \n"]), max_size=20).map("".join)


@given(st.one_of(st.text(), _CQL_NOISE))
def test_any_text_is_a_type_or_refused(text):
    try:
        found = parse_cql_type(text, "ks", USER_TYPES)
    except InvalidTypeName:
        found = None
    assert found is None or parse_cql_type(found.name, "ks", USER_TYPES) == found


# --- classes


@given(class_types)
def test_the_class_name_of_any_type_gives_the_type(cql_type):
    assert parse_class_name(cql_type.class_name) == cql_type


@given(class_types)
def test_packages_and_spaces_do_not_matter(cql_type):
    short = cql_type.class_name.replace(MARSHAL, "")
    spaced = short
    if "com.example" not in short:
        for sign in "(),:":
            spaced = spaced.replace(sign, f" {sign}\n")
    assert parse_class_name(short) == parse_class_name(spaced) == cql_type


@pytest.mark.parametrize(("name", "cql_type"), sorted(TYPES_BY_CLASS.items()))
def test_simple_classes(name, cql_type):
    assert parse_class_name(name) is cql_type
    assert parse_class_name(MARSHAL + name) is cql_type


@pytest.mark.parametrize(
    ("text", "cql_type"),
    [
        (
            f"{MARSHAL}VectorType({MARSHAL}FloatType , 3)",
            VectorType(FLOAT, 3),
        ),
        (
            "UserType(ks,61,66:Int32Type,c3a9:FrozenType(ListType(UTF8Type)))",
            UserType("ks", "a", [("f", INT), ("é", FrozenType(ListType(TEXT)))]),
        ),
        ("ReversedType(TimestampType)", ReversedType(TIMESTAMP)),
        ("CompositeType()", CustomType("CompositeType()")),
        (
            "DynamicCompositeType(a=>Int32Type, b => UTF8Type)",
            CustomType("DynamicCompositeType(a=>Int32Type, b => UTF8Type)"),
        ),
        ("PointType", POINT),
        (MARSHAL + "LineStringType", LINE_STRING),
        ("PolygonType", POLYGON),
        ("DateRangeType", DATE_RANGE),
        ("com.example.PointType", CustomType("com.example.PointType")),
        ("com.example.Int32Type", CustomType("com.example.Int32Type")),
        ("ListType(a.B(x, y(z)))", ListType(CustomType("a.B(x, y(z))"))),
        (
            "ListType(ColumnToCollectionType(6162:ListType(Int32Type)))",
            ListType(CustomType("ColumnToCollectionType(6162:ListType(Int32Type))")),
        ),
    ],
)
def test_classes(text, cql_type):
    assert parse_class_name(text) == cql_type


NO_CLASSES = """
( ) , ListType ListType( ListType() ListType(Int32Type ListType(Int32Type)) A( A(() A(b)) é
ListType(Int32Type,Int32Type) MapType(Int32Type) Int32Type,
TupleType(Int32Type,) UserType() UserType(ks) UserType(ks,zz) UserType(ks,ff)
UserType(ks,61,62) UserType(ks,61,62:) VectorType(Int32Type) VectorType(Int32Type,0)
VectorType(Int32Type,-1) VectorType(Int32Type,99999999999) VectorType(3,Int32Type)
"""
DEEP_CLASSES = ["ListType(" * 500, "a.B(" * 5000]


@pytest.mark.parametrize(
    "text", [*NO_CLASSES.split(), "", " ", "Int32Type Int32Type", "A\x00", *DEEP_CLASSES]
)
def test_what_is_no_class(text):
    with pytest.raises(InvalidTypeName):
        parse_class_name(text)


def test_the_depth_of_classes_is_bounded():
    def nested(depth):
        return "ListType(" * (depth - 1) + "Int32Type" + ")" * (depth - 1)

    assert parse_class_name(nested(MAX_DEPTH)).depth == MAX_DEPTH
    with pytest.raises(InvalidTypeName, match="deep"):
        parse_class_name(nested(MAX_DEPTH + 1))


_CLASS_FRAGMENTS = ["ListType", "MapType", "TupleType", "UserType", "VectorType", "Int32Type"]
_CLASS_NOISE = st.lists(
    st.sampled_from([*_CLASS_FRAGMENTS, "ks", "61", "DynamicCompositeType", "=>", *"(),: "]),
    max_size=20,
).map("".join)


@pytest.fixture(autouse=True)
def _no_scans(monkeypatch):
    """Looking for plugins takes 20 ms for every unknown name."""
    known = CODECS.find
    monkeypatch.setattr(
        type(CODECS), "find", lambda self, name: known(name) if name in CODECS.known else None
    )


@given(st.one_of(st.text(), _CLASS_NOISE))
def test_any_text_is_a_class_or_refused(text):
    try:
        found = parse_class_name(text)
    except InvalidTypeName:
        found = None
    assert found is None or parse_class_name(found.class_name) == found


# --- plugins


@pytest.fixture
def plugins(monkeypatch):
    found = {}
    monkeypatch.setattr(type(CODECS), "find", lambda self, name: found.get(name))
    parse_class_name.cache_clear()
    yield found
    parse_class_name.cache_clear()


def test_a_plugin_offers_a_type(plugins):
    own = CustomType("com.example.MineType")
    plugins["MineType"] = own
    assert parse_class_name("com.example.MineType") is own
    assert parse_class_name("ListType(com.example.MineType(3))") == ListType(own)
    assert parse_class_name("org.other.MineType") == CustomType("org.other.MineType")


def test_a_plugin_can_look_at_the_parameters(plugins):
    plugins["MineType"] = lambda text: ListType(CustomType(text))
    assert parse_class_name("a.MineType(3)") == ListType(CustomType("a.MineType(3)"))
    plugins["OtherType"] = lambda text: None
    assert parse_class_name("a.OtherType") == CustomType("a.OtherType")
