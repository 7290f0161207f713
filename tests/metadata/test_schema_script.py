from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.metadata import (
    Aggregate,
    Function,
    KeyspaceMetadata,
    Metadata,
    UserType,
)
from cql_driver.metadata.export import in_order
from cql_driver.metadata.schema import KeyspaceContents
from tests.metadata import schema_rows as rows
from tests.metadata.schema_rows import columns, heads, key, keyspace, read, table

# --- functions, aggregates, types ----------------------------------------------------------------


def test_functions() -> None:
    made = Function(
        "ks",
        "Fun",
        ["frozen<tuple<int, bigint>>", "map<text, frozen<list<int>>>"],
        ["A", "m"],
        "frozen<tuple<int, bigint>>",
        "java",
        ' return "it\'s"; ',
        False,
    )
    assert made.export_as_string() == (
        'CREATE FUNCTION ks."Fun"("A" tuple<int, bigint>, m map<text, frozen<list<int>>>)\n'
        "    RETURNS NULL ON NULL INPUT\n"
        "    RETURNS tuple<int, bigint>\n"
        "    LANGUAGE java\n"
        '    AS $$ return "it\'s"; $$;'
    )


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"body": "/* it's $$ */"}, "AS '/* it''s $$ */'"),
        ({"deterministic": True}, "RETURNS int DETERMINISTIC LANGUAGE java"),
        ({"monotonic": True}, "RETURNS int MONOTONIC LANGUAGE java"),
        ({"monotonic_on": ["A"]}, 'RETURNS int MONOTONIC ON "A" LANGUAGE java'),
        ({"deterministic": True, "monotonic": True}, "int DETERMINISTIC MONOTONIC LANGUAGE"),
    ],
)
def test_more_of_functions(more: dict[str, Any], text: str) -> None:
    given: dict[str, Any] = {"body": "return 1;", "called_on_null_input": True} | more
    assert text in Function("ks", "f", [], [], "int", "java", **given).as_cql_query()


def test_aggregates() -> None:
    made = Aggregate(
        "ks", "average", ["int"], "avgS", "frozen<tuple<int, bigint>>", "avgf", "(0, 0)", "double"
    )
    assert made.export_as_string() == (
        "CREATE AGGREGATE ks.average(int)\n"
        '    SFUNC "avgS"\n'
        "    STYPE tuple<int, bigint>\n"
        "    FINALFUNC avgf\n"
        "    INITCOND (0, 0);"
    )
    made = Aggregate("ks", "NoInit", [], "f", "int", None, None, "int", True)
    assert made.as_cql_query() == ('CREATE AGGREGATE ks."NoInit"() SFUNC f STYPE int DETERMINISTIC')


def test_user_types() -> None:
    made = UserType("ks", "Person", ["name", "From"], ["text", "frozen<address>"])
    assert made.export_as_string() == (
        'CREATE TYPE ks."Person" (\n    name text,\n    "From" frozen<address>\n);'
    )
    assert UserType("ks", "date", ["a", "b"], ["int", "text"]).as_cql_query() == (
        'CREATE TYPE ks."date" ( a int, b text )'
    )


def types_of(**fields: str) -> dict[str, UserType]:
    """Return user types of one field each."""
    return {name: UserType("ks", name, ["f"], [text]) for name, text in fields.items()}


def test_types_come_after_those_they_use() -> None:
    made = types_of(
        a="frozen<map<text, frozen<list<frozen<z>>>>>",
        b='frozen<"In ""side">',
        c="int",
        m="'org.apache.z'",
        z="tuple<int, frozen<y>>",
        y="text",
    ) | {'In "side': UserType("ks", 'In "side', ["f"], ["frozen<c>"])}
    assert [found.name for found in in_order(made)] == ["c", 'In "side', "y", "z", "a", "b", "m"]


def test_types_that_use_each_other_do_not_end_in_a_loop() -> None:
    made = types_of(a="frozen<b>", b="frozen<a>", c="frozen<c>")
    assert sorted(found.name for found in in_order(made)) == ["a", "b", "c"]


