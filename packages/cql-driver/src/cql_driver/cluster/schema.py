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
    """The part of a cluster that is about the schema: all but what waits.

    The driver follows the schema by itself; to refresh it is for who switched that off, or
    cannot wait.
    """

    schema_metadata_enabled: bool
    _engine: Engine | None
    _lock: RLock
    _schema_listeners: tuple[Any, ...] = ()

    if TYPE_CHECKING:

        def _running(self, what: str) -> Engine: ...

    def _refresh_procedure(
        self, wait: Any, kind: str = "", keyspace: Any = None, name: Any = None
    ) -> Coroutine[Any, Any, None]:
        """Return the procedure that fetches all, a keyspace, or what is called so in one.

        It waits for the nodes to agree for `wait` seconds (None: as the cluster says; 0 or less:
        it does not look). Raises `DriverException` when they do not, and what goes wrong.
        """
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

        return refresh()

    def _setting_changed(self, name: str) -> None:
        """Go by what was set while connected."""
        engine = self._engine
        if engine is None or engine.closed is not None:
            return
        if name == "token_metadata_enabled":
            in_background(engine, engine.control.refresh_nodes(True), "Refreshing the nodes")
        elif name in ("schema_metadata_enabled", "eager_schema", "schema_keyspaces"):
            engine.runtime.dispatch(engine.control.schema.look_through)

    # --- listeners ---------------------------------------------------------------------------

    @property
    def schema_listeners(self) -> list[Any]:
        """The listeners registered for changes of the schema."""
        return list(self._schema_listeners)

    def _add_schema_listener(self, listener: Any) -> None:
        methods = ("on_added", "on_changed", "on_dropped")
        checked_instance("listener", listener, methods, "a SchemaListener", none=False)
        with self._lock:
            self._set_schema_listeners((*self._schema_listeners, listener))

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

    async def _user_type_procedure(self, engine: Engine, keyspace: str, user_type: str) -> None:
        """Raise `UserTypeDoesNotExist` when the servers have no such type."""
        if not await engine.control.schema.has_type(keyspace, user_type):
            raise UserTypeDoesNotExist(
                f"there is no type {user_type!r} in keyspace {keyspace!r}: create it first; names "
                "are given as they are, without quotes"
            )


def in_background(engine: Engine, coroutine: Coroutine[Any, Any, None], what: str) -> None:
    from cql_driver.control.events import run_in_background

    engine.runtime.dispatch(run_in_background, engine, coroutine, what)
