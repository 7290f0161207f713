"""Normal forms of types, targets of indexes and conditions of views."""

from __future__ import annotations

import pytest

from cqlengine.schema.normal import normal_conditions, normal_target, normal_type

M = "org.apache.cassandra.db.marshal."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("varchar", "text"),
        ("frozen<list<frozen<map<text, int>>>>", "frozen<list<map<text,int>>>"),
        ("frozen<tuple<int, text>>", "tuple<int,text>"),
        ("list<frozen<tuple<int, frozen<list<int>>>>>", "list<tuple<int, list<int>>>"),
        ("vector<frozen<list<int>>, 3>", "vector<list<int>,3>"),
        ("frozen<shop.address>", "frozen<Address>"),
        ('frozen<"Shop"."Address">', 'frozen<"Address">'),
        ('"address"', "address"),
        ("frozen<int>", "int"),
        ("'UTF8Type'", "text"),
        ("'org.apache.cassandra.db.marshal.BytesType'", "blob"),
        ("'LexicalUUIDType'", "'org.apache.cassandra.db.marshal.LexicalUUIDType'"),
        ("'CompositeType(UTF8Type, a.MyType)'", f"'{M}CompositeType({M}UTF8Type,a.MyType)'"),
        ("'DynamicCompositeType(a=>LongType)'", f"'{M}DynamicCompositeType(a=>{M}LongType)'"),
    ],
)
def test_one_type_written_in_two_ways(one: str, other: str) -> None:
    assert normal_type(one) == normal_type(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("list<int>", "frozen<list<int>>"),
        ("address", "frozen<address>"),
        ("map<text, frozen<list<int>>>", "frozen<map<text, list<int>>>"),
        ('"date"', "date"),
        ('"Address"', "address"),
        ('"a""b"', '"ab"'),
        ("vector<float, 3>", "vector<float, 4>"),
        ("'org.example.One'", "'org.example.Two'"),
    ],
)
def test_two_types(one: str, other: str) -> None:
    assert normal_type(one) != normal_type(other)


@pytest.mark.parametrize(
    ("target", "kind", "normal"),
    [
        ('"name"', "text", "name"),
        ("Name", None, "name"),
        ('"Name"', "text", '"Name"'),
        ('KEYS("m")', "map<text, int>", "keys(m)"),
        ("m", "map<text, int>", "values(m)"),
        ("l", "list<int>", "values(l)"),
        ("l", "frozen<list<int>>", "full(l)"),
        ("full(l)", "frozen<list<int>>", "full(l)"),
        ("u", "frozen<address>", "u"),
        ("v", "vector<float, 3>", "v"),
        ('{"pk":["a"],"ck":["b"]}', "int", '{"pk":["a"],"ck":["b"]}'),
    ],
)
def test_targets(target: str, kind: str | None, normal: str) -> None:
    assert normal_target(target, kind) == normal


def test_conditions_have_no_order_and_no_needless_quotes() -> None:
    one = normal_conditions('"id" IS NOT NULL AND "Big" is not null AND name = \'and "x"\'')
    other = normal_conditions('name = \'and "x"\' and id IS NOT NULL AND "Big" IS NOT NULL')
    assert one == other
    assert len(one) == 3
    assert one != normal_conditions("id IS NOT NULL")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(a > 5)", "a > 5"),
        ("((a > 5)) AND (b < 3)", "b < 3 AND a > 5"),
        ("(a > 5 AND (b < 3))", "a > 5 AND b < 3"),
        ("((a, b) > (1, 2))", "(a,b) > (1,2)"),
        ("(token(a) > 5)", "token(a) > 5"),
        ("a = ')' AND (b = '(')", "a = ')' AND b = '('"),
    ],
)
def test_parentheses_around_conditions_do_not_matter(one: str, other: str) -> None:
    """Servers keep conditions without them; a view would be dropped and made anew for ever."""
    assert normal_conditions(one) == normal_conditions(other)


def test_parentheses_within_conditions_matter() -> None:
    assert normal_conditions("a IN (1)") == {"a in ( 1 )"}
    assert normal_conditions("(a, b) > (1, 2)") == {"( a , b ) > ( 1 , 2 )"}
