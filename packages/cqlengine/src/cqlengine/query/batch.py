"""`BatchQuery`: writes that are sent, and applied, together."""

from __future__ import annotations

import warnings
from copy import deepcopy

from cql_driver.cluster.profiles import NOT_SET
from cql_protocol.enums import BatchType as CBatchType
from cql_protocol.errors import InvalidValue
from cqlengine.connection.registry import find_connection
from cqlengine.errors import CQLEngineException, LWTException, QueryException
from cqlengine.query.options import microseconds
from cqlengine.query.requests import BatchParts, Request, arun, run
from cqlengine.query.writes import check_applied

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta
    from typing import Any, ClassVar, Self

    from cqlengine.query.requests import Steps

    _State = tuple[dict[str, Any] | None, bool]  # `_previous` and `_is_persisted`

__all__ = ["BatchQuery", "BatchType", "CBatchType"]


class BatchType:
    """The kinds of batches beside the logged one, which is the default."""

    Unlogged = "UNLOGGED"
    Counter = "COUNTER"


_PLAIN = frozenset((str, bytes, int, float, bool, type(None)))
"""Classes of most values, which never change."""

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

    Instances count as saved once they are in it; if the batch fails, or is not sent, they count
    as before again.
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
        self._states: list[tuple[Any, _State, _State]] = []
        self._is_undone = False

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
        if model._has_counter and self.batch_type == "LOGGED":
            raise QueryException(
                f"{model.__name__} has counters, which servers take in batches of their own: "
                "BatchQuery(batch_type=BatchType.Counter)"
            )
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
        # What the instance's containers hold now is sent, whatever is added to them later.
        copied = [
            deepcopy(value)
            if value.__class__ not in _PLAIN and hasattr(value, "__iter__")
            else value
            for value in values
        ]
        self._entries.append((text, copied))

    def add_state(self, instance: Any, before: _State) -> None:
        """Know what an instance counted as before it was put into the batch."""
        if self._is_undone:  # it has failed, and is filled further to be executed anew
            self._swap_states()
        self._states.append((instance, before, (instance._previous, instance._is_persisted)))

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
        if self._is_undone:
            self._swap_states()
        # Taken out first: what is added while it is awaited is not part of it.
        entries, states, conditional = self._entries, self._states, self._is_conditional
        self._entries, self._states, self._is_conditional = [], [], False
        try:
            if entries:
                yield from self._sent(entries, conditional)
        except LWTException:
            _swapped(states)  # for good: its statements are not sent again
            raise
        except BaseException:
            self._entries, self._states = entries + self._entries, states + self._states
            self._is_conditional = self._is_conditional or conditional
            self._swap_states()
            raise
        self._run_callbacks()

    def _sent(self, entries: Sequence[tuple[str, Sequence[Any]]], conditional: bool) -> Steps[None]:
        if conditional and self.timestamp is not None:
            raise QueryException(
                "servers give lightweight transactions their time: leave out the timestamp of the "
                "batch, or the conditions (iff, if_exists, if_not_exists) in it"
            )
        stamp = None if self.timestamp is None else microseconds(self.timestamp)
        parts = BatchParts(entries, self.batch_type, stamp)
        request = Request(
            "",
            (),
            self._connection,
            self._consistency,
            self.timeout,
            is_idempotent=False,
            batch=parts,
        )
        try:
            result = yield request
        except InvalidValue:
            from cqlengine.query.unset import has_unset, without_unset

            if not any(has_unset(values) for _, values in entries):
                raise
            # That is what is refused when the protocol is older than version 4; else it is again.
            parts.entries = [without_unset(text, values) for text, values in entries]
            result = yield request
        if conditional:
            check_applied(result)

    def _swap_states(self) -> None:
        """Have the instances count as before, as nothing was written; the second time as after.

        So that what has changed in them is saved by another verb, or by executing this anew.
        """
        self._states = _swapped(self._states)
        self._is_undone = not self._is_undone

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
        elif not self._is_undone:  # by execute() within the block
            self._swap_states()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None or self._execute_on_exception:
            self._warn_if_repeated()
            await arun(self._steps())
        elif not self._is_undone:  # by execute() within the block
            self._swap_states()


def _swapped(states: list[tuple[Any, _State, _State]]) -> list[tuple[Any, _State, _State]]:
    """Have instances count as before; return what has them count as after."""
    swapped = []
    for instance, before, after in reversed(states):
        previous, is_persisted = after
        # If it was saved in between, that counts.
        if instance._previous is previous and instance._is_persisted is is_persisted:
            instance._previous, instance._is_persisted = before
        swapped.append((instance, after, before))
    return swapped


def _is_same(one: Any, other: Any) -> bool:
    """Say whether two connections are the same one, each named in any way."""
    return one == other or find_connection(one) is find_connection(other)
