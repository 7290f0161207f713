"""What `cqlengine.management` does, as steps that block or are awaited.

A table is read, compared with its model, and given what it lacks; then it is read again, until
nothing is left to do. So several programs may do the same at a time: a statement that fails for
another one having been faster has nothing left to do at the next look.
"""

from __future__ import annotations

from cql_driver.logs import get_logger
from cql_protocol.errors import RequestValidationException, ServerError
from cqlengine.connection.registry import find_connection
from cqlengine.errors import CQLEngineException, UndefinedKeyspaceException
from cqlengine.query.requests import Request
from cqlengine.schema import ddl
from cqlengine.schema.compare import compare_models
from cqlengine.schema.differences import Kind, Safety
from cqlengine.schema.live import TIMEOUT, read_keyspace
from cqlengine.schema.wanted import is_view, user_types_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from cqlengine.query.requests import Steps
    from cqlengine.schema.differences import Difference
    from cqlengine.schema.live import LiveKeyspace

__all__ = [
    "create_keyspace",
    "drop_keyspace",
    "drop_table",
    "run_statement",
    "sync_table",
    "sync_type",
]

log = get_logger("cqlengine.management")

_MOST_ROUNDS = 10
"""How often a keyspace is looked at while others change it, too."""

_MOST_TRIES = 5
"""How often a statement may fail for something that exists, which the node that was asked does
not know yet."""

_FATAL = (Kind.KEYSPACE_MISSING, Kind.KEY_CHANGED)
"""Without these a model cannot work at all."""
_MADE = (Kind.TABLE_MISSING, Kind.VIEW_MISSING)
"""Nor without these, where they cannot be made."""


def run_statement(text: str, connection: Any = None) -> Steps[Any]:
    """Run a statement that changes the schema; the driver waits until the nodes agree on it."""
    log.debug("Running %s", text)
    return (yield Request(text, connection=connection, timeout=TIMEOUT, prepared=False))


# --- keyspaces -----------------------------------------------------------------------------------


def create_keyspace(
    name: str,
    replication: Mapping[str, Any],
    durable_writes: bool,
    connections: Sequence[Any] | None,
) -> Steps[None]:
    """Create a keyspace where there is none; one that exists stays as it is."""
    text = ddl.create_keyspace(name, replication, durable_writes)
    for connection in _each(connections, "connections"):
        yield from run_statement(text, connection)


def drop_keyspace(name: str, connections: Sequence[Any] | None) -> Steps[None]:
    """Drop a keyspace if there is one."""
    for connection in _each(connections, "connections"):
        yield from run_statement(ddl.drop_keyspace(name), connection)


# --- tables, views and types -------------------------------------------------------------------


def sync_table(
    model: Any, keyspaces: Sequence[str] | None, connections: Sequence[Any] | None
) -> Steps[None]:
    """Give the keyspaces what they lack of a model's table or view."""
    _check_model(model)
    models = [model.__base_model__, model] if is_view(model) else [model]

    def compare(live: LiveKeyspace) -> list[Difference]:
        return compare_models(models, live, extras=False)

    for connection, keyspace in _places(model, keyspaces, connections):
        yield from _synced(keyspace, connection, compare)


def sync_type(keyspace: str, user_type: Any, connection: Any) -> Steps[None]:
    """Give a keyspace a user type, those that it uses, and their fields."""
    if not hasattr(user_type, "_fields"):
        raise CQLEngineException(f"{user_type!r} is no user type: those derive from UserType")
    types = user_types_of(user_type)

    def compare(live: LiveKeyspace) -> list[Difference]:
        return compare_models((), live, user_types=types, extras=False)

    yield from _synced(keyspace, connection, compare)


def drop_table(
    model: Any, keyspaces: Sequence[str] | None, connections: Sequence[Any] | None
) -> Steps[None]:
    """Drop the table or view of a model where there is one."""
    _check_model(model)
    drop = ddl.drop_view if is_view(model) else ddl.drop_table
    for connection, keyspace in _places(model, keyspaces, connections):
        yield from run_statement(drop(keyspace, model._raw_column_family_name()), connection)


