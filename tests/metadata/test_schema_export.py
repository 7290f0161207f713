from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.metadata import (
    Aggregate,
    ColumnMetadata,
    Function,
    IndexMetadata,
    KeyspaceMetadata,
    Metadata,
    RegisteredTableExtension,
    TableMetadata,
    TriggerMetadata,
    UserType,
)
from cql_driver.metadata.export import in_order
from cql_driver.metadata.schema import KeyspaceContents
from tests.metadata import schema_rows as rows
from tests.metadata.schema_rows import (
    CASSANDRA_3,
    DESCRIBED_5,
    SCYLLA,
    columns,
    key,
    keyspace,
    read,
    table,
)

CLUSTERING = ("c", "int", "clustering", 0, "asc")


def export_of_table(*described: tuple[Any, ...], **more: Any) -> str:
    """Return the export of a table ``t`` with these columns."""
    options = more.pop("options", None)
    found = read(tables=[table("t", options, **more)], columns=columns("t", *described))
    return found.tables["t"].export_as_string()


# --- tables, as Cassandra 5.0.8 describes them ---------------------------------------------------


def test_a_table_with_everything() -> None:
    assert export_of_table(
        ("l", "list<double>"),
        ("nf", "address"),
        ("Key", "uuid", "partition_key", 0),
        ("k2", "timeuuid", "partition_key", 1),
        ("select", "int", "clustering", 0, "desc"),
        ("c2", "text", "clustering", 1, "asc"),
        ("st", "set<inet>", "static"),
        ("s", "text", "static"),
        ("asc1", "ascii"),
        ("cust", "'org.apache.cassandra.db.marshal.LexicalUUIDType'"),
        ("p", 'frozen<"Person">'),
        ("tup", "frozen<tuple<int, text>>"),
        ("vec", "vector<float, 4>"),
        ('weird "col', "int"),
        ("ünï", "int"),
        ("m", "map<text, frozen<list<int>>>"),
        comment="it's a comment",
        cdc=True,
        bloom_filter_fp_chance=1e-4,
    ) == (
        """CREATE TABLE ks.t (
    "Key" uuid,
    k2 timeuuid,
    "select" int,
    c2 text,
    s text static,
    st set<inet> static,
    "ünï" int,
    asc1 ascii,
    cust 'org.apache.cassandra.db.marshal.LexicalUUIDType',
    p frozen<"Person">,
    tup frozen<tuple<int, text>>,
    vec vector<float, 4>,
    "weird ""col" int,
    l list<double>,
    m map<text, frozen<list<int>>>,
    nf address,
    PRIMARY KEY (("Key", k2), "select", c2)
) WITH CLUSTERING ORDER BY ("select" DESC, c2 ASC)
    AND """
        + DESCRIBED_5.replace("comment = ''", "comment = 'it''s a comment'")
        .replace("cdc = false", "cdc = true")
        .replace("fp_chance = 0.01", "fp_chance = 1.0E-4")
        + ";"
    )


@pytest.mark.parametrize(
    ("described", "lines"),
    [
        ([key(), ("v", "int")], ["k int PRIMARY KEY,", "v int"]),
        ([key("K")], ['"K" int PRIMARY KEY']),
        ([key(), CLUSTERING], ["k int,", "c int,", "PRIMARY KEY (k, c)"]),
        ([key(), key("l", "int", 1)], ["k int,", "l int,", "PRIMARY KEY ((k, l))"]),
    ],
)
def test_a_primary_key_of_one_column_stands_with_it(
    described: list[tuple[Any, ...]], lines: list[str]
) -> None:
    text = export_of_table(*described)
    assert text.partition("(\n")[2].partition("\n)")[0].split("\n    ") == [
        f"    {lines[0]}",
        *lines[1:],
    ]


def test_masks_stand_behind_what_else_is_told_of_a_column() -> None:
    found = read(
        tables=[table("t")],
        columns=columns("t", key(), ("s", "text", "static")) + columns("u", key()),
        column_masks=[
            rows.mask("t", "k", "mask_default"),
            rows.mask("t", "s", "mask_inner", ("int", "1"), ("int", None)),
        ],
    ).tables["t"]
    text = found.as_cql_query()
    assert "k int MASKED WITH system.mask_default() PRIMARY KEY," in text
    assert "s text static MASKED WITH system.mask_inner(1, null) )" in text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1.0"),
        (0.25, "0.25"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (6.71e-05, "6.71E-5"),
        (0.0, "0.0"),
    ],
)
def test_numbers_are_written_as_the_server_does(number: float, text: str) -> None:
    assert f"crc_check_chance = {text}\n" in export_of_table(key(), crc_check_chance=number)


def test_options_of_servers_to_come_are_written_too() -> None:
    text = export_of_table(key(), zzz={"b": "2", "a": "it's"}, aaa=5, nothing=None)
    assert ") WITH aaa = 5\n    AND additional" in text
    assert text.endswith("\n    AND zzz = {'a': 'it''s', 'b': '2'};")
    assert "nothing" not in text


