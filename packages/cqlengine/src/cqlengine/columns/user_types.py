"""`UserDefinedType`: columns whose values are of a user type."""

from __future__ import annotations

from collections.abc import Mapping

from cql_protocol.identifiers import protect_type_name
from cqlengine._generic import Generic, TypeVar
from cqlengine.columns.base import Column, checks_only
from cqlengine.columns.managers import BaseValueManager, UDTValueManager
from cqlengine.columns.scalars import shown
from cqlengine.errors import ColumnDefinitionException, ValidationError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cqlengine.usertype import BaseUserType

__all__ = ["UserDefinedType", "resolve_udts"]

_U = TypeVar("_U", bound="BaseUserType")


class UserDefinedType(Column[_U], Generic[_U]):
    """A column of a user type, the class `user_type`.

    Its value is an instance of the class. It is replaced as a whole when one of its fields has
    changed. Accepts mappings by field, too. With ``frozen=False`` statements of other programs
    can change single fields; the server then wants the type's own collections ``frozen=True``.

    Example::

        class Address(UserType):
            street = columns.Text()
            zip = columns.Integer()

        class Customer(Model):
            id = columns.UUID(primary_key=True)
            home = columns.UserDefinedType(Address)
    """

    db_type = "frozen"
    value_manager: type[BaseValueManager] = UDTValueManager

    def __init__(self, user_type: type[_U], frozen: bool = True, **kwargs: Any) -> None:
        if not isinstance(user_type, type) or not hasattr(user_type, "register_for_keyspace"):
            raise ColumnDefinitionException(
                f"UserDefinedType: {user_type!r} is no user type: derive it from UserType"
            )
        if not user_type._fields:
            raise ColumnDefinitionException(
                f"UserDefinedType: {user_type.__name__} has no fields: give it columns"
            )
        super().__init__(**kwargs)
        self.user_type = user_type
        self.frozen = frozen

    @property
    def cql_type(self) -> str:
        """The type as it stands in CREATE TABLE."""
        name = protect_type_name(self.user_type.type_name())
        return f"frozen<{name}>" if self.frozen else name

    @property
    def element_type(self) -> str:
        """The type as it stands within a collection: frozen."""
        return f"frozen<{protect_type_name(self.user_type.type_name())}>"

    @property
    def sub_types(self) -> Sequence[Column[Any]]:
        """The fields of the type."""
        return tuple(self.user_type._fields.values())

    # --- values --------------------------------------------------------------------------------

    def validate(self, value: Any) -> Any:
        """Return the value with valid fields; raise `ValidationError` if one is not."""
        if value is None:
            return super().validate(None)
        made: _U = self.to_python(value)
        try:
            made.validate()
        except ValidationError as error:
            raise self.refusal(str(error)) from None
        return made

    @checks_only
    def to_python(self, value: Any) -> Any:
        """Return an instance of the user type, made of a mapping or of what the driver reads."""
        if value is None or isinstance(value, self.user_type):
            return value
        if isinstance(value, Mapping):
            try:
                return self.user_type(**value)
            except ValidationError as error:
                raise self.refusal(str(error)) from None
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self.user_type._reader()(value)
        raise self.refusal(f"{shown(value)} is no {self.user_type.__name__}")

    @property
    def load_present(self) -> Callable[[Any], Any] | None:
        """What makes instances of what the driver reads."""
        if not hasattr(self.to_python, "checks_only"):
            return self.to_python
        return self.user_type._reader()

    @checks_only
    def to_database(self, value: Any) -> Any:
        """Return a dict by the names of the type's fields."""
        return None if value is None else self.user_type._writer()(self.to_python(value))

    @property
    def dumps(self) -> Callable[[Any], Any] | None:
        """What makes dicts by the names of the type's fields."""
        if not hasattr(self.to_database, "checks_only"):
            return self.to_database
        return self.user_type._writer()

    @property
    def stored(self) -> Callable[[Any], Any]:
        """What makes a tuple of the fields as the server keeps them."""
        plan = [(name, c.stored, c.is_null) for name, c in self.user_type._fields.items()]

        def fields_of(value: Any) -> tuple[Any, ...]:
            found = []
            for name, convert, is_null in plan:
                item = value.__dict__.get(name)
                if is_null(item):
                    item = None
                elif convert is not None:
                    item = convert(item)
                found.append(item)
            return tuple(found)

        return fields_of

    def snapshot(self, value: Any) -> Any:
        """Return a copy."""
        return None if value is None else value._copied()


def resolve_udts(col_def: Column[Any], out_list: list[type[BaseUserType]]) -> None:
    """Append the user types that a column uses to `out_list`, each after those that it uses."""
    for part in col_def.sub_types:
        resolve_udts(part, out_list)
    if isinstance(col_def, UserDefinedType):
        out_list.append(col_def.user_type)
