"""`BatchQuery`: writes that are sent, and applied, together."""

from __future__ import annotations

import warnings

from cql_driver.cluster.profiles import NOT_SET
from cql_protocol.enums import BatchType as CBatchType
from cqlengine.connection.registry import find_connection
from cqlengine.errors import CQLEngineException
from cqlengine.query.options import microseconds
from cqlengine.query.requests import BatchParts, Request, arun, run
from cqlengine.query.writes import check_applied

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta
    from typing import Any, ClassVar, Self

    from cqlengine.query.requests import Steps

__all__ = ["BatchQuery", "BatchType", "CBatchType"]


class BatchType:
    """The kinds of batches beside the logged one, which is the default."""

    Unlogged = "UNLOGGED"
    Counter = "COUNTER"


_TYPES = {
    None: "LOGGED",
    "": "LOGGED",
    "LOGGED": "LOGGED",
    "UNLOGGED": "UNLOGGED",
    "COUNTER": "COUNTER",
}


class BatchQuery:
    """Writes of models that are sent together, as one batch of the protocol.

    - `batch_type`: None for a logged batch (all or none), or one of `BatchType`
    - `timestamp`: when all of it counts as written: a datetime, a timedelta from the time of
      sending, or microseconds since the epoch
    - `consistency`: a number of `ConsistencyLevel`
    - `execute_on_exception`: send it although the ``with`` block was left by an exception
    - `timeout`: seconds, None for no limit
    - `connection`: see `cqlengine.connection.find_connection`; that of its models when None

    Raises `LWTException` when conditions are among its writes and one of them did not hold. A
    batch is not faster than its writes one by one, unless they are all for one partition.

    Example::

        with BatchQuery() as batch:
            User.batch(batch).create(id=user_id, name="Zoë")
            old.batch(batch).delete()

    On asyncio ``async with BatchQuery() as batch:``; the writes in it are the same ones, and
    need no ``await``.
    """

    warn_multiple_exec: ClassVar[bool] = True
    _consistency: int | None

    def __init__(
        self,
        batch_type: str | None = None,
        timestamp: datetime | timedelta | int | None = None,
        consistency: int | None = None,
        execute_on_exception: bool = False,
        timeout: float | None = NOT_SET,
        connection: Any = None,
    ) -> None:
        kind = batch_type.upper() if isinstance(batch_type, str) else batch_type
        if kind not in _TYPES:
            kind = getattr(batch_type, "name", batch_type)  # one of the driver's BatchType
        if kind not in _TYPES:
            raise CQLEngineException(
                f"batch_type={batch_type!r}: None, BatchType.Unlogged or BatchType.Counter"
            )
        if timestamp is not None:
            microseconds(timestamp)  # says so when it is none
        self.batch_type = _TYPES[kind]
        self.timestamp = timestamp
        self.timeout = timeout
        self._consistency = consistency
        self._execute_on_exception = execute_on_exception
        self._connection = connection
        self._explicit = connection is not None
        self._entries: list[tuple[str, Sequence[Any]]] = []
        self._is_conditional = False
        self._callbacks: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
        self._executed = False

    # --- what is in it ---------------------------------------------------------------------------

    def add_query(self, query: Any) -> None:
        """Add a statement of `cqlengine.statements`."""
        text, values = getattr(query, "text", None), getattr(query, "values", None)
        if text is None or values is None:
            raise CQLEngineException(
                f"add_query() takes a statement of cqlengine.statements, not {query!r}"
            )
        if getattr(query, "conditionals", None):
            self._is_conditional = True
        self._entries.append((text(), values()))

    def add_request(
        self,
        model: Any,
        text: str,
        values: Sequence[Any],
        is_conditional: bool,
        connection: Any = None,
    ) -> None:
        """Add the write of a model: called by its verbs.

        `connection` is where the instance was read, if that is not its model's own.
        """
        if not self._explicit:
            if connection is None:
                connection = model._get_connection()
            if self._entries and not _is_same(connection, self._connection):
                raise CQLEngineException(
                    f"{model.__name__} belongs to another connection than what is in the batch: "
                    "a batch has one; name it by BatchQuery(connection=...)"
                )
            self._connection = connection
        self._is_conditional = self._is_conditional or is_conditional
        self._entries.append((text, values))

    def add_callback(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have ``fn(*args, **kwargs)`` called once the batch is done, even if it is empty.

        Raises `TypeError` for what cannot be called.
        """
        if not callable(fn):
            raise TypeError(f"add_callback() takes a function, not {fn!r}")
        self._callbacks.append((fn, args, kwargs))

    def consistency(self, consistency: int | None) -> Self:
        """Have the batch use this consistency level."""
        self._consistency = consistency
        return self

    def __len__(self) -> int:
        """Return how many statements there are in it."""
        return len(self._entries)

    def __bool__(self) -> bool:
        return True

    # --- sending it ------------------------------------------------------------------------------

    def execute(self) -> None:
        """Send the batch; nothing is sent when it is empty. Then its callbacks are called."""
        self._warn_if_repeated()
        run(self._steps())

    async def aexecute(self) -> None:
        """Do as `execute`, on asyncio."""
        self._warn_if_repeated()
        await arun(self._steps())

    def _steps(self) -> Steps[None]:
        entries, conditional = self._entries, self._is_conditional
        if entries:
            stamp = None if self.timestamp is None else microseconds(self.timestamp)
            result = yield Request(
                "",
                (),
                self._connection,
                self._consistency,
                self.timeout,
                is_idempotent=False,
                batch=BatchParts(entries, self.batch_type, stamp),
            )
            self._entries, self._is_conditional = [], False
            if conditional:
                check_applied(result)
        self._run_callbacks()

    def _warn_if_repeated(self) -> None:
        if self._executed and self.warn_multiple_exec:
            warnings.warn(
                "the batch is executed a second time: its statements are sent once, but its "
                "callbacks are called again. Make a BatchQuery for each batch, or set "
                "BatchQuery.warn_multiple_exec = False",
                stacklevel=3,
            )
        self._executed = True

    def _run_callbacks(self) -> None:
        for fn, args, kwargs in self._callbacks:
            fn(*args, **kwargs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None or self._execute_on_exception:
            self._warn_if_repeated()
            run(self._steps())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None or self._execute_on_exception:
            self._warn_if_repeated()
            await arun(self._steps())


def _is_same(one: Any, other: Any) -> bool:
    """Say whether two connections are the same one, each named in any way."""
    return one == other or find_connection(one) is find_connection(other)
