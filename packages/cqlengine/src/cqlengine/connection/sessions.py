"""How the mapper uses a session: its statements are prepared once, and its rows are tuples.

Nothing of the session itself is changed: what the mapper needs otherwise is in variants of the
default execution profile that nobody else has, and in prepared statements of its own.
"""

from __future__ import annotations

from weakref import ref

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_driver.query import tuple_factory
from cqlengine._generic import Generic, TypeVar
from cqlengine.errors import CQLEngineException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from cql_driver.aio import AsyncResultSet, AsyncSession
    from cql_driver.cluster import Session
    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.cluster.results import ResultSet
    from cql_driver.cluster.session_base import SessionBase
    from cql_driver.query import BatchStatement, PreparedStatement
    from cqlengine.query.requests import Request

    Awaited = Awaitable[AsyncResultSet]

__all__ = [
    "AwaitedSession",
    "BlockingSession",
    "BorrowedAwaitedSession",
    "BorrowedBlockingSession",
    "UsedSession",
]

_R = TypeVar("_R")

MOST_STATEMENTS = 4096
"""Prepared statements that are kept for a session; the oldest one makes room."""


def _names_keyspace(text: str) -> bool:
    """Say whether the table of a statement of the mapper stands with its keyspace."""
    for before in ("INSERT INTO ", "UPDATE ", " FROM "):
        _, found, after = text.partition(before)
        if found:
            return "." in after.partition(" ")[0]
    return False


class UsedSession(Generic[_R]):
    """A session with what the mapper keeps for it.

    `consistency` is that of requests which have none of their own, None for the profile's.
    """

    __slots__ = ("_idempotent", "_levels", "_others", "consistency", "session")

    session: Any
    consistency: int | None

    def __init__(self, session: SessionBase, consistency: int | None = None) -> None:
        self.session = session
        self.consistency = consistency
        # By their text. Those that may be run twice are apart, as the statement itself says so.
        self._idempotent: dict[str, PreparedStatement] = {}
        self._others: dict[str, PreparedStatement] = {}
        self._levels: tuple[ExecutionProfile | None, dict[int, ExecutionProfile]] = (None, {})

    # --- profiles --------------------------------------------------------------------------------

    def profile(self, consistency: int | None, row_factory: Any = tuple_factory) -> Any:
        """Return a variant of the session's default profile with this level and row factory."""
        base = self.session.profile(EXEC_PROFILE_DEFAULT)
        level = self.consistency if consistency is None else consistency
        if level is not None:
            base = self._leveled(base, level)
        return base.with_row_factory(row_factory)

    def _leveled(self, profile: ExecutionProfile, level: int) -> ExecutionProfile:
        """Return the variant of a profile that has this level, the same each time."""
        base, levels = self._levels
        if base is not profile:
            # The variants of one before whose attributes were changed are of no use any more.
            levels = {}
            self._levels = profile, levels
        found = levels.get(level)
        if found is None:
            found = profile.clone()
            found.consistency_level = level
            levels[level] = found
        return found

    # --- statements ------------------------------------------------------------------------------

    def known(self, text: str, is_idempotent: bool) -> PreparedStatement | None:
        """Return the statement of a text that was prepared before."""
        return (self._idempotent if is_idempotent else self._others).get(text)

    def keep(
        self, text: str, is_idempotent: bool, statement: PreparedStatement
    ) -> PreparedStatement:
        """Keep the statement of a text, which nobody else has; return it."""
        kept = self._others
        if is_idempotent:
            statement.is_idempotent = True
            kept = self._idempotent
        if not _names_keyspace(text):
            return statement  # another keyspace may be in use the next time
        while len(kept) >= MOST_STATEMENTS:
            oldest = next(iter(list(kept)), None)
            kept.pop(oldest, None)  # type: ignore[arg-type]
        kept[text] = statement
        return statement

    @staticmethod
    def sized(statement: PreparedStatement, request: Request) -> tuple[Any, Any]:
        """Return what is to be run, and the values to run it with."""
        if request.fetch_size is NOT_SET:
            return statement, request.values
        bound = statement.bind(request.values)
        bound.fetch_size = request.fetch_size
        return bound, None

    @staticmethod
    def new_batch(request: Request) -> BatchStatement:
        """Return the batch that a request asks for, still without its statements."""
        from cqlengine.connection.batches import TimedBatch

        parts = request.batch
        assert parts is not None
        batch = TimedBatch(parts.batch_type, parts.timestamp)
        batch.is_idempotent = request.is_idempotent
        return batch

    def execute(self, request: Request) -> _R:
        """Run a request; return its first page, with rows as tuples, or what that is awaited by."""
        text = request.text
        statement = (self._idempotent if request.is_idempotent else self._others).get(text)
        if statement is None or request.fetch_size is not NOT_SET:
            return self._execute_any(request)
        # `profile` written out.
        session = self.session
        level = request.consistency
        if level is None:
            level = self.consistency
        profile = session.profile(EXEC_PROFILE_DEFAULT)
        if level is not None:
            profile = self._leveled(profile, level)
        profile = profile.with_row_factory(tuple_factory)
        result: _R = session.execute(
            statement, request.values, request.timeout, False, None, profile
        )
        return result

    def _execute_any(self, request: Request) -> _R:
        """Run a request that is not as nearly all are."""
        raise NotImplementedError


