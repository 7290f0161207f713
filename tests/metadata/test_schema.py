from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import OperationTimedOut
from cql_driver.metadata import (
    ColumnMetadata,
    IndexMetadata,
    KeyspaceMetadata,
    MaterializedViewMetadata,
    TableMetadata,
    TriggerMetadata,
)
from cql_driver.metadata.schema import KeyspaceContents, same_schema
from tests.metadata import schema_rows as rows
from tests.metadata.schema_rows import aggregate, columns, function, key, keyspace, read, table

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("tables", "views", "user_types", "functions", "aggregates", "indexes")
PROBLEM = "Part of the schema is missing"


def names(found: Sequence[ColumnMetadata]) -> list[str]:
    return [column.name for column in found]


def simple_table(name: str = "t", **more: Any) -> TableMetadata:
    row = table(name, **more)
    return read(tables=[row], columns=columns(name, key(), ("v", "int"))).tables[name]


# --- tables --------------------------------------------------------------------------------------


def test_the_columns_of_a_table_are_in_the_order_of_select() -> None:
    found = read(
        tables=[table("t")],
        columns=columns(
            "t",
            ("a", "int"),
            ("b", "text", "clustering", 1, "asc"),
            ("c", "int", "partition_key", 1),
            ("d", "list<int>", "static"),
            ("e", "timestamp", "clustering", 0, "desc"),
            ("ü", "int"),
            ("z", "uuid", "partition_key", 0),
            ("Z", "int"),
        ),
    ).tables["t"]
    assert names(found.partition_key) == ["z", "c"]
    assert names(found.clustering_key) == ["e", "b"]
    assert names(found.primary_key) == ["z", "c", "e", "b"]
    assert list(found.columns) == ["z", "c", "e", "b", "Z", "a", "d", "ü"]
    assert names([c for c in found.columns.values() if c.is_static]) == ["d"]
    assert names([c for c in found.columns.values() if c.is_reversed]) == ["e"]
    assert found.columns["d"].cql_type == "list<int>"
    assert all(column.table is found for column in found.columns.values())
    assert (found.keyspace_name, found.name, found.virtual) == ("ks", "t", False)
    assert repr(found) == "<TableMetadata t>"


def test_all_that_is_no_name_is_an_option_also_what_nobody_has_heard_of() -> None:
    found = simple_table(extensions={"ext": b"\x01"}, yet_to_come={"a": "b"}, comment="it's")
    assert found.options["yet_to_come"] == {"a": "b"}
    assert found.options["comment"] == "it's"
    assert found.extensions == {"ext": b"\x01"}
    assert found.compaction_options["max_threshold"] == "32"
    assert found.options.keys() == {"yet_to_come", *rows.CASSANDRA_5} - {"extensions", "id"}


def test_tables_of_scylladb_have_options_in_another_table() -> None:
    contents = read(
        tables=[table("t", rows.SCYLLA), table("u", rows.SCYLLA)],
        columns=columns("t", key()) + columns("u", key()),
        scylla_tables=[
            {"table_name": "t", "cdc": {"enabled": "true"}, "partitioner": None, "version": None},
            {"table_name": "u", "cdc": None},
        ],
    )
    assert contents.tables["t"].options["cdc"] == {"enabled": "true"}
    assert "cdc" not in contents.tables["u"].options
    assert "partitioner" not in contents.tables["t"].options


def test_a_table_has_its_indexes_triggers_and_views() -> None:
    contents = read(
        tables=[table("t"), table("u")],
        columns=columns("t", key(), ("v", "int"))
        + columns("u", key())
        + columns("mv", ("v", "int", "partition_key", 0), ("k", "int", "clustering", 0, "asc")),
        indexes=[rows.index("t", "by_v", target="v"), rows.index("gone", "lost", target="v")],
        triggers=[{"table_name": "t", "trigger_name": "trg", "options": {"class": "a.B"}}],
        views=[rows.view("mv", "t", include_all_columns=False)],
    )
    found = contents.tables["t"]
    index, trigger, view = found.indexes["by_v"], found.triggers["trg"], found.views["mv"]
    assert (index.keyspace_name, index.table_name, index.kind) == ("ks", "t", "COMPOSITES")
    assert index.index_options == {"target": "v"}
    assert contents.indexes == {"by_v": index}
    assert (trigger.table, trigger.options) == (found, {"class": "a.B"})
    assert view is contents.views["mv"]
    assert (view.base_table_name, view.include_all_columns) == ("t", False)
    assert view.where_clause == "k IS NOT NULL"
    assert (names(view.partition_key), names(view.clustering_key)) == (["v"], ["k"])
    assert "where_clause" not in view.options
    other = contents.tables["u"]
    assert (other.indexes, other.triggers, other.views) == ({}, {}, {})


