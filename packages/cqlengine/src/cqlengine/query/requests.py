"""Requests of the mapper, and how the same verbs block, or are awaited.

A verb is written once, as a generator: it yields `Request` objects, is sent the result of each
(an object of the driver's, with the rows of its first page as tuples), and returns what the
verb returns. What a request raises is raised where it was yielded. `run` carries a verb out
blocking, `arun` on asyncio.
"""

from __future__ import annotations

from cql_driver.cluster.profiles import NOT_SET
from cqlengine.connection.registry import find_connection

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any, TypeVar

    T = TypeVar("T")
    Steps = Generator["Request", Any, T]

__all__ = ["BatchParts", "Request", "arun", "run"]


class BatchParts:
    """Statements that are sent together.

    - `entries`: pairs of text and values
    - `batch_type`: "LOGGED", "UNLOGGED" or "COUNTER"
    - `timestamp`: microseconds since the epoch, None for the time of sending
    """

    __slots__ = ("batch_type", "entries", "timestamp")

    def __init__(
        self,
        entries: Sequence[tuple[str, Sequence[Any]]],
        batch_type: str = "LOGGED",
        timestamp: int | None = None,
    ) -> None:
        self.entries = entries
        self.batch_type = batch_type
        self.timestamp = timestamp


class Request:
    """A statement for a connection to run.

    - `text`: CQL with ``?`` markers, the same for all requests of a shape
    - `values`: what is bound to them, in their order
    - `connection`: which one, see `cqlengine.connection.find_connection`; None for the default
    - `consistency`: a number of `ConsistencyLevel`, None for the connection's
    - `timeout`: seconds, None for no limit
    - `fetch_size`: rows of a page, None for all at once
    - `is_idempotent`: whether running it twice does no harm
    - `prepared`: False for what is not worth preparing, such as changes of the schema
    - `batch`: statements that are sent together, instead of `text`
    """

    __slots__ = (
        "batch",
        "connection",
        "consistency",
        "fetch_size",
        "is_idempotent",
        "prepared",
        "text",
        "timeout",
        "values",
    )

    def __init__(
        self,
        text: str,
        values: Sequence[Any] = (),
        connection: Any = None,
        consistency: int | None = None,
        timeout: Any = NOT_SET,
        fetch_size: Any = NOT_SET,
        is_idempotent: bool = False,
        prepared: bool = True,
        batch: BatchParts | None = None,
    ) -> None:
        self.text = text
        self.values = values
        self.connection = connection
        self.consistency = consistency
        self.timeout = timeout
        self.fetch_size = fetch_size
        self.is_idempotent = is_idempotent
        self.prepared = prepared
        self.batch = batch

    def __repr__(self) -> str:
        return f"<Request {self.text!r} {self.values!r}>"


def run(steps: Steps[T]) -> T:
    """Carry out a verb; return what it returns."""
    try:
        request = steps.send(None)
        while True:
            try:
                result = find_connection(request.connection).execute(request)
            except BaseException as exc:  # noqa: BLE001 - the verb may know what to do
                request = steps.throw(exc)
            else:
                request = steps.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


async def arun(steps: Steps[T]) -> T:
    """Carry out a verb on the running event loop; return what it returns."""
    try:
        request = steps.send(None)
        while True:
            try:
                result = await find_connection(request.connection).aexecute(request)
            except BaseException as exc:  # noqa: BLE001 - the verb may know what to do
                request = steps.throw(exc)
            else:
                request = steps.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
