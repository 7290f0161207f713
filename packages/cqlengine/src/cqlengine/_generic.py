"""What several modules of the mapper need: generic classes without `typing`, and an old name."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Generic, TypeVar, overload
else:
    # typing is 3 ms of an import that takes 20, for names that only type checkers look at.

    class Generic:
        """A class with parameters, which mean nothing when the program runs."""

        __slots__ = ()

        def __class_getitem__(cls, parameters):
            """Return the class itself."""
            return cls

    def TypeVar(name, *constraints, **options):  # noqa: N802
        """Return something to put into brackets."""
        return

    def overload(function):
        """Return the function."""
        return function


__all__ = ["Generic", "TypeVar", "UnicodeMixin", "overload"]


class UnicodeMixin:
    """A class whose text is made by ``__unicode__``, as users of old drivers derive from."""

    def __str__(self) -> str:
        return str(self.__unicode__())

    def __unicode__(self) -> str:
        return repr(self)