def test_nothing_is_read_from_nothing() -> None:
    contents = read()
    assert [len(getattr(contents, kind)) for kind in KINDS] == [0] * len(KINDS)
    assert contents.problems == ()


def test_old_servers_lack_columns() -> None:
    row = {"keyspace_name": "ks", "table_name": "t", "comment": "bare"}
    bare = [
        {"table_name": "t", "column_name": "k", "kind": "partition_key", "position": 0}
        | {"type": "int"}
    ]
    found = read(tables=[row], columns=bare).tables["t"]
    assert found.options == {"comment": "bare"}
    assert found.extensions == {}
    assert not found.is_compact_storage


@pytest.mark.parametrize(
    ("flags", "compact", "compatible"),
    [
        ({"compound"}, False, True),
        ({"compound", "counter"}, False, True),
        ({"compound", "dense"}, True, True),
        ({"dense"}, True, True),
        (set(), True, True),
        ({"super", "dense"}, True, False),
        (None, False, True),
    ],
)
def test_flags_tell_compact_storage(
    flags: set[str] | None, compact: bool, compatible: bool
) -> None:
    found = simple_table(flags=flags)
    assert (found.is_compact_storage, found.is_cql_compatible) == (compact, compatible)


def test_what_only_thrift_saw_of_a_compact_table_is_hidden() -> None:
    thrift = [("column1", "text", "clustering", 0, "asc"), ("value", "blob")]
    static = read(
        tables=[table("t", flags=set())],
        columns=columns("t", key(), ("v", "int", "static"), *thrift),
    ).tables["t"]
    assert list(static.columns) == ["k", "v"]
    assert not static.columns["v"].is_static
    assert static.clustering_key == []
    dense = read(
        tables=[table("t", flags={"dense"})],
        columns=columns("t", key(), ("c", "int", "clustering", 0, "asc"), ("value", "empty")),
    ).tables["t"]
    assert list(dense.columns) == ["k", "c"]


def test_virtual_tables_have_little() -> None:
    contents = read(
        virtual=True,
        tables=[{"keyspace_name": "ks", "table_name": "t", "comment": "what it shows"}],
        columns=columns("t", key("name", "text"), ("value", "text")),
    )
    found = contents.tables["t"]
    assert found.virtual
    assert found.options == {"comment": "what it shows"}
    assert not found.is_compact_storage


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ([], "()"),
        ([("int", "1"), ("int", None)], "(1, null)"),
        ([("text", "it's")], "('it''s')"),
        ([("blob", "cafe")], "(0xcafe)"),
        ([("timestamp", "2020-01-01T00:00:00.000Z")], "('2020-01-01T00:00:00.000Z')"),
        ([("inet", "127.0.0.1"), ("boolean", "true")], "('127.0.0.1', true)"),
        ([("list<int>", "0000000200000004000000010000000400000002")], "([1, 2])"),
        ([("frozen<map<text, int>>", "0000000100000001610000000400000001")], "({'a': 1})"),
        ([("frozen<tuple<int, text>>", "1:x")], "((1, 'x'))"),
        ([("frozen<tuple<text, text, int>>", r"a\:b\@:@")], "(('a:b@', null))"),
        ([("vector<float, 2>", "3fc0000040000000")], "([1.5, 2])"),
    ],
)
def test_masks_are_written_as_calls(arguments: list[tuple[str, str | None]], call: str) -> None:
    contents = read(
        tables=[table("t")],
        columns=columns("t", key(), ("v", "int")),
        column_masks=[rows.mask("t", "v", "mask_Replace", *arguments)],
    )
    assert contents.tables["t"].columns["v"].mask == f'system."mask_Replace"{call}'
    assert contents.tables["t"].columns["k"].mask is None