def test_options_of_cassandra_3() -> None:
    text = export_of_table(key(), options=CASSANDRA_3)
    assert "dclocal_read_repair_chance = 0.1" in text
    assert "AND read_repair_chance = 0.0" in text
    assert "cdc = false" in text
    assert "extensions" not in text
    assert "memtable =" not in text


def test_extensions_are_written_as_blobs() -> None:
    text = export_of_table(key(), extensions={"my": b"\xca\xfe"})
    assert "extensions = {'my': 0xcafe}" in text
    # A server that does not describe the empty ones does not take any either.
    assert "extensions" not in export_of_table(key(), options=SCYLLA, extensions={"a": b"1"})


def test_a_table_without_options_has_no_with() -> None:
    made = TableMetadata("ks", "t")
    column = ColumnMetadata(made, "k", "int")
    made = TableMetadata("ks", "t", [column], [], {"k": column})
    column.table = made
    assert made.as_cql_query() == "CREATE TABLE ks.t ( k int PRIMARY KEY )"
    assert made.export_as_string() == "CREATE TABLE ks.t (\n    k int PRIMARY KEY\n);"


def test_compact_storage() -> None:
    text = export_of_table(
        key(),
        ("v", "int", "static"),
        ("column1", "text", "clustering", 0, "asc"),
        ("value", "blob"),
        flags=set(),
        options=CASSANDRA_3,
    )
    assert text.startswith(
        "CREATE TABLE ks.t (\n    k int,\n    v int,\n    PRIMARY KEY (k)\n"
        ") WITH COMPACT STORAGE\n    AND bloom_filter_fp_chance"
    )
    text = export_of_table(key(), CLUSTERING, ("value", "empty"), flags={"dense"})
    assert "    PRIMARY KEY (k, c)\n) WITH COMPACT STORAGE\n    AND CLUSTERING ORDER BY (c" in text
    assert "value" not in text


def test_the_value_that_a_dense_table_never_had_is_written_so_that_it_can_be_read() -> None:
    text = export_of_table(key(), CLUSTERING, ("value", "empty"))
    assert "    value 'org.apache.cassandra.db.marshal.EmptyType',\n" in text


def test_super_column_families_are_comments() -> None:
    text = export_of_table(key(), CLUSTERING, ("v", "int"), flags={"super", "dense"})
    assert text.startswith(
        "/*\nWarning: Table ks.t omitted because it has constructs not compatible with CQL "
        "(was created via legacy API).\nApproximate structure, for reference:\n"
        "(this should not be used to reproduce this schema)\n\nCREATE TABLE ks.t (\n"
    )
    assert text.endswith(";\n*/")


def test_virtual_tables_and_keyspaces_are_comments() -> None:
    contents = read(
        virtual=True,
        tables=[{"keyspace_name": "ks", "table_name": "t", "comment": "what */ it shows"}],
        columns=columns("t", key("name", "text"), CLUSTERING),
    )
    virtual = KeyspaceMetadata("ks", True, None, None, virtual=True).with_contents(contents)
    assert virtual.export_as_string() == (
        "/*\nWarning: Keyspace ks is a virtual keyspace and cannot be recreated with CQL.\n"
        "Structure, for reference:\nVIRTUAL KEYSPACE ks;\n*/\n\n"
        "/*\nWarning: Table ks.t is a virtual table and cannot be recreated with CQL.\n"
        "Structure, for reference:\nVIRTUAL TABLE ks.t (\n    name text,\n    c int,\n"
        "    PRIMARY KEY (name, c)\n) WITH CLUSTERING ORDER BY (c ASC)\n"
        "    AND comment = 'what * / it shows';\n*/"
    )
    assert virtual.tables["t"].as_cql_query().startswith("/*\nWarning")


def test_a_table_that_could_not_be_read_is_a_comment() -> None:
    text = export_of_table()
    assert text.startswith("/*\nWarning: Table ks.t omitted because columns of t of keyspace ks")
    assert text.endswith("*/")
    assert text.count("*/") == 1


def test_one_line_unless_formatted() -> None:
    contents = read(
        tables=[table("t", comment="two\n    lines")],
        columns=columns("t", key(), ("v", "int")),
        functions=[rows.function("f", body="\n    return 1;\n")],
    )
    found = contents.tables["t"]
    line = found.as_cql_query()
    assert line.startswith("CREATE TABLE ks.t ( k int PRIMARY KEY, v int ) WITH additional_write")
    assert "comment = 'two\n    lines' AND" in line
    assert line.replace("\n    ", " ").count("\n") == 0
    assert found.as_cql_query(formatted=True) + ";" == found.export_as_string()
    assert contents.functions["f()"].as_cql_query() == (
        "CREATE FUNCTION ks.f() CALLED ON NULL INPUT RETURNS int LANGUAGE java "
        "AS $$\n    return 1;\n$$"
    )


