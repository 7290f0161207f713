"""A schema survives its export: `export_as_string` applied to an empty node gives the same again.

What the export says is held against the server's own DESCRIBE, entity by entity, on both nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.metadata.schema import same_schema
from tests.integration.driver.support import connected, until
from tests.integration.schema.conftest import SCRIPT, profile
from tests.integration.schema.cql import normal, statements, uncommented
from tests.integration.schema.support import (
    KEYSPACES,
    MAPPINGS,
    SYSTEM,
    VIRTUAL,
    Described,
    described,
    entity,
    keyspace_of,
)

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import ClusterOptions, ClusterPool

# Metadata and what is exported of it are made in Python alone.
pytestmark = pytest.mark.once

# Where the text of Cassandra 5.0.8 is wrong or of no use to other releases, ours differs.
CORRECTIONS = [
    # Not a clustering column: the statement is refused (and in a comment, to be sure).
    ("compact", "counters", " CLUSTERING ORDER BY (column1 ASC)\n    AND", ""),
    ("compact", "indexed", " CLUSTERING ORDER BY (column1 ASC)\n    AND", ""),
    ("compact", "static_compact", " CLUSTERING ORDER BY (column1 ASC)\n    AND", ""),
    # The name of the type in the server's tables is none that it reads.
    ("compact", "dropped_no_value", " empty,", " 'org.apache.cassandra.db.marshal.EmptyType',"),
    # The body ends at the first $$ within it.
    (
        "functions",
        "dollars_inside(text)",
        "$$/* it's $$ here */ return s;$$",
        "'/* it''s $$ here */ return s;'",
    ),
    (
        "functions",
        "dollar_at_end(text)",
        "$$return s; // $$$",
        "'return s; // $'",
    ),
    # A function of lower case is looked for.
    ("masks", "own_function", "masks.Third()", 'masks."Third"()'),
    # Words that other releases reserve.
    *(
        ("columns", "unreserved", f"\n    {word} int,", f'\n    "{word}" int,')
        for word in ("cast", "default", "mbean", "mbeans", "replace", "unset")
    ),
]


def corrected(keyspace: str, row: Described) -> str:
    """The server's statement with its mistakes mended."""
    text = uncommented(row.statement)
    for where, name, wrong, right in CORRECTIONS:
        if (where, name) == (keyspace, row.name):
            assert wrong in text, "the server has mended this: take the correction away"
            text = text.replace(wrong, right)
    return text


@pytest.fixture(scope="module")
def exports(original: Session) -> dict[str, str]:
    """What the driver exports of each keyspace of the script."""
    return {name: keyspace_of(original, name).export_as_string() for name in KEYSPACES}


@pytest.fixture(scope="module")
def copy(
    clusters: ClusterPool, shape: ClusterOptions, exports: dict[str, str]
) -> Iterator[Session]:
    """A session with a second node, to which the exports were applied."""
    with clusters.private(shape) as node, connected(node, profile=profile()) as session:
        for text in exports.values():
            for statement in statements(text):
                session.execute(statement)
        yield session


def test_the_script_makes_every_kind_of_entity(original: Session) -> None:
    assert len(SCRIPT) >= 150
    rows = original.execute("SELECT keyspace_name FROM system_schema.keyspaces")
    assert {row["keyspace_name"] for row in rows} == {*KEYSPACES, *SYSTEM}
    kinds = Counter(row.kind for name in KEYSPACES for row in described(original, name))
    kinds["trigger"] = sum(len(triggers_of(original, name)) for name in KEYSPACES)
    assert kinds.keys() == {"keyspace", "trigger", *MAPPINGS}
    assert min(kinds.values()) >= 4, kinds


