"""`ModelMetaClass`: makes of a class with columns a model, and refuses what contradicts itself."""

from __future__ import annotations

from sys import modules

from cql_protocol.identifiers import protect_name
from cqlengine.columns.base import Column
from cqlengine.connection.registry import default_keyspace
from cqlengine.errors import (
    DoesNotExist,
    ModelDefinitionException,
    ModelException,
    MultipleObjectsReturned,
)
from cqlengine.models.names import default_table_name
from cqlengine.models.polymorphic import inherit_table, register_discriminator

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    Columns = dict[str, Column[Any]]

__all__ = ["ModelMetaClass"]


class ModelMetaClass(type):
    """The class of models.

    A model's columns, keys and options are looked up once, when the class is made; what it
    finds is in the attributes named below. Raises `ModelDefinitionException`.
    """

    _declared: frozenset[str]
    """The attributes of the class's own body: the others are copies of what its bases have."""
    _columns: Columns
    """All columns by attribute, in the order in which they were made."""
    _db_map: dict[str, str]
    """The attribute of each name in the table."""
    _primary_keys: Columns
    _partition_keys: Columns
    _clustering_keys: Columns
    _has_counter: bool
    _has_static_columns: bool
    _options: dict[str, Any]
    _discriminator_column_name: str | None
    _discriminator_column: Column[Any] | None
    _is_polymorphic_base: bool
    _is_polymorphic: bool
    _has_init: bool
    """Whether `__init__` is not the mapper's: then it is called for rows that are read, too."""
    _has_validate: bool
    """Whether `validate` is not the mapper's: then it is called before a row is written."""
    _polymorphic_base: ModelMetaClass | None
    _discriminator_map: dict[Any, ModelMetaClass]

    __abstract__: bool
    __table_name__: str | None
    __keyspace__: str | None
    __connection__: Any

    def __new__(
        mcs, name: str, bases: tuple[type, ...], attributes: dict[str, Any], **kwargs: Any
    ) -> ModelMetaClass:
        """Make the class; its columns are taken from the attributes and from the bases."""
        for option, value in (("__abstract__", False), ("__discriminator_value__", None)):
            attributes.setdefault(option, value)
        attributes["_declared"] = frozenset(attributes)
        cls = super().__new__(mcs, name, bases, attributes, **kwargs)
        _set_columns(cls, _gathered(cls))
        inherit_table(cls, bases)
        if not cls.__abstract__ and cls._columns:
            _check(cls)
        _set_names(cls, bases, attributes)
        cls._has_init = _is_extended(cls, "__init__")
        cls._has_validate = _is_extended(cls, "validate")
        cls._write_plan = None  # type: ignore[attr-defined]
        cls._readers = {}  # type: ignore[attr-defined]
        register_discriminator(cls)
        return cls

    # --- the table -------------------------------------------------------------------------------

    def _get_keyspace(cls) -> str | None:
        """Return the keyspace the model names, else the default one; None when there is none."""
        return cls.__keyspace__ or default_keyspace()

    def _get_connection(cls) -> Any:
        """Return what the model names as its connection; None for the default one."""
        return cls.__connection__

    def _raw_column_family_name(cls) -> str:
        """Return the name of the table as the server has it."""
        return cls._table  # type: ignore[attr-defined, no-any-return]

    def column_family_name(cls, include_keyspace: bool = True) -> str:
        """Return the name of the table as it stands in statements.

        With `include_keyspace` the keyspace stands before it, unless none is known: then the
        session's is meant.
        """
        if cls.__abstract__:
            raise ModelException(f"{cls.__name__} is abstract: it has no table")
        table = protect_name(cls._raw_column_family_name())
        if include_keyspace:
            keyspace = cls._get_keyspace()
            if keyspace is not None:
                return f"{protect_name(keyspace)}.{table}"
        return table

    def __repr__(cls) -> str:
        return f"<model {cls.__module__}.{cls.__qualname__}>"


def _is_extended(cls: ModelMetaClass, name: str) -> bool:
    """Say whether a method is the application's."""
    return not next((_is_of_mapper(base) for base in cls.__mro__ if name in vars(base)), True)


def _gathered(cls: ModelMetaClass) -> Columns:
    """Return the columns of a class: copies of those of its bases, and its own, all in order.

    As with all attributes the first class of the ``__mro__`` counts that has one of a name, be it
    a column or not, a model or a class beside them. A column that takes the place of a base's
    stands where that stood, so that the order of a key is not changed by it.
    """
    found: Columns = {}
    places: dict[str, tuple[bool, int]] = {}
    for base in reversed(cls.__mro__):
        if _is_of_mapper(base):
            continue
        attributes = vars(base)
        declared = attributes.get("_declared", attributes)
        for name in found.keys() & declared:
            if not isinstance(attributes[name], Column):
                del found[name], places[name]
        for name, column in attributes.items():
            if name in declared and isinstance(column, Column):
                found[name] = column if base is cls else column.copied()
                places.setdefault(name, (base is cls, column.position))
    ordered = {name: found[name] for name in sorted(found, key=places.__getitem__)}
    for name, column in ordered.items():
        column.set_column_name(name)
        setattr(cls, name, column)
    return ordered


