"""Functions of CQL as values of filters: `Token`, `MinTimeUUID`, `MaxTimeUUID`."""

from __future__ import annotations

from cqlengine._generic import UnicodeMixin
from cqlengine.errors import QueryException, ValidationError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from typing import Any

    from cqlengine.columns.base import Column

    Columns = Sequence[Column[Any]] | None

__all__ = [
    "BaseQueryFunction",
    "MaxTimeUUID",
    "MinTimeUUID",
    "QueryValue",
    "TimeUUIDQueryFunction",
    "Token",
    "get_total_seconds",
]


def get_total_seconds(td: timedelta) -> float:
    """Return the seconds of a timedelta, with their fraction."""
    return td.total_seconds()


class QueryValue(UnicodeMixin):
    """A value as it stands in a condition: a marker, and what is bound to it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def text(self) -> str:
        """Return the CQL, with a ``?`` for each value that `bind` returns."""
        return "?"

    def bind(self, columns: Columns = None) -> list[Any]:
        """Return what is bound to the markers.

        `columns` are those that the condition is about, and convert their values; without them
        the values are bound as they are.
        """
        return [self.value if columns is None else columns[0].to_database(self.value)]

    def get_context_size(self) -> int:
        """Return the number of markers."""
        return len(self.bind())

    def __unicode__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment] # the values need not have one


class BaseQueryFunction(QueryValue):
    """A function of CQL that is called with the value."""


class TimeUUIDQueryFunction(BaseQueryFunction):
    """A timeuuid that the server makes of a time: a bound for columns of timeuuids.

    `value` is a datetime; naive ones are UTC. Raises `ValidationError` for anything else.
    """

    function: str

    def __init__(self, value: datetime) -> None:
        from datetime import datetime

        if not isinstance(value, datetime):
            raise ValidationError(
                f"{type(self).__name__} takes a datetime, not {type(value).__name__}"
            )
        super().__init__(value)

    def text(self) -> str:
        """Return the call, with one marker."""
        return f"{self.function}(?)"

    def bind(self, columns: Columns = None) -> list[Any]:
        """Return the time: the column, which holds timeuuids, has no part in it."""
        return [self.to_database(self.value)]

    def to_database(self, val: datetime) -> datetime:
        """Return the time as the driver is to bind it."""
        return val


class MinTimeUUID(TimeUUIDQueryFunction):
    """The least timeuuid of a time.

    Example::

        Event.filter(day=today, id__gt=MinTimeUUID(datetime(2026, 1, 1)))

    Values are cut to the millisecond, as CQL's timestamps are: with ``__gt`` what happened in
    that very millisecond is included.
    """

    function = "minTimeuuid"


class MaxTimeUUID(TimeUUIDQueryFunction):
    """The greatest timeuuid of a time: with ``__gt`` what happened in its millisecond is not."""

    function = "maxTimeuuid"


class Token(BaseQueryFunction):
    """The token of a partition key, to walk through a table in the ring's order.

    It takes the values of all partition key columns, in their order, or one instance of the
    model, whose partition key it takes.

    Example::

        page = list(User.objects.limit(100))
        User.filter(pk__token__gt=Token(page[-1].pk)).limit(100)
    """

    def __init__(self, *values: Any) -> None:
        if len(values) == 1:
            only = values[0]
            keys = getattr(type(only), "_partition_keys", None)
            if keys is not None:
                values = tuple(getattr(only, name) for name in keys)
            elif isinstance(only, (list, tuple)):
                values = tuple(only)
        super().__init__(values)
        self._columns: Columns = None

    def set_columns(self, columns: Sequence[Column[Any]]) -> None:
        """Say which columns the partition key has, to convert the values and to count them."""
        self._columns = columns
        self._check(columns)

    def text(self) -> str:
        """Return the call, with a marker for each value."""
        return f"token({', '.join('?' * len(self.value))})"

    def bind(self, columns: Columns = None) -> list[Any]:
        """Return the values; raises `QueryException` when the key has more or fewer columns."""
        columns = self._columns if columns is None else columns
        if columns is None:
            return list(self.value)
        self._check(columns)
        return [
            column.to_database(value) for column, value in zip(columns, self.value, strict=True)
        ]

    def _check(self, columns: Sequence[Column[Any]]) -> None:
        if len(self.value) != len(columns):
            names = ", ".join(column.column_name for column in columns)
            raise QueryException(
                f"Token got {len(self.value)} values for the partition key ({names}): "
                "give one for each of its columns"
            )

    def __repr__(self) -> str:
        return f"Token({', '.join(map(repr, self.value))})"
