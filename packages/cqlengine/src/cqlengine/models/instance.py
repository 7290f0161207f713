"""`BaseModel` and `Model`: rows as objects, and the verbs on them."""

from __future__ import annotations

from cqlengine.errors import DoesNotExist, MultipleObjectsReturned, ValidationError
from cqlengine.models.chaining import QuerySetDescriptor
from cqlengine.models.copying import InstanceCopying
from cqlengine.models.meta import ModelMetaClass
from cqlengine.models.options import InstanceOptions
from cqlengine.query import writes
from cqlengine.query.requests import arun, run

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar, Self

    from cqlengine.columns.managers import BaseValueManager
    from cqlengine.query.modelquery import ModelQuerySet

__all__ = ["BaseModel", "Model"]


class BaseModel(InstanceCopying, InstanceOptions, metaclass=ModelMetaClass):
    """What models do: derive from `Model`.

    The values of an instance are attributes of it, by the names of the columns.
    """

    __slots__ = ("__dict__", "__weakref__", "_is_persisted", "_previous")

    _is_persisted: bool
    """Whether the row is known to be in the table."""
    _previous: dict[str, Any] | None
    """What was read or saved last, by column."""

    DoesNotExist: ClassVar[type[DoesNotExist]] = DoesNotExist
    MultipleObjectsReturned: ClassVar[type[MultipleObjectsReturned]] = MultipleObjectsReturned

    __abstract__ = True
    __table_name__: str | None = None
    __table_name_case_sensitive__: bool = False
    __keyspace__: str | None = None
    __connection__: Any = None
    __discriminator_value__: Any = None
    __options__: ClassVar[dict[str, Any] | None] = None
    __compute_routing_key__: bool = True
    __queryset__: ClassVar[type[ModelQuerySet[Any]] | None] = None
    """The class of `objects`, `ModelQuerySet` when None."""
    __hash__ = None  # type: ignore[assignment]

    objects = QuerySetDescriptor()

    def __init__(self, **values: Any) -> None:
        self._options_next = self._previous = self._using = None
        self._is_persisted = False
        columns = type(self)._columns
        own = self.__dict__
        for name, column in columns.items():
            if name in values:
                value = values[name]
                own[name] = value if value is None else column.to_python(value)
            elif column.default is not None:
                own[name] = column.get_default()
        if not columns.keys() >= values.keys():
            unknown = [name for name in values if name not in columns]
            if unknown:
                raise ValidationError(
                    f"{type(self).__name__} has no column {', '.join(unknown)}; it has "
                    f"{', '.join(columns)}"
                )

    # --- verbs -----------------------------------------------------------------------------------

    @classmethod
    def create(cls, **kwargs: Any) -> Self:
        """Save a new row, by `save`, and return it.

        Example::

            zoe = User.create(id=uuid4(), name="Zoë")
        """
        instance = cls(**kwargs)
        instance.save()
        return instance

    @classmethod
    async def acreate(cls, **kwargs: Any) -> Self:
        """Do as `create`, on asyncio, by `asave`."""
        instance = cls(**kwargs)
        await instance.asave()
        return instance

    def save(self) -> Self:
        """Write the instance: the whole row when it is new, else the columns that have changed.

        Raises `ValidationError` before anything is sent, `LWTException` when a condition
        (`iff`, `if_exists`, `if_not_exists`) did not hold. When nothing has changed nothing is
        sent, and no condition looked at. What fails, or is cancelled, leaves the changes to be
        saved; options such as `ttl` are to be given again.

        What changes while a verb waits is still to be saved afterwards. But two verbs on one
        instance at a time may both send the same change, which counters and lists count twice.
        """
        run(writes.save(self, self._taken_options()))
        return self

    async def asave(self) -> Self:
        """Do as `save`, on asyncio."""
        await arun(writes.save(self, self._taken_options()))
        return self

    def update(self, **values: Any) -> Self:
        """Set these columns and write what has changed of the row, in one UPDATE.

        A column of the primary key cannot be changed: `ValidationError`. Columns that hold their
        value already are not written, see `save`; after an error the instance has the new values,
        which are still to be saved.

        Example::

            user.update(name="Zoe", email=None)
        """
        options = self._taken_options()
        self._set_values(values)
        run(writes.update(self, options))
        return self

    async def aupdate(self, **values: Any) -> Self:
        """Do as `update`, on asyncio."""
        options = self._taken_options()
        self._set_values(values)
        await arun(writes.update(self, options))
        return self

    def _set_values(self, values: dict[str, Any]) -> None:
        columns = type(self)._columns
        for name, value in values.items():
            column = columns.get(name)
            if column is None:
                raise ValidationError(
                    f"{type(self).__name__} has no column {name}; it has {', '.join(columns)}"
                )
            if column.primary_key and column.validate(value) != self.__dict__.get(name):
                raise ValidationError(
                    f"{name} is part of the primary key, which cannot be changed: create another "
                    "row and delete this one"
                )
        for name, value in values.items():
            if not columns[name].primary_key:
                setattr(self, name, value)

    def delete(self) -> None:
        """Delete the row.

        Clustering columns without a value are left out of the condition, so that an instance
        with the partition key alone deletes the partition.
        """
        run(writes.delete(self, self._taken_options()))

    async def adelete(self) -> None:
        """Do as `delete`, on asyncio."""
        await arun(writes.delete(self, self._taken_options()))

    # --- queries ---------------------------------------------------------------------------------

    @classmethod
    def all(cls) -> ModelQuerySet[Self]:
        """Return a query for all rows, see `ModelQuerySet.all`."""
        return cls.objects.all()

    @classmethod
    def filter(cls, *args: Any, **kwargs: Any) -> ModelQuerySet[Self]:
        """Return a query for the rows of these conditions, see `ModelQuerySet.filter`."""
        return cls.objects.filter(*args, **kwargs)

    @classmethod
    def get(cls, *args: Any, **kwargs: Any) -> Self:
        """Return the one row of these conditions, see `ModelQuerySet.get`."""
        return cls.objects.get(*args, **kwargs)

    @classmethod
    async def aget(cls, *args: Any, **kwargs: Any) -> Self:
        """Do as `get`, on asyncio."""
        return await cls.objects.aget(*args, **kwargs)

    # --- values ----------------------------------------------------------------------------------

    def validate(self) -> None:
        """Check every value, and keep it as its column has it; raise `ValidationError`.

        A model may extend it: each `save`, `create` and `update` of an instance calls it before
        anything is sent.

        Example::

            def validate(self):
                super().validate()
                if self.ends < self.begins:
                    raise ValidationError("it ends before it begins")
        """
        own = self.__dict__
        is_rowless = writes.is_rowless(self)
        for name, column in type(self)._columns.items():
            if name in own:
                own[name] = column.validate(own[name])
            elif not self._is_persisted and (
                not is_rowless or column.static or column.partition_key
            ):
                column.validate(None)

    def get_changed_columns(self) -> list[str]:
        """Return the columns that differ from what was read or saved last."""
        previous = self._previous or {}
        return [
            name
            for name, column in type(self)._columns.items()
            if name in self.__dict__
            and (
                column.changed(self.__dict__[name], previous.get(name))
                or (  # only() has left it out, and it was set
                    self._is_persisted and name not in previous and not writes.is_unread(self, name)
                )
            )
        ]

    def value_manager(self, name: str) -> BaseValueManager:
        """Return how one column stands to what was read or saved."""
        column = type(self)._columns[name]
        return column.value_manager(self, column, getattr(self, name))

    @classmethod
    def _construct_instance(cls, values: dict[str, Any]) -> Self:
        """Return an instance of what was read: values by name in the table, as the driver has them.

        Example::

            row = session.execute("SELECT * FROM users", row_factory=dict_factory).one()
            user = User._construct_instance(row)
        """
        from cqlengine.query.reading import construct

        return construct(cls, values)  # type: ignore[no-any-return]

    @classmethod
    def _check_queryable(cls) -> None:
        if cls.__abstract__:
            from cqlengine.errors import ModelException

            raise ModelException(
                f"{cls.__name__} is abstract: query one of the models that derive from it"
            )

    def __delattr__(self, name: str) -> None:
        """Delete a value: None is saved for a column, which deletes it in the table."""
        if name in type(self)._columns:
            self.__dict__[name] = None
        else:
            object.__delattr__(self, name)

    # --- as a mapping ----------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return False
        mine, its = self.__dict__, other.__dict__
        return all(
            not column.changed(mine.get(name), its.get(name))
            for name, column in type(self)._columns.items()
        )

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the columns."""
        return iter(type(self)._columns)

    def __len__(self) -> int:
        return len(type(self)._columns)

    def __contains__(self, name: object) -> bool:
        return name in type(self)._columns

    def __getitem__(self, key: str) -> Any:
        if key not in type(self)._columns:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in type(self)._columns:
            raise KeyError(key)
        setattr(self, key, value)

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(type(self)._columns)

    def values(self) -> list[Any]:
        """Return the values of the columns."""
        return [getattr(self, name) for name in type(self)._columns]

    def items(self) -> list[tuple[str, Any]]:
        """Return pairs of name and value."""
        return [(name, getattr(self, name)) for name in type(self)._columns]

    def __repr__(self) -> str:
        values = (f"{name}={value!r}" for name, value in self.items())
        return f"{type(self).__name__}({', '.join(values)})"

    def __str__(self) -> str:
        keys = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self)._primary_keys)
        return f"{type(self).__name__} <{keys}>"


class Model(BaseModel):
    """The base of models: a class attribute for each column makes the table.

    - ``__abstract__ = True``: has no table, only what derives from it
    - ``__table_name__``: lower-cased, unless ``__table_name_case_sensitive__`` is True; the
      class's name in snake case if not given
    - ``__keyspace__``, ``__connection__``: where, the defaults of `cqlengine.connection` if None
    - ``__options__``: options of the table, such as ``{"gc_grace_seconds": 3600}``
    - ``__discriminator_value__``: of a model that shares the table of its base

    Example::

        class Message(Model):
            room = columns.Text(partition_key=True)
            at = columns.TimeUUID(primary_key=True, clustering_order="DESC", default=uuid1)
            text = columns.Text(required=True)

        Message.create(room="lobby", text="hello")
        for message in Message.objects.filter(room="lobby").limit(20):
            print(message.text)
    """

    __abstract__ = True

    @property
    def pk(self) -> Any:
        """The value of the primary key: a tuple when it has several columns."""
        values = tuple(getattr(self, name) for name in type(self)._primary_keys)
        return values[0] if len(values) == 1 else values
