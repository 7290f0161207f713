"""`ScalarColumn`: a column whose values are checked and converted one by one."""

from __future__ import annotations

from cqlengine._generic import TypeVar
from cqlengine.columns.base import Column, checks_only

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["ScalarColumn", "shown"]

_T = TypeVar("_T")


class ScalarColumn(Column[_T]):
    """A column of a type that has no parts.

    What is given to a model, kept on its instances and bound are all made by `cast`; what
    the driver reads needs no conversion.
    """

    _plain_type: type | None = None
    """`plain_type`, of the class that defines `cast`."""

    @property
    def plain_type(self) -> type | None:
        """The class whose values within `plain_limits` are valid as they are."""
        kind = type(self)
        if kind.validate is not ScalarColumn.validate:
            return None
        # A class that has a `cast` of its own must say so for itself.
        for each in kind.__mro__:
            if "_plain_type" in vars(each):
                return self._plain_type
            if "cast" in vars(each):
                return None
        return None

    def cast(self, value: Any) -> _T:
        """Return a value that is not None as instances have it, or raise `ValidationError`."""
        raise NotImplementedError

    def validate(self, value: Any) -> Any:
        """Return the value as instances have it; raise `ValidationError` if it is none."""
        return super().validate(None) if value is None else self.cast(value)

    @checks_only
    def to_python(self, value: Any) -> Any:
        """Return a value given to a model as instances have it."""
        return None if value is None else self.cast(value)

    @checks_only
    def to_database(self, value: Any) -> Any:
        """Return a value as the driver is to bind it."""
        return None if value is None else self.cast(value)


def shown(value: Any) -> str:
    """Return a value and its type for a message, cut where it is long."""
    # A huge int has no text: Python refuses to make one of more than 4,300 digits.
    text = hex(value) if isinstance(value, int) and abs(value) >> 64 else repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"
