"""`SchemaKeeper`: which keyspaces there are, what is in them, and who is told of changes.

How each keyspace is replicated is always known. What is in it is fetched when somebody looks at
it for the first time, or at once when it is *followed* (`eager_schema`, or a listener). From
then on it is loaded, and what an event or an answer names in it is fetched anew. Everything
goes into `Metadata` in one swap; then listeners are told what is different.
"""

from __future__ import annotations

from _weakref import ref
from functools import partial

from cql_driver.control.events import Debounced, Turns, run_in_background
from cql_driver.control.rows import ask, rows_of
from cql_driver.core.procedures import gather, sleep, spawn
from cql_driver.errors import SessionShutdown
from cql_driver.logs import get_logger
from cql_driver.metadata.changes import differences, merged, with_views
from cql_driver.metadata.schema import KeyspaceContents, KeyspaceMetadata, same_schema
from cql_protocol.errors import (
    DriverException,
    RequestValidationException,
    UnsupportedOperation,
)
from cql_protocol.identifiers import quote_text
from cql_protocol.messages import QueryParameters

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from cql_driver.control.rows import Row
    from cql_driver.core.engine import Engine
    from cql_driver.core.link import Link
    from cql_driver.metadata.changes import Keyspaces, Target
    from cql_protocol.messages import SchemaChange

__all__ = ["WHOLE", "SchemaKeeper"]

log = get_logger("cql_driver.cluster")

WHOLE: Target = ("KEYSPACE", "")
"""The target that stands for all of a keyspace."""

_SOURCES = {
    "TYPE": "types",
    "TABLE": "tables columns indexes triggers views column_masks scylla_tables",
    "FUNCTION": "functions",
    "AGGREGATE": "aggregates",
}
"""By the kind of target: the system tables that tell of it."""
_VIRTUAL = {"TABLE": "tables columns"}

_OWN = ("types", "views", "functions", "aggregates")
"""System tables whose targets are not tables."""

_MANY = 10
"""From so many targets on a keyspace is fetched whole, and of so many keyspaces all."""