def _synced(
    keyspace: str, connection: Any, compare: Callable[[LiveKeyspace], list[Difference]]
) -> Steps[None]:
    """Carry out what adds something, and tell in the log of what is left."""
    done: set[Difference] = set()
    told: set[Difference] = set()
    failed: Difference | None = None
    failures = 0
    for _ in range(_MOST_ROUNDS):
        live = yield from read_keyspace(keyspace, connection)
        differences = compare(live)
        for difference in differences:
            if difference not in told and not difference.is_safe:
                told.add(difference)
                _tell(difference)
        due = [each for each in differences if each.is_safe and each not in done]
        if not due:
            for difference in differences:
                if difference in done:
                    text = "%s: still so after %s, without an error of the server's"
                    log.warning(text, difference.what, "; ".join(difference.statements))
            return
        for difference in due:
            try:
                yield from _carried_out(difference, connection)
            except (RequestValidationException, ServerError) as exc:
                failures = failures + 1 if difference == failed else 1
                failed = difference
                if failures == (_MOST_TRIES if "exist" in str(exc).lower() else 2):
                    raise
                log.info("Looking again whether it is still to do: %s", exc)
                break
            done.add(difference)
    log.warning("%s changes all the time: it may not be what the models say", keyspace)


def _carried_out(difference: Difference, connection: Any) -> Steps[None]:
    log.info("%s: %s", difference.what, "; ".join(difference.statements))
    for text in difference.statements:
        yield from run_statement(text, connection)


def _tell(difference: Difference) -> None:
    """Raise for what makes the model useless, else say in the log what is not done."""
    if difference.kind in _FATAL or (difference.is_refused and difference.kind in _MADE):
        raise CQLEngineException(f"{difference.what}: {difference.why}; {difference.way_out}")
    if difference.safety is Safety.REFUSED:
        text = "%s: it is left as it is, since %s; %s"
        log.warning(text, difference.what, difference.why, difference.way_out)
    else:
        text = "%s: it is left as it is; cqlengine.migrations does it if asked: %s"
        log.info(text, difference.what, difference.why)


# --- where -------------------------------------------------------------------------------------


def _check_model(model: Any) -> None:
    if not isinstance(model, type) or not hasattr(model, "_raw_column_family_name"):
        raise CQLEngineException(f"{model!r} is no model: give the class that derives from Model")
    if model.__dict__.get("__abstract__"):
        raise CQLEngineException(f"{model.__name__} is abstract: it has no table")


def _each(given: Sequence[Any] | None, what: str) -> Iterable[Any]:
    """Return what was given as a list; the default alone for None."""
    if given is None:
        return (None,)
    if isinstance(given, str) or not isinstance(given, list | tuple | set | frozenset):
        raise CQLEngineException(f"{what} is {given!r}: give a list, even of one")
    return given


def _places(
    model: Any, keyspaces: Sequence[str] | None, connections: Sequence[Any] | None
) -> Iterable[tuple[Any, str]]:
    """Return the connections and keyspaces in which something is to be done."""
    for connection in _each(connections, "connections"):
        wanted = model._get_connection() if connection is None else connection
        for keyspace in _each(keyspaces, "keyspaces"):
            yield wanted, keyspace or _keyspace_of(model, wanted)


def _keyspace_of(model: Any, connection: Any) -> str:
    """Return the keyspace of a model, else that of the session it uses."""
    found = model._get_keyspace()
    if found is None:
        used = find_connection(connection)
        session = used.given_session or used.session
        found = getattr(session, "keyspace", None)
    if not found:
        raise UndefinedKeyspaceException(
            f"{model.__name__} has no keyspace: give it __keyspace__, give connection.setup a "
            "default_keyspace, or name keyspaces here"
        )
    return str(found)
