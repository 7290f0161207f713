"""`ScalarColumn`: a column whose values are checked and converted one by one."""

from __future__ import annotations

from typing import TypeVar

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
