"""`Column`: what all columns of models and fields of user types have in common."""

from __future__ import annotations

from copy import deepcopy
from itertools import count

from cql_protocol.identifiers import escape_name
from cqlengine._generic import Generic, TypeVar, overload
from cqlengine.columns.managers import BaseValueManager
from cqlengine.errors import ValidationError
from cqlengine.statements.updates import put

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Self

    from cqlengine.query.evaluator import ColumnQueryEvaluator
    from cqlengine.statements.updates import Update

__all__ = ["Column", "checks_only"]

_T = TypeVar("_T")
_Method = TypeVar("_Method", bound="Callable[..., Any]")

_counter = count()


def checks_only(method: _Method) -> _Method:
    """Mark a `to_python` that returns what the driver reads as it is.

    Or a `to_database` that returns a valid value as it is: neither has to be called for those,
    so `Column.loads` and `Column.dumps` are None. Overriding the method takes the mark off.
    """
    method.checks_only = True  # type: ignore[attr-defined]
    return method


class Column(Generic[_T]):
    """A column of a table, as an attribute of a model, or a field of a user type.

    - `primary_key`: part of the primary key. The first such column is the partition key
      unless others are marked, those after it are clustering columns
    - `partition_key`: part of the partition key (implies `primary_key`)
    - `index`: a secondary index is made by `sync_table`
    - `custom_index`: the column has an index that `sync_table` leaves alone (True), or is to
      make: an `cqlengine.schema.Index` (SAI for instance). It may be filtered by
    - `db_field`: the name in the table, where it is another one than the attribute's
    - `default`: the value of new instances, or a function without arguments that makes it
    - `required`: None and empty values are refused
    - `clustering_order`: "ASC" or "DESC", of a clustering column
    - `discriminator_column`: tells which model of a hierarchy a row belongs to
    - `static`: one value for all rows of a partition

    On an instance the attribute is the value, on the class it makes conditions
    (``User.age > 30``).
    """

    db_type: str | None = None
    """The name of the CQL type."""
    value_manager: type[BaseValueManager] = BaseValueManager
    is_container: bool = False
    """Whether it is a list, set or map, whose empty value is the same as null."""
    is_counter: bool = False
    plain_limits: tuple[Any, Any] | None = None
    """The least and the greatest value of `plain_type`; None where there are no limits."""
    instance_counter: int = 0
    """How many columns were made so far."""

    db_field_name: str = ""
    """The name in the table."""
    quoted: str = ""
    """The same in double quotes."""

    primary_key: bool = False
    partition_key: bool = False
    index: bool = False
    custom_index: Any = False
    db_field: str | None = None
    default: Any = None
    required: bool = False
    clustering_order: str | None = None
    discriminator_column: bool = False
    static: bool = False

    def __init__(
        self,
        primary_key: bool = False,
        partition_key: bool = False,
        index: bool = False,
        db_field: str | None = None,
        default: _T | Callable[[], _T] | None = None,
        required: bool = False,
        clustering_order: str | None = None,
        discriminator_column: bool = False,
        static: bool = False,
        custom_index: Any = False,
    ) -> None:
        self.partition_key = partition_key
        self.primary_key = partition_key or primary_key
        self.index = index
        self.custom_index = custom_index
        self.db_field = db_field
        self.default = default
        self.required = required
        self.clustering_order = clustering_order
        self.discriminator_column = discriminator_column
        self.static = static
        self.column_name: str = ""
        self._set_quoted(db_field or "")
        # Columns stand in the order in which they were made.
        self.position = next(_counter)
        Column.instance_counter = self.position + 1

    # --- values --------------------------------------------------------------------------------

    def validate(self, value: Any) -> Any:
        """Return the value as it is kept on the instance; raise `ValidationError` if it is none.

        None is refused where the column is required.
        """
        if value is None and self.required:
            raise self.refusal("a value is required: None was given")
        return value

    @checks_only
    def to_python(self, value: Any) -> Any:
        """Return what was read from the database, or given to a model, as the instance has it."""
        return value

    @checks_only
    def to_database(self, value: Any) -> Any:
        """Return a value of an instance, or of a condition, as the driver is to bind it."""
        return value

    @property
    def loads(self) -> Callable[[Any], Any] | None:
        """What is called with each value read, None too; None where values stay as they are."""
        convert = self.load_present
        if convert is None:
            return None
        return lambda value: None if value is None else convert(value)

    @property
    def load_present(self) -> Callable[[Any], Any] | None:
        """As `loads`, for a value that is not null: what the elements of collections are."""
        return None if hasattr(self.to_python, "checks_only") else self.to_python

    @property
    def dumps(self) -> Callable[[Any], Any] | None:
        """What is called with a valid value that is not None, before it is bound.

        None where values are bound as they are.
        """
        return None if hasattr(self.to_database, "checks_only") else self.to_database

    @property
    def plain_type(self) -> type | None:
        """The class whose values within `plain_limits` are valid as they are.

        None where each must be looked at. Values of subclasses must be, too.
        """
        return None

    @property
    def stored(self) -> Callable[[Any], Any] | None:
        """What makes of a valid value the one that the server keeps, to compare values by.

        Two values that the server holds to be the same must become equal: a datetime is cut to
        the millisecond. None where values are kept as they are.
        """
        return None

    @property
    def is_mutable(self) -> bool:
        """Whether a value can change without being replaced."""
        return type(self).snapshot is not Column.snapshot

    def is_null(self, value: Any) -> bool:
        """Say whether the table keeps nothing for this value."""
        return value is None

    def assignments(self, value: Any, previous: Any) -> Sequence[Update]:
        """Return what an UPDATE must do so that the column holds `value` after `previous`.

        Both are valid values of instances. Columns that can be changed in part override it.
        """
        return (put(self.quoted, None if value is None else self.to_database(value)),)

    def snapshot(self, value: Any) -> Any:
        """Return what later changes of `value` are told by: itself, or a copy if it is mutable."""
        return value

    def changed(self, value: Any, previous: Any) -> bool:
        """Say whether `value` differs from what `snapshot` once returned."""
        return bool(value != previous)

    def refusal(self, reason: str) -> ValidationError:
        """Return the error for a value that this column refuses."""
        return ValidationError(f"{self.column_name or self.db_type}: {reason}")

    @property
    def has_default(self) -> bool:
        """Whether new instances get a value by themselves."""
        return self.default is not None

    def get_default(self) -> Any:
        """Return the value of a new instance."""
        default = self.default
        return default() if callable(default) else deepcopy(default)

    # --- the place in a table ------------------------------------------------------------------

    def set_column_name(self, name: str) -> None:
        """Be told the attribute's name, by the class that the column stands in."""
        self.column_name = name
        self._set_quoted(self.db_field or name)

    def _set_quoted(self, name: str) -> None:
        self.db_field_name = name
        self.quoted = escape_name(name)

    @property
    def cql(self) -> str:
        """The name as it stands in a statement."""
        return self.quoted

    def get_cql(self) -> str:
        """Return the name as it stands in a statement."""
        return self.quoted

    @property
    def db_index_name(self) -> str:
        """The name of the index that `sync_table` makes."""
        return f"index_{self.db_field_name}"

    @property
    def is_primary_key(self) -> bool:
        """Whether it is part of the primary key."""
        return self.primary_key

    @property
    def has_index(self) -> bool:
        """Whether the column can be filtered by for having an index."""
        return bool(self.index or self.custom_index)

    @property
    def can_delete(self) -> bool:
        """Whether the column may become null."""
        return not self.primary_key

    # --- the type --------------------------------------------------------------------------------

    @property
    def cql_type(self) -> str:
        """The type as it stands in CREATE TABLE, such as ``list<frozen<list<int>>>``."""
        return self.db_type or ""

    @property
    def element_type(self) -> str:
        """The type as it stands within a collection: those with parts are frozen there."""
        return self.cql_type

    def cql_parameterized_type(self) -> str:
        """Return the type as it stands in CREATE TABLE."""
        return self.cql_type

    @property
    def sub_types(self) -> Sequence[Column[Any]]:
        """The columns that describe the elements of a collection, tuple or vector."""
        return ()

    def get_column_def(self) -> str:
        """Return name and type as CREATE TABLE has them."""
        return f"{self.quoted} {self.cql_type}{' STATIC' if self.static else ''}"

    # --- as an attribute -----------------------------------------------------------------------

    @overload
    def __get__(self, instance: None, owner: type) -> ColumnQueryEvaluator: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...

    def __get__(self, instance: object | None, owner: type) -> Any:
        """Return what makes conditions, on the class; on an instance the value that it lacks.

        Values of instances are in their ``__dict__``, which is looked into first: this is not
        called for them.
        """
        if instance is None:
            from cqlengine.query.evaluator import ColumnQueryEvaluator

            return ColumnQueryEvaluator(self)
        return self.missing(instance)

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: _T | None) -> None: ...

    def missing(self, instance: object) -> Any:
        """Return the value of an instance that has none for this column."""
        return None

    def copied(self) -> Self:
        """Return a copy for a class that inherits the column."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def __eq__(self, other: object) -> bool:
        # A class's copy of an inherited column is the same column.
        return self.position == other.position if isinstance(other, Column) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.position)

    def __lt__(self, other: Column[Any]) -> bool:
        return self.position < other.position

    def __repr__(self) -> str:
        name = f" {self.column_name}" if self.column_name else ""
        return f"<{type(self).__name__}{name} {self.cql_type}>"
