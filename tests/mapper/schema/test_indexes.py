"""Indexes of models, and what is different about those of a table."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from cql_driver.metadata.schema import IndexMetadata
from cqlengine import columns
from cqlengine.errors import ModelDefinitionException
from cqlengine.models import Model
from cqlengine.schema import Index, Kind, Safety, create_indexes
from tests.mapper.schema.support import differences, live_of, only


def made(**named: Any) -> Any:
    """A model called `Thing` with these columns, and whatever else is given."""
    body = {"id": columns.Integer(primary_key=True), "__keyspace__": "shop", **named}
    return type(Model)("Thing", (Model,), body)


def on(column: columns.Column[Any]) -> list[str]:
    """The indexes of a model with this column."""
    head = "INDEX IF NOT EXISTS ON shop.thing "
    return [text.replace(head, "INDEX ") for text in create_indexes(made(c=column))]


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (columns.Text(), []),
        (columns.Text(custom_index=True), []),
        (columns.Text(index=True), ["CREATE INDEX (c)"]),
        (columns.List(columns.Text, index=True), ["CREATE INDEX (values(c))"]),
        (columns.Set(columns.Text, index=True, frozen=True), ["CREATE INDEX (full(c))"]),
        (columns.Text(custom_index=Index()), ["CREATE CUSTOM INDEX (c) USING 'sai'"]),
        (
            columns.Text(custom_index=Index(using="sasi", options={"mode": "PREFIX"})),
            [
                (
                    "CREATE CUSTOM INDEX (c) USING 'org.apache.cassandra.index.sasi.SASIIndex' "
                    "WITH OPTIONS = {'mode': 'PREFIX'}"
                )
            ],
        ),
        (
            columns.Map(
                columns.Text, columns.Text, custom_index=[Index(keys=True), Index(values=True)]
            ),
            [
                "CREATE CUSTOM INDEX (keys(c)) USING 'sai'",
                "CREATE CUSTOM INDEX (values(c)) USING 'sai'",
            ],
        ),
        (
            columns.Text(custom_index=Index(options={"case_sensitive": False})),
            ["CREATE CUSTOM INDEX (c) USING 'sai' WITH OPTIONS = {'case_sensitive': 'false'}"],
        ),
        (columns.Text(db_field="Big", custom_index=Index(using=None)), ['CREATE INDEX ("Big")']),
    ],
)
def test_indexes_as_cql(column: columns.Column[Any], wanted: list[str]) -> None:
    assert on(column) == wanted


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (columns.Text(custom_index=Index(keys=True)), "keys of c, which is a text"),
        (columns.List(columns.Text, custom_index=Index(entries=True)), "entries of c"),
        (columns.List(columns.Text, custom_index=Index(full=True)), "full of c"),
        (
            columns.List(columns.Text, frozen=True, custom_index=Index(values=True)),
            "values of c, which is a frozen",
        ),
        (columns.Text(custom_index=Index(using=None, options={"a": 1})), "needs a class"),
    ],
)
def test_what_cannot_be_indexed_so(column: columns.Column[Any], message: str) -> None:
    with pytest.raises(ModelDefinitionException, match=message):
        on(column)


def test_two_parts_at_once_are_refused() -> None:
    with pytest.raises(ModelDefinitionException, match="keys or entries: make an Index of each"):
        Index("c", keys=True, entries=True)


def test_an_index_of_what_is_no_column_is_refused() -> None:
    model = made(__indexes__=[Index("nam")], name=columns.Text())
    with pytest.raises(ModelDefinitionException, match=r"index of nam.*it has name, id"):
        create_indexes(model)


@pytest.mark.parametrize("of", ["name", "Big"])
def test_an_index_finds_its_column(of: str) -> None:
    model = made(__indexes__=[Index(of)], name=columns.Text(db_field="Big"))
    assert create_indexes(model)[0].endswith("(\"Big\") USING 'sai'")


def served(target: str, kind: str = "COMPOSITES", **options: str) -> IndexMetadata:
    """An index as the server tells of it."""
    found = {"target": target, **options}
    return IndexMetadata("shop", "thing", "thing_idx", kind, found)


class Compared:
    """Models with one index, beside what servers tell of it."""

    sai: ClassVar[str] = "StorageAttachedIndex"
    long: ClassVar[str] = "org.apache.cassandra.index.sai.StorageAttachedIndex"


@pytest.mark.parametrize(
    ("index", "found"),
    [
        (Index(using=None), served("c")),
        (Index(using=None), served("c", "CUSTOM", class_name="sai")),
        (Index(), served("c", "CUSTOM", class_name="sai")),
        (Index(), served("c", "CUSTOM", class_name=Compared.sai)),
        (Index(), served("c", "CUSTOM", class_name=Compared.long)),
        (Index(name="other"), served("c", "CUSTOM", class_name="sai")),
        (
            Index(options={"case_sensitive": False}),
            served("c", "CUSTOM", class_name="sai", case_sensitive="false"),
        ),
    ],
)
def test_indexes_that_do_what_they_are_for(index: Index, found: IndexMetadata) -> None:
    model = made(c=columns.Text(custom_index=index))
    live = live_of(made(c=columns.Text()))
    live.tables["thing"].indexes["thing_idx"] = found
    assert differences(model, live) == []


def test_a_missing_index() -> None:
    live = live_of(made(c=columns.Text()))
    found = only(differences(made(c=columns.Text(custom_index=Index())), live))
    assert (found.kind, found.safety) == (Kind.INDEX_MISSING, Safety.COSTLY)
    assert found.what == "shop.thing has no sai index of c"
    assert found.statements == ("CREATE CUSTOM INDEX IF NOT EXISTS ON shop.thing (c) USING 'sai'",)
    new = differences(made(c=columns.Text(index=True)), live_of())
    assert [each.kind for each in new] == [Kind.TABLE_MISSING, Kind.INDEX_MISSING]
    assert new[1].safety is Safety.SAFE


def test_an_index_of_no_model_is_only_dropped_if_asked_for() -> None:
    live = live_of(made(c=columns.Text(index=True)))
    found = only(differences(made(c=columns.Text()), live))
    assert (found.kind, found.safety) == (Kind.INDEX_EXTRA, Safety.DESTRUCTIVE)
    assert found.statements == ("DROP INDEX IF EXISTS shop.thing_0_idx",)
    assert differences(made(c=columns.Text(custom_index=True)), live) == []


def test_an_index_of_another_class_or_with_other_options_is_made_anew() -> None:
    model = made(c=columns.Text(custom_index=Index(options={"normalize": True})))
    for before in (
        columns.Text(index=True),
        columns.Text(custom_index=Index()),
        columns.Text(custom_index=Index(options={"normalize": False})),
    ):
        found = only(differences(model, live_of(made(c=before))))
        assert (found.kind, found.safety) == (Kind.INDEX_CHANGED, Safety.DESTRUCTIVE)
        assert [text.split()[0] for text in found.statements] == ["DROP", "CREATE"]


def test_several_indexes_of_one_column_are_told_apart() -> None:
    def with_parts(*parts: str) -> Any:
        given = [Index(**{part: True}) for part in parts]
        return made(c=columns.Map(columns.Text, columns.Text, custom_index=given))

    live = live_of(with_parts("keys", "values"))
    assert differences(with_parts("values", "keys"), live) == []
    found = differences(with_parts("keys", "entries"), live)
    assert [(each.kind, each.target) for each in found] == [
        (Kind.INDEX_EXTRA, "shop.thing(values(c))"),
        (Kind.INDEX_MISSING, "shop.thing(entries(c))"),
    ]
