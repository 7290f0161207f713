"""What several modules of the mapper need, and what is old about the names of others."""

from __future__ import annotations

__all__ = ["UnicodeMixin"]


class UnicodeMixin:
    """A class whose text is made by ``__unicode__``, as users of old drivers derive from."""

    def __str__(self) -> str:
        return str(self.__unicode__())

    def __unicode__(self) -> str:
        return repr(self)