class BlockingSession(UsedSession["ResultSet"]):
    """A `Session`, through which the caller waits."""

    __slots__ = ()

    session: Session

    def _execute_any(self, request: Request) -> ResultSet:
        session = self.session
        query: Any = request.text
        values: Any = request.values or None
        if request.batch is not None:
            query, values = self.new_batch(request), None
            for text, row in request.batch.entries:
                query.add(self._prepared(session, text, request.is_idempotent), row)
        elif request.prepared:
            statement = self._prepared(session, query, request.is_idempotent)
            query, values = self.sized(statement, request)
        profile = self.profile(request.consistency)
        return session.execute(query, values, request.timeout, False, None, profile)

    def _prepared(self, session: Session, text: str, is_idempotent: bool) -> PreparedStatement:
        known = self.known(text, is_idempotent)
        return known or self.keep(text, is_idempotent, session.prepare(text))


class AwaitedSession(UsedSession["Awaited"]):
    """An `AsyncSession`, through which tasks of its event loop wait."""

    __slots__ = ("closing",)

    session: AsyncSession
    closing: Any
    """What ends the cluster that was opened for the session, where it is the mapper's own."""

    async def _execute_any(self, request: Request) -> AsyncResultSet:
        session = self.session
        query: Any = request.text
        values: Any = request.values or None
        if request.batch is not None:
            query, values = self.new_batch(request), None
            for text, row in request.batch.entries:
                query.add(await self._prepared(session, text, request.is_idempotent), row)
        elif request.prepared:
            statement = await self._prepared(session, query, request.is_idempotent)
            query, values = self.sized(statement, request)
        profile = self.profile(request.consistency)
        return await session.execute(query, values, request.timeout, False, None, profile)

    async def _prepared(
        self, session: AsyncSession, text: str, is_idempotent: bool
    ) -> PreparedStatement:
        known = self.known(text, is_idempotent)
        return known or self.keep(text, is_idempotent, await session.prepare(text))


class _Borrowed:
    """Holds the session weakly: the application keeps it for as long as it is of use."""

    __slots__ = ()

    _session: ref[SessionBase]

    @property
    def session(self) -> Any:
        """The session, which somebody must have for this to be called at all."""
        session = self._session()
        if session is None:
            raise CQLEngineException(
                "the session of this connection is gone: keep a reference to it, or register it "
                "by cqlengine.connection.register_connection(name, session=...)"
            )
        return session

    @session.setter
    def session(self, session: SessionBase) -> None:
        object.__setattr__(self, "_session", ref(session))


class BorrowedBlockingSession(_Borrowed, BlockingSession):
    """A `Session` that was given with a query."""

    __slots__ = ("_session",)


class BorrowedAwaitedSession(_Borrowed, AwaitedSession):
    """An `AsyncSession` that was given with a query."""

    __slots__ = ("_session",)