def _is_of_mapper(base: type) -> bool:
    """Say whether a class is one of the mapper's own, such as `Model`."""
    # Models that are made by calling the metaclass have the name of its module, too.
    return base.__module__.startswith("cqlengine.") and (
        getattr(modules[base.__module__], base.__name__, None) is base
    )


def _set_columns(cls: ModelMetaClass, columns: Columns) -> None:
    cls._columns = columns
    if columns and not any(column.partition_key for column in columns.values()):
        first = next((column for column in columns.values() if column.primary_key), None)
        if first is not None:
            first.partition_key = True
    cls._primary_keys = {n: c for n, c in columns.items() if c.primary_key}
    cls._partition_keys = {n: c for n, c in columns.items() if c.partition_key}
    cls._clustering_keys = {
        n: c for n, c in columns.items() if c.primary_key and not c.partition_key
    }
    cls._db_map = {c.db_field_name: n for n, c in columns.items()}
    cls._has_counter = any(c.is_counter for c in columns.values())
    cls._has_static_columns = any(c.static for c in columns.values())
    discriminators = [n for n, c in columns.items() if c.discriminator_column]
    if len(discriminators) > 1:
        raise ModelDefinitionException(
            f"{cls.__name__}: {' and '.join(discriminators)} are both discriminator columns; "
            "a model has at most one"
        )
    cls._discriminator_column_name = discriminators[0] if discriminators else None
    cls._discriminator_column = columns[discriminators[0]] if discriminators else None
    options = getattr(cls, "__options__", None) or {}
    cls._options = dict(options)
    cls.__default_ttl__ = options.get("default_time_to_live")  # type: ignore[attr-defined]


def _check(cls: ModelMetaClass) -> None:
    """Raise for what no table can be made of."""
    name, columns = cls.__name__, cls._columns
    if not cls._primary_keys:
        raise ModelDefinitionException(
            f"{name} has no primary key: mark one of its columns with primary_key=True"
        )
    if len(cls._db_map) < len(columns):
        names = [c.db_field_name for c in columns.values()]
        twice = next(each for each in names if names.count(each) > 1)
        raise ModelDefinitionException(f"{name}: two columns are called {twice} in the table")
    if cls._has_counter:
        data = [n for n, c in columns.items() if not (c.is_counter or c.primary_key)]
        if data:
            raise ModelDefinitionException(
                f"{name}: counters stand in tables of their own, {data[0]} is none: "
                "put it into another model"
            )
    for attribute, column in columns.items():
        _check_column(cls, attribute, column)


def _check_column(cls: ModelMetaClass, attribute: str, column: Column[Any]) -> None:
    name = f"{cls.__name__}.{attribute}"
    if attribute in _taken(cls):
        raise ModelDefinitionException(
            f"{name}: every model has {attribute}: give the column another name, and "
            f'db_field="{attribute}" for the one in the table'
        )
    order = column.clustering_order
    if order is not None:
        if attribute not in cls._clustering_keys:
            raise ModelDefinitionException(
                f"{name}: clustering_order is for clustering columns, which have primary_key=True"
            )
        if str(order).upper() not in ("ASC", "DESC"):
            raise ModelDefinitionException(f"{name}: clustering_order is ASC or DESC")
    if column.static:
        if column.primary_key:
            raise ModelDefinitionException(f"{name}: a column of the key cannot be static")
        if not cls._clustering_keys:
            raise ModelDefinitionException(
                f"{name}: only tables with clustering columns have static ones"
            )
    if column.discriminator_column and (column.is_container or column.is_counter):
        raise ModelDefinitionException(f"{name}: a {column.cql_type} cannot be a discriminator")
    if column.is_container and column.primary_key and not getattr(column, "frozen", False):
        raise ModelDefinitionException(f"{name}: a collection in the key must be frozen=True")


def _taken(cls: ModelMetaClass) -> frozenset[str]:
    """Return the attributes that every model has: no column can take their place."""
    return frozenset(
        attribute
        for base in cls.__mro__
        if _is_of_mapper(base)
        for attribute in vars(base)
        if not isinstance(vars(base)[attribute], Column)
    )


def _set_names(cls: ModelMetaClass, bases: tuple[type, ...], attributes: dict[str, Any]) -> None:
    """Name the table and make the two exceptions that are of this model alone."""
    if cls._polymorphic_base not in (None, cls):
        cls._table = cls._polymorphic_base._table  # type: ignore[attr-defined]
    else:
        explicit = attributes.get("__table_name__")
        if explicit is None:
            cls._table = default_table_name(cls.__name__)  # type: ignore[attr-defined]
            cls.__table_name__ = None
        else:
            exact = getattr(cls, "__table_name_case_sensitive__", False)
            cls._table = explicit if exact else explicit.lower()  # type: ignore[attr-defined]
    where = {"__module__": cls.__module__}
    for name, root in (
        ("DoesNotExist", DoesNotExist),
        ("MultipleObjectsReturned", MultipleObjectsReturned),
    ):
        if name not in attributes:
            own = tuple(found for base in bases if (found := getattr(base, name, None)) is not None)
            qualname = f"{cls.__qualname__}.{name}"
            made = type(name, own or (root,), {**where, "__qualname__": qualname})
            setattr(cls, name, made)
