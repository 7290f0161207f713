"""How things of a schema are named: functions and aggregates with their types, columns."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ColDesc", "SignatureDescriptor", "UserAggregateDescriptor", "UserFunctionDescriptor"]


class SignatureDescriptor:
    """A name and the CQL types of the arguments, which together identify an overload."""

    __slots__ = ("argument_types", "name")

    def __init__(self, name: str, argument_types: Sequence[str]) -> None:
        self.name = name
        self.argument_types = argument_types

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.argument_types!r})"

    @property
    def signature(self) -> str:
        """The name with its argument types, the key of a keyspace's functions and aggregates."""
        return self.format_signature(self.name, self.argument_types)

    @staticmethod
    def format_signature(name: str, argument_types: Iterable[str]) -> str:
        """Write a name and argument types as a signature.

        Example::

            >>> SignatureDescriptor.format_signature("median", ["int", "list<text>"])
            'median(int,list<text>)'
        """
        return f"{name}({','.join(argument_types)})"


class UserFunctionDescriptor(SignatureDescriptor):
    """Names one user-defined function, which its name alone does not: it may be overloaded."""

    __slots__ = ()


class UserAggregateDescriptor(SignatureDescriptor):
    """Names one user-defined aggregate, which its name alone does not: it may be overloaded."""

    __slots__ = ()


class ColDesc(NamedTuple):
    """A column of a table."""

    ks: str
    """The keyspace."""
    table: str
    col: str
    """The column."""
