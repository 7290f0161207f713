"""Options of the next verb on an instance; asked of the class, they make a query set."""

from __future__ import annotations

from cqlengine.models.chaining import Chained
from cqlengine.query.options import NO_OPTIONS, WriteOptions, checked_ttl

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from typing import Any, Self

    from cqlengine.query.batch import BatchQuery

__all__ = ["InstanceOptions"]


class InstanceOptions:
    """Each method sets a choice for the next verb on the instance, and for that one alone.

    On the class the same names start a query set: ``User.ttl(60).create(...)``.
    """

    __slots__ = ("_options_next", "_using")

    _options_next: WriteOptions | None
    """Choices for the next verb."""
    _using: tuple[str | None, Any] | None
    """The keyspace and the connection it was read from, where those are not the model's own."""

    def _next(self) -> WriteOptions:
        options = self._options_next
        if options is None:
            options = self._options_next = WriteOptions()
        return options

    def _taken_options(self) -> WriteOptions:
        """Return the options of the verb that begins now; the one after it has none."""
        options = self._options_next
        home = self._using
        if options is None:
            if home is None:
                return NO_OPTIONS
            options = WriteOptions()
        self._options_next = None
        if home is not None:
            options.keyspace = options.keyspace or home[0]
            if options.connection is None:
                options.connection = home[1]
        return options

    @Chained
    def ttl(self, ttl: int | None) -> Self:
        """Have what is written vanish after this many seconds."""
        self._next().ttl = checked_ttl(ttl)
        return self

    @Chained
    def timestamp(self, timestamp: datetime | timedelta | int | None) -> Self:
        """Have the write count as of this time; a timedelta counts from now."""
        self._next().timestamp = timestamp
        return self

    @Chained
    def consistency(self, consistency: int | None) -> Self:
        """Use this consistency level, a number of `cql_driver.ConsistencyLevel`."""
        self._next().consistency = consistency
        return self

    @Chained
    def timeout(self, timeout: float | None) -> Self:
        """Wait this many seconds for the answer, None for no limit."""
        self._next().timeout = timeout
        return self

    @Chained
    def if_not_exists(self) -> Self:
        """Write only if there is no such row; else `LWTException` is raised."""
        self._next().if_not_exists = True
        return self

    @Chained
    def if_exists(self) -> Self:
        """Write only if there is such a row; else `LWTException` is raised."""
        self._next().if_exists = True
        return self

    @Chained
    def iff(self, *args: Any, **kwargs: Any) -> Self:
        """Write only if these conditions hold; else `LWTException` is raised.

        Conditions are those of `ModelQuerySet.iff`: ``user.iff(version=3).update(version=4)``.
        """
        from cqlengine.query.lookups import conditions_of

        options = self._next()
        options.conditions = (*options.conditions, *conditions_of(type(self), args, kwargs))
        return self

    @Chained
    def batch(self, batch: BatchQuery | None) -> Self:
        """Have the next verb be part of a batch."""
        self._next().take_batch(batch)
        return self

    @Chained
    def using(self, keyspace: str | None = None, connection: Any = None) -> Self:
        """Have the next verb go to another keyspace or connection.

        `connection` is a registered name, a `Connection`, a `Session` or an `AsyncSession`.
        """
        self._next().using(keyspace, connection)
        return self
