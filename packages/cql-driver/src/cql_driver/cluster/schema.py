"""What `Cluster` lets applications do with the schema: refresh it, and be told of changes."""

from __future__ import annotations

from cql_driver.cluster.values import checked_instance, checked_name, checked_seconds
from cql_driver.errors import InvalidArgument, UserTypeDoesNotExist
from cql_protocol.errors import DriverException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from threading import RLock
    from typing import Any

    from cql_driver.core.engine import Engine

__all__ = ["ClusterSchema", "SchemaListener"]


class SchemaListener:
    """Is told of changes of the schema, each as soon as `cluster.metadata` shows it.

    That is of keyspaces, tables, views, user types, functions and aggregates; a keyspace that
    is added or dropped stands for all in it. Of changes that come together the outcome is told.
    Calls come one at a time, on the loop, and must be quick; what they raise is logged.
    """

    def on_added(self, entity: Any) -> None:
        """`entity` is new."""

    def on_changed(self, old: Any, new: Any) -> None:
        """`new` stands in the place of `old` now."""

    def on_dropped(self, entity: Any) -> None:
        """`entity` is gone."""


class ClusterSchema:
    """The part of `Cluster` that is about the schema.

    The driver follows it by itself; to refresh it is for who switched that off, or cannot wait.
    It waits for the nodes to agree: `max_schema_agreement_wait` is how many seconds they have
    (None: as the cluster says; 0 or less: do not look). Raises `DriverException` when they do
    not, and what goes wrong.
    """

    schema_metadata_enabled: bool
    _engine: Engine | None
    _lock: RLock
    _schema_listeners: tuple[Any, ...] = ()

    if TYPE_CHECKING:

        def _running(self, what: str) -> Engine: ...

    # --- refreshing --------------------------------------------------------------------------

    def refresh_schema_metadata(self, max_schema_agreement_wait: float | None = None) -> None:
        """Ask for all keyspaces, and for what is in those that were looked at."""
        self._refresh(max_schema_agreement_wait)

    def refresh_keyspace_metadata(
        self, keyspace: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a keyspace and what is in it."""
        self._refresh(max_schema_agreement_wait, "KEYSPACE", keyspace)

    def refresh_table_metadata(
        self, keyspace: str, table: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a table with its indexes, triggers and views."""
        self._refresh(max_schema_agreement_wait, "TABLE", keyspace, table)

    def refresh_materialized_view_metadata(
        self, keyspace: str, view: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a materialized view."""
        self._refresh(max_schema_agreement_wait, "TABLE", keyspace, view)

    def refresh_user_type_metadata(
        self, keyspace: str, user_type: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a user-defined type."""
        self._refresh(max_schema_agreement_wait, "TYPE", keyspace, user_type)

    def refresh_user_function_metadata(
        self, keyspace: str, function: Any, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a function: a `UserFunctionDescriptor`, or a name for all that have it."""
        self._refresh(max_schema_agreement_wait, "FUNCTION", keyspace, function)

    def refresh_user_aggregate_metadata(
        self, keyspace: str, aggregate: Any, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for an aggregate: a `UserAggregateDescriptor`, or a name for all that have it."""
        self._refresh(max_schema_agreement_wait, "AGGREGATE", keyspace, aggregate)

    def _refresh(self, wait: Any, kind: str = "", keyspace: Any = None, name: Any = None) -> None:
        wait = checked_seconds("max_schema_agreement_wait", wait, negative=True)
        due = {}
        if kind:
            checked_name("keyspace", keyspace, "keyspace")
            if kind != "KEYSPACE":
                checked_name(kind.lower(), name := getattr(name, "name", name), kind.lower())
            due = {keyspace: {(kind, name or "")}}
        engine = self._running("refreshing the schema")

        async def refresh() -> None:
            if not await engine.control.wait_for_schema_agreement(wait):
                raise DriverException(
                    "the nodes do not agree on a schema: try again later, or take what one of "
                    "them has by max_schema_agreement_wait=0"
                )
            force = bool(due) or not self.schema_metadata_enabled
            await engine.control.schema.refresh(due, force=force)

        engine.runtime.run(refresh())

    def _setting_changed(self, name: str) -> None:
        """Go by what was set while connected."""
        engine = self._engine
        if engine is None or engine.closed is not None:
            return
        if name == "token_metadata_enabled":
            _in_background(engine, engine.control.refresh_nodes(True), "Refreshing the nodes")
        elif name in ("schema_metadata_enabled", "eager_schema", "schema_keyspaces"):
            engine.runtime.dispatch(engine.control.schema.look_through)

    # --- listeners ---------------------------------------------------------------------------

    @property
    def schema_listeners(self) -> list[Any]:
        """The listeners registered for changes of the schema."""
        return list(self._schema_listeners)

    def register_schema_listener(self, listener: Any) -> None:
        """Tell a `SchemaListener` of changes from now on.

        To know what was, all keyspaces (or those in `schema_keyspaces`) are fetched before this
        returns, and followed. Raises what that raises; the listener is registered all the same.

        Example::

            class Prints(SchemaListener):
                def on_added(self, entity):
                    print("new:", entity.name)

            cluster.register_schema_listener(Prints())
        """
        methods = ("on_added", "on_changed", "on_dropped")
        checked_instance("listener", listener, methods, "a SchemaListener", none=False)
        with self._lock:
            self._set_schema_listeners((*self._schema_listeners, listener))
        engine = self._engine
        if engine is not None:
            following = engine.control.schema.follow_all()
            if _may_wait(engine):
                engine.runtime.run(following)
            else:
                _in_background(engine, following, "Fetching the schema")

    def unregister_schema_listener(self, listener: Any) -> None:
        """Stop telling a listener."""
        with self._lock:
            if listener not in self._schema_listeners:
                raise InvalidArgument(f"listener={listener!r} is not registered")
            left = tuple(known for known in self._schema_listeners if known is not listener)
            self._set_schema_listeners(left)

    def _set_schema_listeners(self, listeners: tuple[Any, ...]) -> None:
        self._schema_listeners = listeners
        if self._engine is not None:
            self._engine.control.schema.listeners = listeners

    def _check_user_type(self, keyspace: str, user_type: str) -> None:
        """Raise `UserTypeDoesNotExist` when the servers, if we are connected, have no such type."""
        engine = self._engine
        if engine is None or not _may_wait(engine):
            return
        if not engine.runtime.run(engine.control.schema.has_type(keyspace, user_type)):
            raise UserTypeDoesNotExist(
                f"there is no type {user_type!r} in keyspace {keyspace!r}: create it first; names "
                "are given as they are, without quotes"
            )


def _may_wait(engine: Engine) -> bool:
    return engine.runtime.reentrant or not engine.runtime.in_loop()


def _in_background(engine: Engine, coroutine: Coroutine[Any, Any, None], what: str) -> None:
    from cql_driver.control.events import run_in_background

    engine.runtime.dispatch(run_in_background, engine, coroutine, what)
