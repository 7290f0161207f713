"""`MaterializedView`: the base of models of materialized views, which are read as any model is."""

from __future__ import annotations

from cqlengine._generic import Generic, TypeVar
from cqlengine.columns.base import Column
from cqlengine.errors import ModelDefinitionException, ModelException
from cqlengine.models.instance import Model
from cqlengine.models.meta import ModelMetaClass
from cqlengine.query.modelquery import ModelQuerySet
from cqlengine.schema.normal import normal_type

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, ClassVar, NoReturn

__all__ = ["MaterializedView", "ViewMetaClass", "ViewQuerySet"]

_V = TypeVar("_V")


def _refuse(model: Any) -> NoReturn:
    raise ModelException(
        f"{model.__name__} is a materialized view, which the server fills by itself: write rows "
        f"of {model.__base_model__.__name__}"
    )


class ViewMetaClass(ModelMetaClass):
    """The class of models of views: checks what a view can show, when the class is made."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], attributes: dict[str, Any], **kwargs: Any
    ) -> ViewMetaClass:
        """Make the class; names of columns, the keyspace and the connection are the table's."""
        base = attributes.get("__base_model__") or next(
            (found for each in bases if (found := getattr(each, "__base_model__", None))), None
        )
        if base is not None:
            for option in ("__keyspace__", "__connection__"):
                attributes.setdefault(option, getattr(base, option))
            for attribute, column in attributes.items():
                if isinstance(column, Column) and column.db_field is None:
                    shown = base._columns.get(attribute)
                    column.db_field = None if shown is None else shown.db_field
        cls = super().__new__(mcs, name, bases, attributes, **kwargs)
        if not cls.__abstract__:
            _check(cls, base)
        return cls  # type: ignore[return-value]


def _check(cls: Any, base: Any) -> None:
    """Raise `ModelDefinitionException` for what the servers make no view of."""
    name = cls.__name__
    if base is None or not isinstance(base, ModelMetaClass) or isinstance(base, ViewMetaClass):
        raise ModelDefinitionException(
            f"{name} is a materialized view: say with __base_model__ which model's table it shows"
        )
    if not cls._columns:
        raise ModelDefinitionException(f"{name} has no columns: name those that it shows")
    shown = {column.db_field_name: column for column in base._columns.values()}
    for attribute, column in cls._columns.items():
        _check_column(f"{name}.{attribute}", column, shown.get(column.db_field_name), base)
    keys = {column.db_field_name for column in cls._primary_keys.values()}
    of_base = {column.db_field_name for column in base._primary_keys.values()}
    if of_base - keys:
        raise ModelDefinitionException(
            f"{name}: the key of a view has all columns of the table's own key: "
            f"{', '.join(sorted(of_base - keys))} must have primary_key=True"
        )
    if len(keys - of_base) > 1:
        raise ModelDefinitionException(
            f"{name}: the key of a view has at most one column that is not in the table's key, "
            f"these are {' and '.join(sorted(keys - of_base))}"
        )


def _check_column(name: str, column: Column[Any], shown: Column[Any] | None, base: Any) -> None:
    if shown is None:
        raise ModelDefinitionException(
            f"{name}: {base.__name__} has no column {column.db_field_name}; it has "
            f"{', '.join(base._columns)}"
        )
    if normal_type(shown.cql_type) != normal_type(column.cql_type):
        raise ModelDefinitionException(
            f"{name} is a {column.cql_type}, but a {shown.cql_type} in {base.__name__}"
        )
    if shown.static or shown.is_counter:
        kind = "static" if shown.static else "a counter"
        raise ModelDefinitionException(f"{name} is {kind}: views do not show such columns")
    if column.index or column.custom_index:
        raise ModelDefinitionException(f"{name}: servers have no indexes of views")


class ViewQuerySet(ModelQuerySet[_V], Generic[_V]):
    """A query for rows of a view: whatever writes is refused with `ModelException`."""

    def _refused(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse(self.model)

    if not TYPE_CHECKING:
        create = acreate = create_json = acreate_json = _refused
        update = aupdate = delete = adelete = _refused


class MaterializedView(Model, metaclass=ViewMetaClass):
    """The base of models of materialized views: rows of a table, found by another key.

    - ``__base_model__``: the model whose table is shown
    - columns: those of the view, with its own key; a column has the type that it has in the
      base model, and if no ``db_field`` is given the name in the table that it has there. All
      columns of the table's key are in the view's key, and at most one more
    - ``__where__``: further conditions in CQL; that the columns of the key are not null is said
      by itself
    - ``__options__``, ``__table_name__`` are as for `cqlengine.models.Model`; keyspace and
      connection are those of the base model

    `sync_table` makes the view, and its table before. Queries are those of any model. Writing
    is refused with `ModelException`: the server takes over what is written to the table.

    Cassandra makes views where ``materialized_views_enabled`` is true in ``cassandra.yaml``.

    Example::

        class UserByEmail(MaterializedView):
            __base_model__ = User

            email = columns.Text(partition_key=True)
            id = columns.UUID(primary_key=True)
            name = columns.Text()

        sync_table(UserByEmail)
        UserByEmail.objects.get(email="zoe@example.org").name
    """

    __abstract__ = True
    __base_model__: ClassVar[Any] = None
    __where__: ClassVar[str | None] = None
    __queryset__ = ViewQuerySet

    if not TYPE_CHECKING:

        @classmethod
        def _refused(cls, *args: Any, **kwargs: Any) -> NoReturn:
            _refuse(cls)

        create = acreate = _refused
        save = asave = update = aupdate = delete = adelete = _refused
