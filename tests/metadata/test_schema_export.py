from __future__ import annotations

from typing import Any

import pytest

from cql_driver.metadata import (
    ColumnMetadata,
    IndexMetadata,
    KeyspaceMetadata,
    RegisteredTableExtension,
    TableMetadata,
    TriggerMetadata,
)
from tests.metadata import schema_rows as rows
from tests.metadata.schema_rows import (
    CASSANDRA_3,
    DESCRIBED_5,
    SCYLLA,
    columns,
    heads,
    key,
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