class SchemaKeeper:
    """Keeps `engine.metadata.keyspaces` true. Belongs to the loop.

    `listeners` are those of `Cluster.register_schema_listener`.
    """

    __slots__ = (
        *("__weakref__", "_absent", "_debounced", "_due", "_engine", "_failures"),
        *("_has_begun", "_told", "_turns", "listeners"),
    )

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turns = Turns()
        self._debounced = Debounced(engine.runtime, self._refresh_due)
        self._due: dict[str, set[Target]] = {}
        """By keyspace: what changed since it was fetched."""
        self._absent: set[str] = set()
        """System tables that the server does not have, or does not show to us."""
        self._failures = 0
        self._has_begun = False
        self._told: Keyspaces | None = None
        """What listeners know."""
        self.listeners: tuple[Any, ...] = ()

    # --- what leads to a refresh -------------------------------------------------------------

    async def begin(self) -> None:
        """Fetch what is to be known from the start; if that fails, it is fetched later."""
        self._has_begun = True
        try:
            await self.follow_all()
        except DriverException as exc:
            log.warning("The schema could not be fetched yet, connecting goes on: %s", exc)
            self.look_through()

    async def follow_all(self) -> None:
        """Fetch what is followed, where that was not done yet. Raises as `refresh` does."""
        try:
            await self.load(filter(self._is_followed, self._engine.metadata.keyspaces))
        finally:
            self._tell(first=True)

    def connected(self, keyspaces: Keyspaces) -> None:
        """Take over what a new control connection told, and look through what was known.

        Without events, only if something of our own could not be fetched.
        """
        self._take(keyspaces)
        has_events = self._engine.settings.schema_event_refresh_window >= 0
        if self._has_begun and (has_events or any(self._due.values())):
            self.look_through()

    def look_through(self) -> None:
        """Have all that is loaded fetched anew, and all that is followed."""
        settings = self._engine.settings
        if self._engine.closed or not settings.schema_metadata_enabled:
            return
        for name, keyspace in self._engine.metadata.keyspaces.items():
            is_loaded = keyspace._contents is not None and not keyspace.virtual
            if is_loaded or self._is_followed(name):
                self._due[name] = {WHOLE}
        if self._due:
            self._debounced.trigger(max(0, settings.schema_event_refresh_window))

    def changed(self, change: SchemaChange) -> None:
        """Have fetched anew, within a while, what an event names."""
        self._engine.schema_changed(change)
        self._note(change)

    def _note(self, change: SchemaChange) -> None:
        self._due.setdefault(change.keyspace, set()).add(_target(change))
        self._debounced.trigger(max(0, self._engine.settings.schema_event_refresh_window))

    async def follow(self, change: SchemaChange) -> None:
        """Take over at once what a statement of ours changed.

        The statement did its work: what fails now is tried again later.
        """
        self._engine.schema_changed(change)
        target = _target(change)
        # An event that came before we ask is covered; one that is yet to come changes nothing.
        self._due.get(change.keyspace, set()).discard(target)
        try:
            await self.refresh({change.keyspace: {target}})
        except DriverException as exc:
            log.info("What %r changed could not be fetched yet: %s", change, exc)
            if not self._engine.closed:
                self._note(change)

    def cancel(self) -> None:
        """Forget what was to be done."""
        self._debounced.cancel()

    def _refresh_due(self) -> None:
        if self._engine.control.link is None:
            return  # the next one has all looked through
        due, self._due = self._due, {}

        def ended(procedure: Any) -> None:
            if procedure.error is None:
                self._failures = 0
            elif not self._engine.closed and not isinstance(
                procedure.error, RequestValidationException
            ):  # else the server would answer the same again
                for name, targets in due.items():
                    self._due.setdefault(name, set()).update(targets)
                self._failures += 1
                if self._failures == 1:
                    self._engine.control.reconnect()  # another node may do better
                else:
                    self._debounced.trigger(2.0 ** min(self._failures, 6))

        refreshing = run_in_background(self._engine, self.refresh(due), "Refreshing the schema")
        refreshing.add_done_callback(ended)

    # --- refreshing --------------------------------------------------------------------------

    async def refresh(self, due: Mapping[str, Collection[Target]], *, force: bool = False) -> None:
        """Fetch targets anew, by keyspace; all that is loaded and wanted when there are none.

        What is not loaded is left so, unless it is followed, or with `force`. Raises
        `ConnectionShutdown` without a connection, or what the server answered.
        """
        await self._turns.take()
        try:
            engine = self._engine
            link = engine.control.connected_link()
            keyspaces = dict(engine.metadata.keyspaces)
            if not due or any(WHOLE in due[name] or name not in keyspaces for name in due):
                keyspaces = await self.ask_keyspaces(link)
            whole: list[KeyspaceMetadata] = []
            parts: list[tuple[KeyspaceMetadata, Collection[Target]]] = []
            for name, keyspace in keyspaces.items():
                targets = due.get(name, ())
                if not due and self._is_wanted(name):
                    targets = (WHOLE,)
                if keyspace._contents is None:
                    if self._is_followed(name) or (force and targets):
                        whole.append(keyspace)
                elif targets and (force or engine.settings.schema_metadata_enabled):
                    if WHOLE in targets or len(targets) > _MANY or keyspace._contents.problems:
                        whole.append(keyspace)
                    else:
                        parts.append((keyspace, targets))
            await self._fetch(link, whole, None, keyspaces)
            for keyspace, targets in parts:
                await self._fetch(link, [keyspace], targets, keyspaces)
            if link is engine.control.link:
                self._take(keyspaces)
        finally:
            self._turns.give()

    async def load(self, names: Iterable[str]) -> None:
        """Fetch what is in these keyspaces, where that was not done yet. Raises as `refresh`."""
        await self._turns.take()
        try:
            control, metadata = self._engine.control, self._engine.metadata
            known = metadata.keyspaces
            missing = [known[name] for name in names if name in known]
            missing = [keyspace for keyspace in missing if keyspace._contents is None]
            if not missing:
                return
            link = control.connected_link()
            found: dict[str, KeyspaceMetadata] = {}
            await self._fetch(link, missing, None, found)
            for keyspace in missing:
                for one in (keyspace, metadata.keyspaces.get(keyspace.name)):
                    if one is not None and one._contents is None:
                        one._contents = found[keyspace.name]._contents
            if link is not control.link:
                self.look_through()  # what changed until the new one was there was not told
        finally:
            self._turns.give()

    def _is_wanted(self, name: str) -> bool:
        wanted = self._engine.settings.schema_keyspaces
        return wanted is None or name in wanted

    def _is_followed(self, name: str) -> bool:
        settings = self._engine.settings
        return (
            settings.schema_metadata_enabled
            and bool(settings.eager_schema or self.listeners)
            and self._is_wanted(name)
        )

    # --- asking ------------------------------------------------------------------------------

    async def ask_keyspaces(self, link: Link) -> dict[str, KeyspaceMetadata]:
        """Ask for all keyspaces; those that did not change stay the objects they are."""
        if link is not self._engine.control.link:
            self._absent.clear()  # a new one, whose node may show more
        known = self._engine.metadata.keyspaces
        tables = ["system_schema.keyspaces"]
        if link.features.sharding is None:  # ScyllaDB shows such tables in an ordinary keyspace
            tables.append("system_virtual_schema.keyspaces")
        asked = [spawn(self._engine.runtime, self._ask(link, table, "")) for table in tables]
        answers = await gather(asked)
        if isinstance(answers[0], RequestValidationException):
            log.warning(
                "Requests cannot be routed to replicas: keyspaces are not told: %s", answers[0]
            )
            return dict(known)
        found = {}
        for virtual, rows in enumerate(answers):
            if isinstance(rows, Exception):
                raise rows
            for row in rows:
                keyspace = _keyspace(row, bool(virtual))
                old = known.get(keyspace.name)
                if old is not None and same_schema(old, keyspace):
                    keyspace = old
                elif old is not None:
                    keyspace = keyspace.with_contents(old._contents)
                if keyspace._load is None:
                    keyspace._load = partial(_load, ref(self), keyspace.name)
                found[keyspace.name] = keyspace
        return found

    async def has_type(self, keyspace: str, name: str) -> bool:
        """Say whether a keyspace has a user type; True also when nobody can tell us."""
        known = self._engine.metadata.keyspaces.get(keyspace)
        if known is not None and known._contents is not None and name in known.user_types:
            return True
        where = f" WHERE keyspace_name = {quote_text(keyspace)} AND type_name = {quote_text(name)}"
        table = "system_schema.types"
        try:
            rows = await self._ask(self._engine.control.connected_link(), table, where)
        except DriverException as exc:
            log.debug("nobody says whether there is a type %s.%s: %s", keyspace, name, exc)
            return True
        return bool(rows) or table in self._absent

    async def _fetch(
        self,
        link: Link,
        keyspaces: Collection[KeyspaceMetadata],
        targets: Collection[Target] | None,
        found: dict[str, KeyspaceMetadata],
    ) -> None:
        """Fetch what is in keyspaces (only `targets`), and put copies with it into `found`."""
        from cql_driver.metadata.parser import read_contents

        for schema, virtual in (("system_schema", False), ("system_virtual_schema", True)):
            group = [keyspace for keyspace in keyspaces if keyspace.virtual is virtual]
            if not group:
                continue
            if targets is not None:
                targets = with_views(group[0], targets)
            rows = await self._rows(link, schema, [keyspace.name for keyspace in group], targets)
            for keyspace in group:
                name, old = keyspace.name, keyspace._contents
                new = read_contents(name, rows.get(name, {}), virtual=virtual)
                if old is not None:
                    new = merged(old, new, targets)
                if new is not old:
                    found[name] = keyspace.with_contents(new)
                await sleep(self._engine.runtime, 0)  # long work: others may have their turn

    async def _rows(
        self, link: Link, schema: str, names: list[str], targets: Collection[Target] | None
    ) -> dict[str, dict[str, list[Row]]]:
        """Ask for the rows of keyspaces; return them by keyspace and system table."""
        where = "" if len(names) > _MANY else f" WHERE keyspace_name IN ({_listed(names)})"
        asked = {}
        for kind, tables in (_SOURCES if schema == "system_schema" else _VIRTUAL).items():
            wanted = sorted(name for of, name in targets or () if of == kind)
            if targets is not None and not wanted:
                continue
            for table in tables.split():
                if table == "scylla_tables" and link.features.sharding is None:
                    continue
                column = f"{table[:-1]}_name" if table in _OWN else "table_name"
                only = f" AND {column} IN ({_listed(wanted)})" if wanted else ""
                asking = self._ask(link, f"{schema}.{table}", where + only)
                asked[table] = spawn(self._engine.runtime, asking)
        found: dict[str, dict[str, list[Row]]] = {name: {} for name in names}
        for table, rows in zip(asked, await gather(asked.values()), strict=True):
            if isinstance(rows, Exception):
                raise rows
            for row in rows:
                of_keyspace = found.get(row["keyspace_name"])
                if of_keyspace is not None:
                    of_keyspace.setdefault(table, []).append(row)
        return found

    async def _ask(self, link: Link, table: str, where: str) -> list[Row]:
        """Return rows of a system table, page by page.

        There are none when the server does not have the table, or does not let us read it,
        unless nothing can be said without it.
        """
        if table in self._absent:
            return []
        settings = self._engine.settings
        rows: list[Row] = []
        state = None
        while True:
            page = QueryParameters(page_size=settings.schema_metadata_page_size, paging_state=state)
            try:
                answer = await ask(link, f"SELECT * FROM {table}{where}", settings, parameters=page)
            except RequestValidationException as exc:
                if table in _NEEDED:
                    raise
                log.debug("%s does not show %s: %s", link.endpoint, table, exc)
                self._absent.add(table)
                return []
            rows += rows_of(answer, link)
            state = answer.metadata.paging_state  # type: ignore[attr-defined]
            if not state:
                return rows

    # --- taking over -------------------------------------------------------------------------

    def _take(self, keyspaces: Keyspaces) -> None:
        """Have these be the keyspaces, and tell listeners what is different."""
        metadata = self._engine.metadata
        old = metadata.keyspaces
        if old.keys() == keyspaces.keys() and all(old[n] is keyspaces[n] for n in keyspaces):
            return
        metadata.set_keyspaces(keyspaces)
        self._tell()

    def _tell(self, first: bool = False) -> None:
        """Tell listeners what is different from what they know; at `first` they just know it.

        They know a keyspace once it is loaded, so that it stands for all that is in it.
        """
        if not self.listeners or (self._told is None and not first):
            self._told = None
            return
        old, new = self._told, {}
        for name, keyspace in self._engine.metadata.keyspaces.items():
            if keyspace._contents is not None and self._is_wanted(name):
                new[name] = keyspace
        self._told = new
        if old is None:
            return
        changes = list(differences(old, new, self._is_wanted))
        dropped = [(one, other) for one, other in changes if other is None]
        call = self._engine.runtime.call_user
        for one, other in [*reversed(dropped), *(c for c in changes if c[1] is not None)]:
            for listener in self.listeners:
                if other is None:
                    call(listener.on_dropped, one)
                elif one is None:
                    call(listener.on_added, other)
                else:
                    call(listener.on_changed, one, other)