# --- functions, aggregates, types ----------------------------------------------------------------


def test_functions_are_known_by_their_signature() -> None:
    contents = read(
        functions=[
            function("f", ("a", "int"), ("b", "frozen<list<text>>")),
            function("f", return_type="text", called_on_null_input=False),
            function("g", deterministic=True, monotonic=False, monotonic_on=["a"]),
        ],
        aggregates=[
            aggregate("f", "int", initcond="0", final_func="fin"),
            aggregate("f", deterministic=True),
        ],
    )
    assert list(contents.functions) == ["f(int,frozen<list<text>>)", "f()", "g()"]
    first, second, third = contents.functions.values()
    assert (first.name, first.argument_names) == ("f", ["a", "b"])
    assert (first.language, first.body, first.keyspace) == ("java", "return a;", "ks")
    assert (second.return_type, second.called_on_null_input) == ("text", False)
    assert (second.deterministic, second.monotonic, second.monotonic_on) == (False, False, [])
    assert (third.deterministic, third.monotonic_on) == (True, ["a"])
    assert list(contents.aggregates) == ["f(int)", "f()"]
    last = contents.aggregates["f(int)"]
    assert (last.state_func, last.state_type, last.final_func) == ("plus", "int", "fin")
    assert (last.initial_condition, last.return_type, last.deterministic) == ("0", "int", False)
    assert contents.aggregates["f()"].deterministic


def test_user_types_have_fields_in_order() -> None:
    found = read(types=[rows.user_type("u", z="int", a="frozen<other>")]).user_types["u"]
    assert (found.keyspace, found.name) == ("ks", "u")
    assert (found.field_names, found.field_types) == (["z", "a"], ["int", "frozen<other>"])


# --- what cannot be read -------------------------------------------------------------------------


def test_what_cannot_be_read_takes_nothing_with_it(caplog: pytest.LogCaptureFixture) -> None:
    contents = read(
        tables=[table("t"), table("empty"), table("odd")],
        columns=columns("t", key()) + columns("odd", ("k", "int", "partition_key", None), key("l")),
        functions=[{"function_name": "broken"}, function("f")],
        indexes=[{"table_name": "t", "index_name": "i"}],
    )
    assert list(contents.tables) == ["t", "empty", "odd"]
    assert contents.tables["t"].problem is None
    assert "columns of empty of keyspace ks" in str(contents.tables["empty"].problem)
    assert "columns of odd" in str(contents.tables["odd"].problem)
    assert list(contents.functions) == ["f()"]
    assert contents.tables["t"].indexes == {}
    assert [text.partition(" could")[0] for text in contents.problems] == [
        "indexes {'table_name': 't', 'index_name': 'i'} of keyspace ks",
        "functions {'function_name': 'broken'} of keyspace ks",
    ]
    logged = [record.getMessage() for record in caplog.records if PROBLEM in record.getMessage()]
    assert len(logged) == 4
    assert any("KeyError('argument_types')" in text for text in logged)


def test_a_mask_that_cannot_be_read_leaves_the_columns(caplog: pytest.LogCaptureFixture) -> None:
    contents = read(
        tables=[table("t")],
        columns=columns("t", key(), ("v", "frozen<udt>")),
        column_masks=[rows.mask("t", "v", "mask_replace", ("frozen<udt>", "1:x"))],
    )
    found = contents.tables["t"]
    assert list(found.columns) == ["k", "v"]
    assert found.columns["v"].mask is None
    assert "the mask of t.v" in str(found.problem)
    assert PROBLEM in caplog.text


# --- keyspaces -----------------------------------------------------------------------------------