@given(st.lists(st.sets(st.integers(0, 12)), max_size=12), st.randoms())
def test_any_types_come_after_those_they_use(uses: list[set[int]], random: Any) -> None:
    labels = [f"t{number}" for number in range(len(uses))]
    random.shuffle(labels)
    made = {
        labels[number]: UserType(
            "ks",
            labels[number],
            ["f"],
            ["tuple<" + ", ".join(["int", *(labels[n] for n in used if n < number)]) + ">"],
        )
        for number, used in enumerate(uses)
    }
    ordered = [found.name for found in in_order(made)]
    assert sorted(ordered) == sorted(labels)
    for number, used in enumerate(uses):
        for other in used:
            if other < number:
                assert ordered.index(labels[other]) < ordered.index(labels[number])


# --- keyspaces -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "options", "more", "text"),
    [
        ("SimpleStrategy", {"replication_factor": "1"}, {}, "'replication_factor': '1'}"),
        (
            "org.apache.cassandra.locator.NetworkTopologyStrategy",
            {"dc2": "3/1", "dc1": "2"},
            {},
            "{'class': 'NetworkTopologyStrategy', 'dc1': '2', 'dc2': '3/1'}",
        ),
        ("my.Strategy", {"a": "1"}, {}, "{'class': 'my.Strategy', 'a': '1'}"),
        (None, None, {}, "replication = {}"),
        ("LocalStrategy", {}, {"durable_writes": False}, "} AND durable_writes = false"),
        ("LocalStrategy", {}, {"graph_engine": "Core"}, " AND graph_engine = 'Core'"),
    ],
)
def test_keyspaces(
    strategy: str | None, options: dict[str, str] | None, more: dict[str, Any], text: str
) -> None:
    given = {"durable_writes": True} | more
    made = KeyspaceMetadata('My "ks"', strategy_class=strategy, strategy_options=options, **given)
    assert made.as_cql_query().startswith('CREATE KEYSPACE "My ""ks""" WITH replication = {')
    assert text in made.as_cql_query()


def test_a_keyspace_is_exported_in_an_order_that_can_be_applied() -> None:
    contents = read(
        tables=[table("t2"), table("T1")],
        columns=columns("T1", key()) + columns("t2", key()) + columns("lost", key()),
        types=[rows.user_type("a", f="frozen<b>"), rows.user_type("b", f="int")],
        functions=[rows.function("plus", ("a", "int"), ("b", "int"))],
        aggregates=[rows.aggregate("summed", "int")],
        indexes=[rows.index("T1", "i", target="k")],
        views=[rows.view("lost", "gone")],
    )
    found = keyspace(contents)
    assert heads(found.export_as_string()) == [
        "KEYSPACE ks",
        "TYPE ks.b",
        "TYPE ks.a",
        "FUNCTION ks.plus(a",
        "AGGREGATE ks.summed(int)",
        'TABLE ks."T1"',
        "INDEX i",
        "TABLE ks.t2",
        "MATERIALIZED VIEW ks.lost",
    ]
    assert found.user_type_strings() == [
        "CREATE TYPE ks.b (\n    f int\n);",
        "CREATE TYPE ks.a (\n    f frozen<b>\n);",
    ]


def test_what_could_not_be_read_is_told_in_the_export() -> None:
    contents = read(functions=[{"function_name": "*/ DROP"}, rows.function("f")])
    parts = keyspace(contents).export_as_string().split("\n\n")
    assert parts[1] == (
        "/*\nWarning: functions {'function_name': '* / DROP'} of keyspace ks could not be read: "
        "KeyError('argument_types')\n*/"
    )
    assert parts[2].startswith("CREATE FUNCTION ks.f()")


def test_the_whole_schema_is_exported_and_loaded_for_that() -> None:
    loaded = []

    def lazy(name: str) -> KeyspaceMetadata:
        def load() -> KeyspaceContents:
            loaded.append(name)
            return KeyspaceContents(user_types=types_of(u="int"))

        made = KeyspaceMetadata(name, True, "SimpleStrategy", {"replication_factor": "1"})
        made._load = load
        return made

    metadata = Metadata()
    assert metadata.export_schema_as_string() == ""
    metadata.set_keyspaces({name: lazy(name) for name in ("b", "a")})
    parts = metadata.export_schema_as_string().split("\n\n")
    assert [part.split()[1:3] for part in parts] == [
        ["KEYSPACE", "a"],
        ["TYPE", "ks.u"],
        ["KEYSPACE", "b"],
        ["TYPE", "ks.u"],
    ]
    assert loaded == ["a", "b"]


def test_subclasses_are_written_as_what_they_are() -> None:
    class Mine(UserType):
        pass

    assert Mine("ks", "u", ["a"], ["int"]).as_cql_query() == "CREATE TYPE ks.u ( a int )"
