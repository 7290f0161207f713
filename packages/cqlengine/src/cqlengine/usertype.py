"""User types as classes: `UserType`."""

from __future__ import annotations

from collections.abc import Mapping

from cqlengine.columns.base import Column
from cqlengine.errors import UserTypeDefinitionException, UserTypeException, ValidationError
from cqlengine.models.names import default_table_name

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, ClassVar, Self

    Fields = dict[str, Column[Any]]

__all__ = [
    "BaseUserType",
    "UserType",
    "UserTypeDefinitionException",
    "UserTypeException",
    "UserTypeMetaClass",
]


class UserTypeMetaClass(type):
    """The class of user types: finds the fields, and refuses what contradicts itself.

    Raises `UserTypeDefinitionException`.
    """

    _fields: Fields
    """All fields by attribute, in the order in which they were made."""
    _db_map: dict[str, str]
    """The attribute of each name in the type."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], attributes: dict[str, Any], **kwargs: Any
    ) -> UserTypeMetaClass:
        """Make the class; its fields are taken from the attributes and from the bases."""
        attributes.setdefault("__type_name__", None)
        own = {key: value for key, value in attributes.items() if isinstance(value, Column)}
        fields = _gathered(bases, own, attributes)
        for field, column in fields.items():
            column.set_column_name(field)
            attributes[field] = column
        names = {column.db_field_name: field for field, column in fields.items()}
        _check(name, bases, fields, names)
        attributes |= {"_fields": fields, "_db_map": names}
        for db_name, field in names.items():
            # What the driver writes of an object are its attributes by the names of the type.
            if db_name not in attributes and not any(hasattr(base, db_name) for base in bases):
                attributes[db_name] = _alias(field)
        return super().__new__(mcs, name, bases, attributes, **kwargs)


def _gathered(bases: tuple[type, ...], own: Fields, attributes: dict[str, Any]) -> Fields:
    found: Fields = {}
    for base in reversed(bases):
        for field, column in getattr(base, "_fields", {}).items():
            # An attribute of the class that is no column takes the place of the base's field.
            if field in attributes and field not in own:
                found.pop(field, None)
            else:
                found[field] = column.copied()
    found.update(own)
    return dict(sorted(found.items(), key=lambda item: item[1].position))


def _check(name: str, bases: tuple[type, ...], fields: Fields, names: dict[str, str]) -> None:
    if len(names) < len(fields):
        all_names = [column.db_field_name for column in fields.values()]
        twice = next(each for each in all_names if all_names.count(each) > 1)
        raise UserTypeDefinitionException(f"{name}: two fields are called {twice} in the type")
    taken = {
        attribute
        for base in bases
        for each in base.__mro__
        for attribute, value in vars(each).items()
        if not isinstance(value, Column)
    }
    for field, column in fields.items():
        if field in taken:
            raise UserTypeDefinitionException(
                f"{name}.{field}: every user type has {field}: give the field another name, and "
                f'db_field="{field}" for the one in the type'
            )
        if column.is_counter:
            raise UserTypeDefinitionException(f"{name}.{field}: a field cannot be a counter")
        for option in ("primary_key", "static", "clustering_order", "index"):
            if getattr(column, option):
                raise UserTypeDefinitionException(
                    f"{name}.{field}: {option} is for columns of tables, not for fields"
                )


def _alias(field: str) -> property:
    def get(self: Any) -> Any:
        return getattr(self, field)

    def put(self: Any, value: Any) -> None:
        setattr(self, field, value)

    return property(get, put, doc=f"The field {field}, by its name in the type.")


class BaseUserType(metaclass=UserTypeMetaClass):
    """What user types do: derive from `UserType`."""

    __slots__ = ("__dict__", "__weakref__", "_previous")

    __type_name__: ClassVar[str | None] = None
    _fields: ClassVar[Fields]
    _db_map: ClassVar[dict[str, str]]
    _previous: dict[str, Any] | None
    """What was read, or last said to be unchanged, by field."""

    __hash__ = None  # type: ignore[assignment] # it can be changed

    def __init__(self, **values: Any) -> None:
        self._previous = None
        own = self.__dict__
        names = type(self)._db_map
        if not values.keys() <= type(self)._fields.keys():
            values = self._by_attribute(values, names)
        for field, column in type(self)._fields.items():
            if field in values:
                value = values[field]
                own[field] = None if value is None else column.to_python(value)
            elif column.default is not None:
                own[field] = column.get_default()

    def _by_attribute(self, values: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
        """Return values that are given by the names of the type, too, by attribute."""
        fields = type(self)._fields
        unknown = [name for name in values if name not in names and name not in fields]
        # A session that the class is registered with gives all fields of the type, also one
        # that was added to it later.
        if unknown and not names.keys() <= values.keys():
            raise ValidationError(
                f"{type(self).__name__} has no field {', '.join(unknown)}; it has "
                f"{', '.join(fields)}"
            )
        return {
            name if name in fields else names[name]: value
            for name, value in values.items()
            if name not in unknown
        }

    # --- changes -------------------------------------------------------------------------------

    def validate(self) -> None:
        """Check all fields, and bring them into the form in which they will be read.

        Raises `ValidationError`.
        """
        own = self.__dict__
        for field, column in type(self)._fields.items():
            value = own.get(field)
            checked = column.validate(value)
            if checked is not value and field in own:
                own[field] = checked

    def has_changed_fields(self) -> bool:
        """Say whether a field differs from what was read; of a new object, whether one is set."""
        own, previous = self.__dict__, self._previous or {}
        return any(
            column.changed(own.get(field), previous.get(field))
            for field, column in type(self)._fields.items()
        )

    def reset_changed_fields(self) -> None:
        """Have what the fields hold now count as unchanged."""
        for value in self.__dict__.values():
            if isinstance(value, BaseUserType):
                value.reset_changed_fields()
        self._previous = self._snapshots()

    def _snapshots(self) -> dict[str, Any]:
        own = self.__dict__
        return {
            field: column.snapshot(own[field])
            for field, column in type(self)._fields.items()
            if field in own
        }

    def _copied(self) -> Self:
        """Return an object that does not change with this one."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self._snapshots())
        copy._previous = None
        return copy

    # --- as a mapping --------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return not any(
            column.changed(mine.get(field), theirs.get(field))
            for field, column in type(self)._fields.items()
        )

    def __getitem__(self, key: str) -> Any:
        if key not in type(self)._fields:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(type(self)._fields)

    def __len__(self) -> int:
        return len(type(self)._fields)

    def keys(self) -> list[str]:
        """Return the names of the fields."""
        return list(type(self)._fields)

    def values(self) -> list[Any]:
        """Return the values of the fields, in their order."""
        return [getattr(self, field) for field in type(self)._fields]

    def items(self) -> list[tuple[str, Any]]:
        """Return the names of the fields with their values."""
        return list(zip(self.keys(), self.values(), strict=True))

    def __repr__(self) -> str:
        fields = ", ".join(f"{field}={value!r}" for field, value in self.items())
        return f"{type(self).__name__}({fields})"

    # --- the type ------------------------------------------------------------------------------

    @classmethod
    def type_name(cls) -> str:
        """Return the name of the type.

        That is `__type_name__` in lower case; without it the class's name in snake case.
        """
        return (cls.__type_name__ or default_table_name(cls.__name__)).lower()

    @classmethod
    def register_for_keyspace(cls, keyspace: str, connection: Any = None) -> None:
        """Have statements past the models read values of the type as objects of this class.

        Models need none of it. It is for the blocking session of a connection, the default one
        when None.
        """
        from cqlengine.connection import register_udt

        register_udt(keyspace, cls.type_name(), cls, connection=connection)

    @classmethod
    def _reader(cls) -> Callable[[Any], Self]:
        """Return what makes objects of what the driver reads.

        Those are named tuples, or objects of a class that was registered with the session.
        """
        plans: dict[type, list[tuple[str, int, Callable[[Any], Any] | None]]] = {}
        mutable = [
            (name, field.snapshot) for name, field in cls._fields.items() if field.is_mutable
        ]
        new = cls.__new__
        has_init = cls.__init__ is not BaseUserType.__init__

        def read(value: Any) -> Any:
            plan = plans.get(type(value))
            if plan is None:
                if isinstance(value, cls):
                    if value._previous is None:
                        value.reset_changed_fields()
                    return value
                if isinstance(value, tuple):
                    plan = plans[type(value)] = _plan(cls, _names_of(type(value)))
                else:
                    plan, value = _plan(cls, list(cls._db_map)), _items(value, cls._db_map)
            made = new(cls)
            own = made.__dict__
            for field, index, load in plan:
                item = value[index]
                own[field] = item if load is None else load(item)
            made._previous = previous = own.copy()
            for field, snapshot in mutable:
                if field in previous:
                    previous[field] = snapshot(previous[field])
            if has_init:
                made._initialise(previous)
            return made

        return read

    def _initialise(self, read: dict[str, Any]) -> None:
        """Call the `__init__` of a class that has its own, for an object that was read."""
        values, self.__dict__ = self.__dict__, {}
        type(self).__init__(self, **values)
        for field in type(self)._fields.keys() - read.keys():
            self.__dict__.pop(field, None)  # a default is not what was read
        self._previous = read

    @classmethod
    def _writer(cls) -> Callable[[Any], dict[str, Any]]:
        """Return what makes a dict by the names of the type, as the driver binds it."""
        plan = [(name, c.db_field_name, c.dumps, c.is_null) for name, c in cls._fields.items()]

        def write(value: Any) -> dict[str, Any]:
            own = value.__dict__
            made = {}
            for field, name, dumps, is_null in plan:
                item = own.get(field)
                # An empty list is null here as in tables, so that what was read with null is
                # found again among the elements of a set.
                if not is_null(item):
                    made[name] = item if dumps is None else dumps(item)
            return made

        return write


