"""Value managers: how a column of an instance stands to what was read or saved."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cqlengine.columns.base import Column

__all__ = ["BaseValueManager", "CounterValueManager", "UDTValueManager"]


class BaseValueManager:
    """A view of one column of an instance, for those who look into changes.

    Instances keep plain values; this is made when it is asked for
    (``instance.value_manager("name")``).
    """

    def __init__(self, instance: Any, column: Column[Any], value: Any) -> None:
        self.instance = instance
        self.column = column
        self.value = value
        self.previous_value = (instance._previous or {}).get(column.column_name)
        self.explicit = column.column_name in instance.__dict__

    @property
    def deleted(self) -> bool:
        """Whether saving the instance would delete the column."""
        null = self.column.is_null
        return null(self.value) and (self.explicit or not null(self.previous_value))

    @property
    def changed(self) -> bool:
        """Whether the value is another one than what was read or saved."""
        return self.explicit and self.column.changed(self.value, self.previous_value)

    def reset_previous_value(self) -> None:
        """Have the present value count as saved."""
        self.previous_value = self.column.snapshot(self.value)
        if self.instance._previous is None:
            self.instance._previous = {}
        self.instance._previous[self.column.column_name] = self.previous_value

    def getval(self) -> Any:
        """Return the value."""
        return getattr(self.instance, self.column.column_name)

    def setval(self, val: Any) -> None:
        """Replace the value."""
        setattr(self.instance, self.column.column_name, val)
        self.value = val
        self.explicit = True

    def delval(self) -> None:
        """Have the instance hold no value for the column, so that saving deletes it."""
        self.setval(None)

    def get_property(self) -> property:
        """Return a property whose getter, setter and deleter are those of the value."""
        return property(
            lambda _: self.getval(), lambda _, value: self.setval(value), lambda _: self.delval()
        )


class CounterValueManager(BaseValueManager):
    """That of a counter, which is 0 where it was never added to."""

    def __init__(self, instance: Any, column: Column[Any], value: Any) -> None:
        super().__init__(instance, column, value or 0)
        self.previous_value = self.previous_value or 0


class UDTValueManager(BaseValueManager):
    """That of a value of a user type, which changes when one of its fields does."""

    @property
    def changed(self) -> bool:
        """Whether the value, or one of its fields, differs from what was read or saved."""
        return self.column.changed(self.value, self.previous_value)

    def reset_previous_value(self) -> None:
        """Have the present value, and those of its fields, count as saved."""
        if self.value is not None:
            self.value.reset_changed_fields()
        super().reset_previous_value()
