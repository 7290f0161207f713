"""`Index`: an index that `sync_table` makes, of any class, with options, on a part of a collection.

Example::

    class Product(Model):
        __indexes__ = [Index("labels", keys=True), Index("labels", entries=True)]

        id = columns.UUID(primary_key=True)
        name = columns.Text(custom_index=Index(options={"case_sensitive": False}))
        labels = columns.Map(columns.Text, columns.Text)
        place = columns.Vector(3, custom_index=Index(options={"similarity_function": "cosine"}))
"""

from __future__ import annotations

from cql_driver.metadata.schema import IndexMetadata
from cql_protocol.identifiers import protect_name
from cqlengine.errors import ModelDefinitionException
from cqlengine.schema.normal import is_collection, normal_target, normal_type

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cqlengine.columns.base import Column

__all__ = ["Index", "class_of_index", "left_alone", "wanted_indexes"]

_PARTS = ("keys", "values", "entries", "full")

_SHORT_NAMES = {
    "storageattachedindex": "sai",
    "sasiindex": "sasi",
}
"""What the servers call the classes of indexes besides, in lower case and without the package."""
_SASI = "org.apache.cassandra.index.sasi.SASIIndex"


class Index:
    """An index of a column.

    - `column`: the attribute, its name in the table, or the column itself; not needed where the
      index is given to the column, as ``custom_index=Index()``
    - `name`: what it is called in the keyspace, where names are unique; the server finds one
      when None
    - `using`: "sai", "sasi", or a class of the server; None for the server's own default
    - `options`: of that class, such as ``{"similarity_function": "cosine"}`` of a vector
    - `keys`, `values`, `entries`: which part of a map is indexed. The values of collections are
      if none is said
    - `full`: a frozen collection as a whole, which is the default for those

    SAI needs Cassandra 5.0. Raises `ModelDefinitionException` for two parts at once.

    Example::

        name = columns.Text(custom_index=Index(options={"case_sensitive": False}))
    """

    __slots__ = ("column", "name", "options", "part", "using")

    def __init__(
        self,
        column: str | Column[Any] | None = None,
        *,
        name: str | None = None,
        using: str | None = "sai",
        options: Mapping[str, Any] | None = None,
        keys: bool = False,
        values: bool = False,
        entries: bool = False,
        full: bool = False,
    ) -> None:
        self.column = column
        self.name = name
        self.using = using
        self.options = dict(options or {})
        given = [
            part
            for part, is_given in zip(_PARTS, (keys, values, entries, full), strict=True)
            if is_given
        ]
        if len(given) > 1:
            raise ModelDefinitionException(
                f"an index is of {' or '.join(given)}: make an Index of each"
            )
        self.part: str | None = given[0] if given else None
        """What of a collection is indexed."""

    def __repr__(self) -> str:
        part = f", {self.part}=True" if self.part else ""
        return f"Index({self.column!r}, name={self.name!r}, using={self.using!r}{part})"

    def on(self, column: Column[Any], keyspace: str, table: str) -> IndexMetadata:
        """Return the index as the server is to have it; its name is empty if it has none."""
        kind = normal_type(column.cql_type)
        name = protect_name(column.db_field_name)
        target = normal_target(f"{self.part}({name})" if self.part else name, kind)
        self._check(column, kind)
        options: dict[str, Any] = {"target": target}
        if self.using is None:
            if self.options:
                raise ModelDefinitionException(
                    f"an index of {column.db_field_name} has options, so it needs a class: "
                    'say using="sai", or another one'
                )
            return IndexMetadata(keyspace, table, self.name or "", "COMPOSITES", options)
        options["class_name"] = _SASI if self.using.lower() == "sasi" else self.using
        options |= {str(key): _as_text(value) for key, value in self.options.items()}
        return IndexMetadata(keyspace, table, self.name or "", "CUSTOM", options)

    def _check(self, column: Column[Any], kind: str) -> None:
        frozen = kind.startswith("frozen<") and is_collection(kind[7:-1])
        if self.part is None or (self.part == "full" and frozen):
            return
        wanted = ("map",) if self.part in ("keys", "entries") else ("list", "map", "set")
        if frozen or kind.partition("<")[0] not in wanted or self.part == "full":
            raise ModelDefinitionException(
                f"an index of the {self.part} of {column.db_field_name}, which is a {kind}: "
                "keys and entries are of maps, values of collections that are not frozen, "
                "full of frozen ones"
            )


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def wanted_indexes(model: Any, keyspace: str) -> list[IndexMetadata]:
    """Return the indexes of a model's columns, then those of its ``__indexes__``."""
    table = model._raw_column_family_name()
    found: list[IndexMetadata] = []
    for column in model._columns.values():
        if column.index:
            found.append(Index(using=None).on(column, keyspace, table))
        for index in _given(column):
            found.append(index.on(column, keyspace, table))
    for index in getattr(model, "__indexes__", ()):
        found.append(index.on(_column_of(model, index), keyspace, table))
    return found


def left_alone(model: Any) -> set[str]:
    """Return the columns that have an index that is not ours: ``custom_index=True``."""
    return {
        column.db_field_name
        for column in model._columns.values()
        if column.custom_index and not list(_given(column))
    }


def _given(column: Column[Any]) -> Iterable[Index]:
    given = column.custom_index
    if isinstance(given, Index):
        return (given,)
    if isinstance(given, list | tuple):
        return given
    return ()


def _column_of(model: Any, index: Index) -> Column[Any]:
    """Return the column of an index that stands in ``__indexes__``."""
    wanted: Any = index.column
    name = getattr(wanted, "column_name", wanted)
    column = model._columns.get(model._db_map.get(name, name))
    if column is None:
        raise ModelDefinitionException(
            f"{model.__name__}.__indexes__ has an index of {name}, which is no column of the "
            f"model: it has {', '.join(model._columns)}"
        )
    return column  # type: ignore[no-any-return]


def class_of_index(index: IndexMetadata) -> str:
    """Return the class of an index in a short form, empty for the server's own kind."""
    name = str(index.index_options.get("class_name", "")).rpartition(".")[2]
    return _SHORT_NAMES.get(name.lower(), name.lower() if name.lower() == "sai" else name)