@pytest.mark.parametrize("name", [*KEYSPACES, *SYSTEM, *VIRTUAL])
def test_each_entity_is_written_as_the_server_describes_it(original: Session, name: str) -> None:
    keyspace = keyspace_of(original, name)
    rows = described(original, name)
    assert rows
    for row in rows:
        ours = entity(keyspace, row).as_cql_query(formatted=True)
        assert normal(ours) == normal(corrected(name, row)), f"{row.kind} {row.name}"


@pytest.mark.parametrize("name", KEYSPACES)
def test_an_export_has_what_the_server_describes_and_no_more(original: Session, name: str) -> None:
    export = statements(keyspace_of(original, name).export_as_string())
    theirs = [corrected(name, row) for row in described(original, name)]
    # Triggers are not described.
    ours = [text for text in export if not text.startswith("CREATE TRIGGER")]
    assert sorted(map(normal, ours)) == sorted(map(normal, theirs))
    assert len(export) - len(ours) == len(triggers_of(original, name))


@pytest.mark.parametrize("name", KEYSPACES)
def test_tables_are_exported_with_what_belongs_to_them(original: Session, name: str) -> None:
    for table in keyspace_of(original, name).tables.values():
        rows = original.execute(f'DESCRIBE TABLE "{name}"."{table.name}"')
        theirs = [
            corrected(name, Described(row["type"], row["name"], row["create_statement"]))
            for row in rows
        ]
        export = statements(table.export_as_string())
        ours = [text for text in export if not text.startswith("CREATE TRIGGER")]
        assert sorted(map(normal, ours)) == sorted(map(normal, theirs))
        assert len(export) - len(ours) == len(table.triggers)


def test_the_export_of_all_is_that_of_each_keyspace(original: Session) -> None:
    metadata = original.cluster.metadata
    parts = [keyspace_of(original, name).export_as_string() for name in metadata.keyspaces]
    assert sorted(statements(metadata.export_schema_as_string())) == sorted(
        statement for part in parts for statement in statements(part)
    )
    assert {*KEYSPACES, *SYSTEM, *VIRTUAL} == metadata.keyspaces.keys()


@pytest.mark.parametrize("name", KEYSPACES)
def test_who_watched_the_changes_knows_the_same(
    watcher: Session, exports: dict[str, str], name: str
) -> None:
    def known() -> str:
        found = watcher.cluster.metadata.keyspaces.get(name)
        return "" if found is None else found.export_as_string()

    until(lambda: known() == exports[name], f"the schema of {name}", timeout=30.0)


@pytest.mark.parametrize("name", KEYSPACES)
def test_statements_of_one_line_say_the_same(original: Session, name: str) -> None:
    keyspace = keyspace_of(original, name)
    for found in [entity(keyspace, row) for row in described(original, name)]:
        assert normal(found.as_cql_query()) == normal(found.as_cql_query(formatted=True))


@pytest.mark.parametrize("name", KEYSPACES)
def test_an_export_makes_the_same_schema_on_an_empty_node(
    copy: Session, exports: dict[str, str], name: str
) -> None:
    assert keyspace_of(copy, name).export_as_string() == exports[name]


@pytest.mark.parametrize("name", KEYSPACES)
def test_the_copies_of_all_entities_are_the_same_schema(
    original: Session, copy: Session, name: str
) -> None:
    one, other = keyspace_of(original, name), keyspace_of(copy, name)
    for row in described(original, name):
        assert same_schema(entity(one, row), entity(other, row)), f"{row.kind} {row.name}"


@pytest.mark.parametrize("name", KEYSPACES)
def test_the_server_describes_the_copy_as_the_original(
    original: Session, copy: Session, name: str
) -> None:
    # Names that differ in case alone stand in any order.
    assert sorted(described(copy, name)) == sorted(described(original, name))
    assert triggers_of(copy, name) == triggers_of(original, name)


def triggers_of(session: Session, keyspace: str) -> list[Any]:
    """The rows of a keyspace's triggers."""
    query = f"SELECT * FROM system_schema.triggers WHERE keyspace_name = '{keyspace}'"
    return session.execute(query).all()
