"""`WriteOptions`: how the next verb on an instance, or a query set, is carried out."""

from __future__ import annotations

from cql_driver.cluster.profiles import NOT_SET
from cqlengine.errors import QueryException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from typing import Any

    from cqlengine.query.batch import BatchQuery

__all__ = ["WriteOptions", "checked_ttl", "microseconds"]


class WriteOptions:
    """Choices for one verb.

    - `ttl`: seconds until what is written vanishes; 0 for never; None for the table's default
    - `timestamp`: when it counts as written: a datetime, a timedelta from now, or microseconds
      since the epoch
    - `conditions`: what must hold for it to be written (``IF``)
    - `connection`, `keyspace`: where, the model's own when None
    """

    __slots__ = (
        "batch",
        "conditions",
        "connection",
        "consistency",
        "if_exists",
        "if_not_exists",
        "keyspace",
        "timeout",
        "timestamp",
        "ttl",
    )

    ttl: int | None
    timestamp: datetime | timedelta | int | None
    consistency: int | None
    batch: BatchQuery | None

    def __init__(self) -> None:
        self.ttl = None
        self.timestamp = None
        self.conditions: tuple[Any, ...] = ()
        self.if_exists = False
        self.if_not_exists = False
        self.consistency = None
        self.timeout: Any = NOT_SET
        self.connection: Any = None
        self.keyspace: str | None = None
        self.batch = None

    def copied(self) -> WriteOptions:
        """Return a copy."""
        copy = WriteOptions.__new__(WriteOptions)
        # Written out: in a loop it takes four times as long.
        copy.batch = self.batch
        copy.conditions = self.conditions
        copy.connection = self.connection
        copy.consistency = self.consistency
        copy.if_exists = self.if_exists
        copy.if_not_exists = self.if_not_exists
        copy.keyspace = self.keyspace
        copy.timeout = self.timeout
        copy.timestamp = self.timestamp
        copy.ttl = self.ttl
        return copy

    def take_batch(self, batch: BatchQuery | None) -> None:
        """Have the verb be part of a batch."""
        if batch is not None:
            if not hasattr(batch, "add_request"):
                raise QueryException(f"batch() takes a BatchQuery, not {batch!r}")
            if self.connection is not None:
                raise QueryException(
                    "using(connection=...) and batch() cannot be combined: a batch has its own "
                    "connection, BatchQuery(connection=...)"
                )
        self.batch = batch

    def using(self, keyspace: str | None, connection: Any) -> None:
        """Have the verb go elsewhere."""
        if self.batch is not None and connection is not None:
            raise QueryException(
                "a batch has its own connection: BatchQuery(connection=...), not using(...)"
            )
        if keyspace is not None:
            self.keyspace = keyspace
        if connection is not None:
            self.connection = connection


NO_OPTIONS = WriteOptions()
"""Of a verb without any; never changed."""


def checked_ttl(ttl: Any) -> int | None:
    """Return a TTL in seconds, or None; raise `QueryException` for what is none."""
    if ttl is None:
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, int) or ttl < 0:
        raise QueryException(f"ttl={ttl!r}: a number of seconds, 0 for never, None for none")
    return ttl


def microseconds(timestamp: datetime | timedelta | int) -> int:
    """Return a time as microseconds since the epoch, as writes are stamped with.

    A datetime without a time zone is UTC, as everywhere in the mapper; a timedelta counts
    from now.
    """
    if isinstance(timestamp, int) and not isinstance(timestamp, bool):
        return timestamp
    from datetime import UTC, datetime, timedelta

    if isinstance(timestamp, timedelta):
        timestamp = datetime.now(UTC) + timestamp
    if isinstance(timestamp, datetime):
        if timestamp.tzinfo is None:
            timestamp = timestamp.replace(tzinfo=UTC)
        return (timestamp - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    raise QueryException(
        f"timestamp={timestamp!r}: a datetime, a timedelta from now, or microseconds as an int"
    )