def test_contents_are_loaded_once_when_they_are_looked_at() -> None:
    loaded = []

    def load() -> KeyspaceContents:
        loaded.append(1)
        return KeyspaceContents({"t": simple_table()})

    found = keyspace()
    found._load = load
    assert (found.name, found.durable_writes, found.virtual) == ("ks", True, False)
    assert found.replication_strategy is not None
    assert loaded == []
    first = found.tables["t"]
    assert found.tables["t"] is first
    others = (found.views, found.indexes, found.user_types, found.functions, found.aggregates)
    assert [len(mapping) for mapping in others] == [0] * 5
    assert loaded == [1]


def test_a_load_that_failed_is_tried_again() -> None:
    answers: list[Any] = [OperationTimedOut("late"), KeyspaceContents({"t": simple_table()})]

    def load() -> KeyspaceContents:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    found = keyspace()
    found._load = load
    with pytest.raises(OperationTimedOut):
        _ = found.tables
    assert list(found.tables) == ["t"]


def test_without_a_loader_there_is_nothing() -> None:
    assert KeyspaceMetadata("ks", True, None, None).tables == {}


def test_mappings_are_read_only() -> None:
    found = keyspace(KeyspaceContents({"t": simple_table()}))
    for mapping in (found.tables, found.views, found.user_types, found.functions):
        with pytest.raises(TypeError):
            mapping["t"] = None  # type: ignore[index]


def test_a_keyspace_is_copied_with_other_contents() -> None:
    old = keyspace(KeyspaceContents({"t": simple_table()}), graph_engine="Core", virtual=True)
    new = old.with_contents(KeyspaceContents())
    assert list(old.tables) == ["t"]
    assert list(new.tables) == []
    assert new.replication_strategy is old.replication_strategy
    assert (new.graph_engine, new.is_graph_enabled, new.virtual) == ("Core", True, True)
    assert old.with_contents(None)._contents is None
    assert not keyspace().is_graph_enabled


def test_a_table_is_copied_only_when_its_views_change() -> None:
    row, others = table("t"), columns("t", key(), ("c", "int", "clustering", 0, "asc"))
    triggers = [{"table_name": "t", "trigger_name": "trg", "options": {"class": "a.B"}}]
    plain = read(tables=[row], columns=others, triggers=triggers).tables["t"]
    view = read(views=[rows.view("mv", "t")], columns=columns("mv", key())).views["mv"]

    first = KeyspaceContents({"t": plain}, {"mv": view})
    found = first.tables["t"]
    assert found is not plain
    assert (plain.views, found.views) == ({}, {"mv": view})
    assert all(column.table is found for column in found.columns.values())
    assert [*found.primary_key] == [*found.columns.values()]
    assert found.triggers["trg"].table is found
    assert plain.columns["k"].table is plain

    again = KeyspaceContents(first.tables, first.views)
    assert again.tables["t"] is found
    assert KeyspaceContents(first.tables).tables["t"].views == {}


# --- comparing -----------------------------------------------------------------------------------


def whole(**more: Any) -> dict[str, Any]:
    """Return rows of one keyspace with everything, changed by `more`."""
    return {
        "tables": [table("t")],
        "columns": columns("t", key(), ("v", "int"), ("w", "text"))
        + columns("mv", key("v"), ("k", "int", "clustering", 0, "asc")),
        "indexes": [rows.index("t", "by_v", target="v")],
        "triggers": [{"table_name": "t", "trigger_name": "trg", "options": {"class": "a.B"}}],
        "views": [rows.view("mv", "t")],
        "types": [rows.user_type("u", a="int")],
        "functions": [function("f", ("a", "int"))],
        "aggregates": [aggregate("a", "int")],
    } | more


def changed(rows_after: dict[str, Any]) -> set[str]:
    """Return the kinds of entities that differ from those of `whole`."""
    before, after = read(**whole()), read(**rows_after)
    return {
        kind
        for kind in KINDS
        for name, entity in getattr(before, kind).items()
        if not same_schema(entity, getattr(after, kind)[name])
    }