# --- what belongs to a table ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        ("COMPOSITES", {"target": "v"}, "CREATE INDEX i ON ks.t (v)"),
        ("COMPOSITES", {"target": 'values("V")'}, 'CREATE INDEX i ON ks.t (values("V"))'),
        ("KEYS", {"target": "v"}, "CREATE INDEX i ON ks.t (v)"),
        (
            "CUSTOM",
            {"target": "entries(m)", "class_name": "sai"},
            "CREATE CUSTOM INDEX i ON ks.t (entries(m)) USING 'sai'",
        ),
        (
            "CUSTOM",
            {"target": "v", "class_name": "sai", "b": "5", "a": "'"},
            "CREATE CUSTOM INDEX i ON ks.t (v) USING 'sai' WITH OPTIONS = {'a': '''', 'b': '5'}",
        ),
        # A local index of ScyllaDB.
        (
            "COMPOSITES",
            {"target": '{"pk": ["a", "B"], "ck": ["v"]}'},
            'CREATE INDEX i ON ks.t ((a, "B"), v)',
        ),
    ],
)
def test_indexes(kind: str, options: dict[str, str], text: str) -> None:
    found = IndexMetadata("ks", "t", "i", kind, options)
    assert found.as_cql_query() == text
    assert found.export_as_string() == text + ";"


def test_triggers() -> None:
    made = TriggerMetadata(TableMetadata("Ks", "t"), "trg three", {"class": "my.Trigger"})
    assert made.export_as_string() == ('CREATE TRIGGER "trg three" ON "Ks".t USING \'my.Trigger\';')


def test_views() -> None:
    contents = read(
        tables=[table("t")],
        columns=columns("t", key(), CLUSTERING)
        + columns(
            "mv",
            ("a", "int"),
            ("D", "int", "partition_key", 0),
            ("b", "int", "clustering", 0, "desc"),
            ("k", "int", "clustering", 1, "asc"),
        )
        + columns("all", key(), key("c", "int", 1)),
        views=[
            rows.view("mv", "t", include_all_columns=False, where_clause='"D" > 1'),
            rows.view("all", "t"),
        ],
    )
    options = DESCRIBED_5.replace("    AND default_time_to_live = 0\n", "")
    assert contents.views["mv"].export_as_string() == (
        "CREATE MATERIALIZED VIEW ks.mv AS\n"
        '    SELECT "D", b, k, a\n'
        "    FROM ks.t\n"
        '    WHERE "D" > 1\n'
        '    PRIMARY KEY ("D", b, k)\n'
        " WITH CLUSTERING ORDER BY (b DESC, k ASC)\n"
        f"    AND {options};"
    )
    text = contents.views["all"].as_cql_query()
    assert "ks.all AS SELECT * FROM ks.t WHERE k IS NOT NULL PRIMARY KEY ((k, c)) WITH addi" in text


def heads(text: str) -> list[str]:
    """Return the first three words of each statement, the last of them without its keyspace."""
    found = [line.split()[:4] for line in text.splitlines() if line.startswith("CREATE ")]
    return [
        " ".join(words[1 : 4 if words[1] in ("MATERIALIZED", "CUSTOM") else 3]) for words in found
    ]


def test_a_table_is_exported_with_what_belongs_to_it() -> None:
    contents = read(
        tables=[table("t")],
        columns=columns("t", key(), ("v", "int")) + columns("mv", key("v"), CLUSTERING),
        indexes=[rows.index("t", "b", target="v"), rows.index("t", "A", target="v")],
        triggers=[{"table_name": "t", "trigger_name": "trg", "options": {"class": "a.B"}}],
        views=[rows.view("mv", "t"), rows.view("b_index", "t")],
    )
    assert heads(contents.tables["t"].export_as_string()) == [
        "TABLE ks.t",
        'INDEX "A"',
        "INDEX b",
        "TRIGGER trg",
        "MATERIALIZED VIEW ks.b_index",
        "MATERIALIZED VIEW ks.mv",
    ]


def test_the_views_that_indexes_of_scylladb_consist_of_are_left_out() -> None:
    contents = read(
        tables=[table("t", SCYLLA)],
        columns=columns("t", key(), ("v", "int")),
        indexes=[rows.index("t", "b", target="v")],
        views=[rows.view("b_index", "t", SCYLLA), rows.view("c_index", "t", SCYLLA)],
    )
    text = contents.tables["t"].export_as_string()
    assert ("b_index" in text, "c_index" in text) == (False, True)


def test_extensions_may_have_statements_of_their_own() -> None:
    class Audit(RegisteredTableExtension):
        name = "audit_of_test"

        @classmethod
        def after_table_cql(cls, table_meta: Any, ext_key: str, ext_blob: bytes) -> str:
            return f"AUDIT {table_meta.name} {ext_key} {ext_blob.decode()};" if ext_blob else ""

    extensions = {"audit_of_test": b"all", "other": b""}
    contents = read(
        tables=[table("t", extensions=extensions), table("u", extensions={"audit_of_test": b""})],
        columns=columns("t", key()) + columns("u", key()) + columns("mv", key()),
        views=[rows.view("mv", "t", extensions=extensions)],
    )
    lines = contents.tables["t"].export_as_string().splitlines()
    assert "AUDIT t audit_of_test all;" in lines
    assert lines[-1] == "AUDIT mv audit_of_test all;"
    assert "AUDIT" not in contents.tables["u"].export_as_string()
    assert RegisteredTableExtension.after_table_cql(None, "any", b"1") == ""


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
