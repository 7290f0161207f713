"""Models as they were and as they are now, and what the way from one to the other must be.

Each evolution has names of its own, so that all can be in one keyspace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cqlengine import columns
from cqlengine.models import Model
from cqlengine.schema import Index, MaterializedView
from cqlengine.usertype import UserType

__all__ = ["EVOLUTIONS", "REFUSALS", "Evolution", "Refusal", "model", "user_type", "view"]

Models = Sequence[Any]


def model(table: str, options: Mapping[str, Any] | None = None, /, **attributes: Any) -> Any:
    """A model of a table with an `id`, and these columns."""
    body = {"__table_name__": table, "__module__": __name__, **attributes}
    if options:
        body["__options__"] = dict(options)
    if not any(getattr(value, "partition_key", False) for value in attributes.values()):
        body = {"id": columns.Integer(partition_key=True), **body}
    return type(Model)("M", (Model,), body)


def view(base: Any, table: str, options: Mapping[str, Any] | None = None, /, **parts: Any) -> Any:
    """A model of a view."""
    body = {"__table_name__": table, "__module__": __name__, "__base_model__": base, **parts}
    if options:
        body["__options__"] = dict(options)
    return type(MaterializedView)("V", (MaterializedView,), body)


def user_type(name: str, /, **fields: Any) -> Any:
    """A user type."""
    body = {"__type_name__": name, "__module__": __name__, **fields}
    return type(UserType)("T", (UserType,), body)


@dataclass(frozen=True)
class Evolution:
    """One change of models.

    - `before`, `after`: functions that make the models
    - `steps`: the kinds of steps that are planned
    - `safe`: those of them that are run without `allow_destructive`
    - `has`, `lacks`: what the keyspace's description has afterwards, and has not
    - `choices`: what the plan is told besides
    """

    name: str
    before: Callable[[], Models]
    after: Callable[[], Models]
    steps: Sequence[str]
    safe: Sequence[str]
    has: Sequence[str] = ()
    lacks: Sequence[str] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def _nothing() -> Models:
    return []


# --- types -------------------------------------------------------------------------------------


def _country() -> Any:
    return user_type("country", code=columns.Ascii(), name=columns.Text())


def _address(**more: Any) -> Any:
    return user_type("address", street=columns.Text(), **more)


def _with_types() -> Models:
    place = columns.UserDefinedType(
        _address_in(columns.UserDefinedType(_country()), postcode=columns.Text())
    )
    return [model("lives", place=place)]


def _address_in(country: Any, **more: Any) -> Any:
    return user_type("home", street=columns.Text(), country=country, **more)


def _without_a_type() -> Models:
    return [model("lives")]


# --- views -------------------------------------------------------------------------------------


def _seen(table: str) -> Any:
    return model(table, film=columns.Integer(), stars=columns.Integer(), note=columns.Text())


def _with_a_view(
    table: str, options: Mapping[str, Any] | None = None, shown: str = "stars"
) -> Models:
    """A table, and a view of it by another key that shows one more column."""
    base = _seen(table)
    kind = columns.Integer() if shown == "stars" else columns.Text()
    parts = {
        "film": columns.Integer(partition_key=True),
        "id": columns.Integer(primary_key=True),
        shown: kind,
    }
    return [base, view(base, f"{table}_by_film", options, **parts)]


def _sai(**options: Any) -> Index:
    return Index(options=options)


_TWCS = {"class": "TimeWindowCompactionStrategy", "compaction_window_size": "2"}
_STCS = {"class": "SizeTieredCompactionStrategy"}


def _readings(table: str, **options: Any) -> Models:
    return [
        model(
            table,
            options,
            sensor=columns.Integer(partition_key=True),
            at=columns.DateTime(primary_key=True, clustering_order="DESC"),
            value=columns.Double(),
        )
    ]


EVOLUTIONS = (
    Evolution(
        "new table",
        _nothing,
        lambda: [model("e1", name=columns.Text(), tags=columns.Set(columns.Text))],
        ["create table"],
        ["create table"],
        has=[".e1 (", "tags set<text>"],
    ),
    Evolution(
        "new clustering table with options",
        _nothing,
        lambda: _readings("e2", compaction=_TWCS, default_time_to_live=3600),
        ["create table"],
        ["create table"],
        has=["CLUSTERING ORDER BY (at DESC)", "default_time_to_live = 3600"],
    ),
    Evolution(
        "change of options of a clustering table",
        lambda: _readings("e2_old", compaction=_TWCS, default_time_to_live=3600),
        lambda: _readings("e2_old", compaction=_STCS, default_time_to_live=60, comment="warm"),
        ["change options"],
        ["change options"],
        has=["default_time_to_live = 60", "comment = 'warm'", "SizeTieredCompactionStrategy"],
        lacks=["TimeWindowCompactionStrategy"],
    ),
    Evolution(
        "change of options",
        lambda: [model("e3", {"gc_grace_seconds": 100})],
        lambda: [model("e3", {"gc_grace_seconds": 200, "caching": {"keys": "NONE"}})],
        ["change options"],
        ["change options"],
        has=["gc_grace_seconds = 200", "'keys': 'NONE'"],
    ),
    Evolution(
        "column added",
        lambda: [model("e4")],
        lambda: [model("e4", Note=columns.Text())],
        ["add column"],
        ["add column"],
        has=['"Note" text'],
    ),
    Evolution(
        "column dropped",
        lambda: [model("e5", kept=columns.Text(), gone=columns.Integer())],
        lambda: [model("e5", kept=columns.Text())],
        ["drop column"],
        [],
        has=["kept text"],
        lacks=["gone int"],
    ),
    Evolution(
        "static column added",
        lambda: [model("e6", at=columns.Integer(primary_key=True))],
        lambda: [
            model("e6", at=columns.Integer(primary_key=True), total=columns.BigInt(static=True))
        ],
        ["add column"],
        ["add column"],
        has=["total bigint static"],
    ),
    Evolution(
        "collections added",
        lambda: [model("e7")],
        lambda: [
            model(
                "e7",
                names=columns.List(columns.Text),
                marks=columns.Map(columns.Text, columns.Integer),
                pairs=columns.Set(columns.Tuple(columns.Integer, columns.Text)),
            )
        ],
        ["add column"] * 3,
        ["add column"] * 3,
        has=["names list<text>", "marks map<text, int>", "pairs set<frozen<tuple<int, text>>>"],
    ),
    Evolution(
        "secondary index added",
        lambda: [model("e8", name=columns.Text())],
        lambda: [model("e8", name=columns.Text(index=True))],
        ["create index"],
        ["create index"],
        has=[".e8 (name)"],
    ),
    Evolution(
        "secondary index dropped",
        lambda: [model("e9", name=columns.Text(index=True))],
        lambda: [model("e9", name=columns.Text())],
        ["drop index"],
        [],
        has=[".e9 ("],
        lacks=[".e9 (name)"],
    ),
    Evolution(
        "SAI index added",
        lambda: [model("e10", name=columns.Text())],
        lambda: [model("e10", name=columns.Text(custom_index=_sai(case_sensitive=False)))],
        ["create index"],
        ["create index"],
        has=[".e10 (name) USING 'sai'", "'case_sensitive': 'false'"],
    ),
    Evolution(
        "SAI index with other options",
        lambda: [model("e11", name=columns.Text(custom_index=_sai(case_sensitive=False)))],
        lambda: [model("e11", name=columns.Text(custom_index=_sai(normalize=True)))],
        ["drop index", "create index"],
        [],
        has=["'normalize': 'true'"],
    ),
    Evolution(
        "secondary index becomes SAI",
        lambda: [model("e12", name=columns.Text(index=True))],
        lambda: [model("e12", name=columns.Text(custom_index=_sai()))],
        ["drop index", "create index"],
        [],
        has=[".e12 (name) USING 'sai'"],
    ),
    Evolution(
        "indexes of collections added",
        lambda: [model("e13", marks=columns.Map(columns.Text, columns.Integer))],
        lambda: [
            model(
                "e13",
                marks=columns.Map(columns.Text, columns.Integer),
                __indexes__=[Index("marks", keys=True), Index("marks", entries=True)],
            )
        ],
        ["create index", "create index"],
        ["create index", "create index"],
        has=[".e13 (keys(marks))", ".e13 (entries(marks))"],
    ),
    Evolution(
        "vector column with an index added",
        lambda: [model("e14")],
        lambda: [
            model(
                "e14",
                place=columns.Vector(
                    columns.Float, 3, custom_index=_sai(similarity_function="dot_product")
                ),
            )
        ],
        ["add column", "create index"],
        ["add column", "create index"],
        has=["place vector<float, 3>", "'similarity_function': 'dot_product'"],
    ),
    Evolution(
        "types added, one within the other",
        _without_a_type,
        _with_types,
        ["create type", "create type", "add column"],
        ["create type", "create type", "add column"],
        has=[".country (", ".home (", "country frozen<country>", "place frozen<home>"],
    ),
    Evolution(
        "field added to a type",
        lambda: [model("e16", at=columns.UserDefinedType(_address()))],
        lambda: [model("e16", at=columns.UserDefinedType(_address(town=columns.Text())))],
        ["add field"],
        ["add field"],
        has=["town text"],
    ),
    Evolution(
        "view added",
        lambda: [_seen("e17")],
        lambda: _with_a_view("e17"),
        ["create view"],
        ["create view"],
        has=["MATERIALIZED VIEW .e17_by_film AS"],
    ),
    Evolution(
        "view with other columns",
        lambda: _with_a_view("e18"),
        lambda: _with_a_view("e18", shown="note"),
        ["drop view", "create view"],
        [],
        has=["SELECT film, id, note"],
        lacks=["SELECT film, id, stars"],
    ),
    Evolution(
        "options of a view",
        lambda: _with_a_view("e19"),
        lambda: _with_a_view("e19", {"gc_grace_seconds": 77}),
        ["change options"],
        ["change options"],
        has=["gc_grace_seconds = 77"],
    ),
    Evolution(
        "much at once",
        lambda: [
            model("e20", {"comment": "old"}, a=columns.Text(index=True), b=columns.Integer()),
        ],
        lambda: [
            model("e20", {"comment": "new"}, a=columns.Text(), c=columns.Text(index=True)),
            model("e20_more", where=columns.UserDefinedType(user_type("spot", x=columns.Float()))),
        ],
        [
            "drop index",
            "create type",
            "create table",
            "add column",
            "drop column",
            "change options",
            "create index",
        ],
        ["create type", "create table", "add column", "change options", "create index"],
        has=["comment = 'new'", ".e20 (c)", '"where" frozen<spot>', ".spot ("],
        lacks=[".e20 (a)", "b int"],
    ),
    Evolution(
        "column of the key renamed as asked",
        lambda: [model("e21", day=columns.Date(primary_key=True), note=columns.Text())],
        lambda: [model("e21", date=columns.Date(primary_key=True), note=columns.Text())],
        ["rename column"],
        ["rename column"],
        has=["PRIMARY KEY (id, date)"],
        choices={"renames": {"e21.day": "date"}},
    ),
    Evolution(
        "no rename, as was said",
        lambda: [model("e22", nick=columns.Text())],
        lambda: [model("e22", motto=columns.Text())],
        ["add column", "drop column"],
        ["add column"],
        has=["motto text"],
        lacks=["nick text"],
        choices={"not_renamed": ["e22.nick"]},
    ),
)
"""Those of a keyspace that has other tables as well."""


@dataclass(frozen=True)
class Refusal:
    """A change of models that cannot be planned: words of the reason and of the way out."""

    name: str
    before: Callable[[], Models]
    after: Callable[[], Models]
    reason: str
    way_out: str

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


REFUSALS = (
    Refusal(
        "column with another name",
        lambda: [model("r1", nick=columns.Text())],
        lambda: [model("r1", nickname=columns.Text())],
        "CQL renames columns of the primary key only",
        'db_field="nick"',
    ),
    Refusal(
        "column of the key with another name",
        lambda: [model("r2", day=columns.Date(primary_key=True))],
        lambda: [model("r2", date=columns.Date(primary_key=True))],
        "its primary key is",
        "--rename r2.OLD=NEW",
    ),
    Refusal(
        "another column in the key",
        lambda: [model("r3", a=columns.Integer(primary_key=True), b=columns.Integer())],
        lambda: [
            model("r3", a=columns.Integer(primary_key=True), b=columns.Integer(primary_key=True))
        ],
        "its primary key is",
        "make a table of another name",
    ),
    Refusal(
        "another clustering order",
        lambda: [model("r4", a=columns.Integer(primary_key=True))],
        lambda: [model("r4", a=columns.Integer(primary_key=True, clustering_order="DESC"))],
        "clustering order",
        "order_by",
    ),
    Refusal(
        "another type of a column",
        lambda: [model("r5", a=columns.Integer())],
        lambda: [model("r5", a=columns.BigInt())],
        "is a int, not a bigint",
        "copy the values",
    ),
    Refusal(
        "static becomes regular",
        lambda: [model("r6", k=columns.Integer(primary_key=True), a=columns.Text(static=True))],
        lambda: [model("r6", k=columns.Integer(primary_key=True), a=columns.Text())],
        "static",
        "copy the values",
    ),
    Refusal(
        "another type of a field",
        lambda: [model("r7", a=columns.UserDefinedType(user_type("r7t", x=columns.Integer())))],
        lambda: [model("r7", a=columns.UserDefinedType(user_type("r7t", x=columns.Text())))],
        "is a int, not a text",
        "another name",
    ),
    Refusal(
        "field taken out",
        lambda: [
            model(
                "r8",
                a=columns.UserDefinedType(user_type("r8t", x=columns.Integer(), y=columns.Text())),
            )
        ],
        lambda: [model("r8", a=columns.UserDefinedType(user_type("r8t", x=columns.Integer())))],
        "no statement that takes a field out",
        "leave it",
    ),
    Refusal(
        "column dropped under a view",
        lambda: _with_a_view("r9"),
        lambda: [model("r9", film=columns.Integer(), stars=columns.Integer())],
        "drop no columns of a table that has views: r9_by_film",
        "drop the views first",
    ),
)