_NEEDED = ("system_schema.keyspaces", "system_schema.tables", "system_schema.columns")


def _target(change: SchemaChange) -> Target:
    return WHOLE if change.name is None else (change.target, change.name)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quote_text, names))


def _keyspace(row: Row, virtual: bool) -> KeyspaceMetadata:
    options = row.get("replication") or {}
    return KeyspaceMetadata(
        row["keyspace_name"],
        not virtual and row["durable_writes"] is not False,
        options.get("class"),
        options,
        virtual=virtual,
    )


def _load(reference: ref[SchemaKeeper], name: str) -> KeyspaceContents | None:
    """Return what is in a keyspace, fetching it if need be and if we may; any thread."""
    keeper = reference()
    if keeper is None:
        raise SessionShutdown("the cluster is gone: make a new one")
    engine = keeper._engine
    if engine.closed is not None:
        raise engine.closed
    if not engine.settings.schema_metadata_enabled:
        return None
    runtime = engine.runtime
    if runtime.in_loop() and not runtime.reentrant:
        raise UnsupportedOperation(
            f"what is in keyspace {name!r} is not known yet, and the event loop cannot wait for "
            f"it: `await cluster.refresh_keyspace_metadata({name!r})` before (without await where "
            "the cluster is a blocking one), or give the cluster eager_schema=True"
        )
    runtime.run(keeper.load([name]))
    keyspace = engine.metadata.keyspaces.get(name)
    found = None if keyspace is None else keyspace._contents
    return KeyspaceContents() if found is None else found