def test_what_is_read_twice_is_the_same() -> None:
    assert changed(whole()) == set()


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"tables": [table("t", comment="new")]}, {"tables"}),
        ({"tables": [table("t", extensions={"a": b"1"})]}, {"tables"}),
        ({"tables": [table("t", id=5)]}, set()),
        ({"indexes": [rows.index("t", "by_v", target="w")]}, {"tables", "indexes"}),
        (
            {"triggers": [{"table_name": "t", "trigger_name": "trg", "options": {"class": "C"}}]},
            {"tables"},
        ),
        ({"column_masks": [rows.mask("t", "v", "mask_null")]}, {"tables"}),
        ({"views": [rows.view("mv", "t", where_clause="v > 1 AND k IS NOT NULL")]}, {"views"}),
        ({"views": [rows.view("mv", "t", comment="new")]}, {"views"}),
        ({"types": [rows.user_type("u", a="text")]}, {"user_types"}),
        ({"types": [rows.user_type("u", a="int", b="int")]}, {"user_types"}),
        ({"functions": [function("f", ("b", "int"))]}, {"functions"}),
        ({"functions": [function("f", ("a", "int"), body="return 1;")]}, {"functions"}),
        ({"aggregates": [aggregate("a", "int", initcond="1")]}, {"aggregates"}),
    ],
)
def test_what_changed_is_seen(change: dict[str, Any], kinds: set[str]) -> None:
    assert changed(whole(**change)) == kinds


def test_a_change_of_a_column_changes_its_table() -> None:
    before = simple_table()
    for other in (
        [key(), ("v", "text")],
        [key(), ("v", "int", "static")],
        [key(), ("v", "int"), ("w", "int")],
        [key(), ("v", "int", "clustering", 0, "asc")],
        [key()],
        [key(cql_type="text"), ("v", "int")],
    ):
        after = read(tables=[table("t")], columns=columns("t", *other)).tables["t"]
        assert not same_schema(before, after), other


def test_views_of_a_table_are_compared_by_themselves() -> None:
    with_view = read(**whole()).tables["t"]
    without = read(**whole(views=[])).tables["t"]
    assert with_view.views != without.views
    assert same_schema(with_view, without)


def test_keyspaces_are_compared_without_what_is_in_them() -> None:
    def made(**more: Any) -> KeyspaceMetadata:
        given = {"strategy_class": "SimpleStrategy", "strategy_options": {"replication_factor": 1}}
        arguments: dict[str, Any] = {"name": "ks", "durable_writes": True} | given | more
        return KeyspaceMetadata(**arguments)

    assert same_schema(made(), made())
    assert same_schema(made(), made().with_contents(read(**whole())))
    assert same_schema(made(strategy_class=None), made(strategy_class=None))
    for change in (
        {"durable_writes": False},
        {"strategy_options": {"replication_factor": 2}},
        {"strategy_class": "NetworkTopologyStrategy", "strategy_options": {"dc1": 1}},
        {"strategy_class": "my.Strategy"},
        {"strategy_class": None},
        {"graph_engine": "Core"},
        {"virtual": True},
    ):
        assert not same_schema(made(), made(**change)), change
    mine = made(strategy_class="my.Strategy", strategy_options={"a": "1"})
    assert not same_schema(mine, made(strategy_class="my.Strategy", strategy_options={"a": "2"}))


def test_things_of_different_classes_are_different() -> None:
    assert not same_schema(IndexMetadata("ks", "t", "i", "KEYS", {}), TableMetadata("ks", "t"))


def test_entities_can_be_made_by_hand_and_are_hashed_by_identity() -> None:
    made = TableMetadata("ks", "t")
    column = ColumnMetadata(made, "k", "int")
    full = TableMetadata("ks", "t", [column], [], {"k": column}, options={"comment": ""})
    trigger = TriggerMetadata(full, "trg")
    view = MaterializedViewMetadata("ks", "mv", "t", True, "k IS NOT NULL", {})
    assert (made.primary_key, names(full.primary_key)) == ([], ["k"])
    assert (trigger.options, view.columns) == ({}, {})
    assert (column.is_static, column.is_reversed) == (False, False)
    assert len({made, TableMetadata("ks", "t")}) == 2
    assert repr(column) == "<ColumnMetadata k>"
