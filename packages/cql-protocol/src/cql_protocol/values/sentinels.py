"""The base of values that never change, and the markers that stand for one: `UNSET`, `EMPTY`."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["EMPTY", "UNSET", "Empty", "Unset", "Immutable"]


class Immutable:
    """Slots class whose attributes are written once, by `object.__setattr__`, in `__init__`."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot delete {name!r}")


class Unset(Immutable):
    """The class of `UNSET`, its only instance."""

    __slots__ = ()

    def __new__(cls) -> Unset:
        """Return `UNSET`."""
        return UNSET

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "UNSET"


class Empty(Immutable):
    """The class of `EMPTY`, its only instance."""

    __slots__ = ()

    def __new__(cls) -> Empty:
        """Return `EMPTY`."""
        return EMPTY

    def __repr__(self) -> str:
        return "EMPTY"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "EMPTY"


UNSET: Unset = object.__new__(Unset)
"""Stands for a parameter that is not sent: the column keeps what it holds.

Different from None, which writes a null (a deletion). Protocol 4 and newer, spec section 4.1.4.
Falsy; copying and pickling give the same object back.
"""

EMPTY: Empty = object.__new__(Empty)
"""A cell of zero bytes of a type where zero bytes are no value, such as an int.

Old tables can hold such cells (spec section 6). They are read as None, or as `EMPTY` with
`ReadOptions(empty_values=True)`; writing `EMPTY` sends zero bytes, for any type.
"""