def _plan(
    cls: type[BaseUserType], names: list[str]
) -> list[tuple[str, int, Callable[[Any], Any] | None]]:
    """Return attribute, place among `names`, and conversion of each field found there.

    The type may have fewer fields than the class, or more, in another order.
    """
    return [
        (field, names.index(column.db_field_name), column.loads)
        for field, column in cls._fields.items()
        if column.db_field_name in names
    ]


def _names_of(kind: Any) -> list[str]:
    """Return the fields of a class of named tuples, as the type has them."""
    names: tuple[str, ...] = getattr(kind, "_cql_names", None) or kind._fields
    return list(names)


def _items(value: Any, names: dict[str, str]) -> tuple[Any, ...]:
    """Return what an object or a mapping has by these names, None where it has nothing."""
    if isinstance(value, Mapping):
        return tuple(value.get(name) for name in names)
    return tuple(getattr(value, name, None) for name in names)


class UserType(BaseUserType):
    """A user type: derive from it, and give the class a column for each field.

    - `__type_name__`: the name of the type, the class's in snake case by default

    Example::

        class Address(UserType):
            street = columns.Text(required=True)
            zip = columns.Integer(db_field="zip_code")

        customer.home = Address(street="Main St", zip=12345)

    Raises `UserTypeDefinitionException` when the class is made and contradicts itself.
    """

    __slots__ = ()
