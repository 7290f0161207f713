"""Which connections there are, by name, and which keyspace models are in by default."""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary

from cql_driver.cluster.session_base import SessionBase
from cqlengine.connection.connections import Connection
from cqlengine.errors import CQLEngineException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cql_driver.aio import AsyncSession
    from cql_driver.cluster import Session

__all__ = [
    "DEFAULT_CONNECTION",
    "aclose_all",
    "aget_session",
    "aunregister_connection",
    "default",
    "default_keyspace",
    "find_connection",
    "get_cluster",
    "get_connection",
    "get_session",
    "known_connection",
    "register_connection",
    "set_default_connection",
    "set_default_keyspace",
    "set_session",
    "setup",
    "unregister_connection",
]


class _DefaultConnection:
    """Stands for the default connection, whichever that is."""

    def __repr__(self) -> str:
        return "DEFAULT_CONNECTION"


DEFAULT_CONNECTION: Any = _DefaultConnection()
"""Stands for the default connection where a name is asked for, as None does."""

_DEFAULT_NAME = "default"
_MODELS = "cqlengine.models"

_connections: dict[str, Connection] = {}
_default: Connection | None = None
_borrowed: WeakKeyDictionary[SessionBase, Connection] = WeakKeyDictionary()
"""Connections of sessions that were given with a query; none lives longer than its session."""
_keyspace: str | None = None


# --- the keyspace of models that name none -----------------------------------------------------


def default_keyspace() -> str | None:
    """Return the keyspace of models that name none: `cqlengine.models.DEFAULT_KEYSPACE`."""
    models = sys.modules.get(_MODELS)
    # Assigning the module's attribute is a documented way to choose it.
    return models.__dict__.get("DEFAULT_KEYSPACE", _keyspace) if models else _keyspace


def set_default_keyspace(keyspace: str | None) -> None:
    """Choose the keyspace of models that name none; None for no such keyspace.

    Example::

        set_default_keyspace("shop")
    """
    global _keyspace
    if keyspace is not None and not (isinstance(keyspace, str) and keyspace):
        raise CQLEngineException(
            f"default_keyspace={keyspace!r} is no name of a keyspace: give a str, or None"
        )
    _keyspace = keyspace
    models = sys.modules.get(_MODELS)
    if models is not None:
        models.__dict__.pop("DEFAULT_KEYSPACE", None)


# --- finding ------------------------------------------------------------------------------------


def find_connection(wanted: Any = None) -> Connection:
    """Return the connection that is meant.

    `wanted` is None for the default, the name of a registered connection, a `Connection`, a
    `Session` or an `AsyncSession`. Raises `CQLEngineException` when there is none.

    Example::

        rows = find_connection("reports").session.execute("SELECT * FROM shop.sales")
    """
    if wanted is None:
        if _default is None:
            raise _no_default()
        return _default
    if isinstance(wanted, Connection):
        return wanted
    if isinstance(wanted, str):
        found = _connections.get(wanted)
        if found is None:
            names = ", ".join(sorted(map(repr, _connections))) or "none"
            raise CQLEngineException(
                f"no connection is registered as {wanted!r}; there are: {names}. "
                "cqlengine.connection.register_connection(name, hosts) registers one"
            )
        return found
    if isinstance(wanted, SessionBase):
        found = _borrowed.get(wanted)
        if found is None:
            made = Connection.from_session(f"of {type(wanted).__name__}", wanted, borrowed=True)  # type: ignore[arg-type]
            found = _borrowed.setdefault(wanted, made)
        return found
    if wanted is DEFAULT_CONNECTION:
        return find_connection()
    raise CQLEngineException(
        f"connection={wanted!r}: give the name of a connection, a Connection, a Session or an "
        "AsyncSession"
    )


def known_connection(wanted: Any = None) -> Connection | None:
    """Do as `find_connection`, but return None where there is no default."""
    if (wanted is None or wanted is DEFAULT_CONNECTION) and _default is None:
        return None
    return find_connection(wanted)


def _no_default() -> CQLEngineException:
    return CQLEngineException(
        "there is no default connection: call cqlengine.connection.setup(hosts, keyspace) first, "
        "or register_connection(name, hosts, default=True), or name a connection by "
        "using(connection=...)"
    )


def get_connection(name: Any = None) -> Connection:
    """Return a registered connection, connected unless it is used on event loops alone.

    What `name` may be, and what is raised, is told at `find_connection`.
    """
    found = find_connection(name)
    if found.is_blocking:
        found.handle_lazy_connect()
    return found


def get_session(connection: Any = None) -> Any:
    """Return the session of a connection, which is opened if it was not yet.

    What `connection` may be is told at `find_connection`. Of an `AsyncSession` it is that one.

    Example::

        get_session().execute("TRUNCATE shop.carts")
    """
    found = find_connection(connection)
    return found.given_session or found.connected().session


def get_cluster(connection: Any = None) -> Any:
    """Return the cluster of a connection, which is connected if it was not yet."""
    return get_session(connection).cluster


async def aget_session(connection: Any = None) -> AsyncSession:
    """Return a connection's session of the running event loop, opened if it was not yet.

    Example::

        session = await aget_session()
        await session.execute("TRUNCATE shop.carts")
    """
    return await find_connection(connection).aget_session()


# --- registering --------------------------------------------------------------------------------


def register_connection(
    name: str,
    hosts: Sequence[Any] | None = None,
    consistency: int | str | None = None,
    lazy_connect: bool = False,
    retry_connect: bool = False,
    cluster_options: Any = None,
    default: bool = False,
    session: Session | AsyncSession | None = None,
) -> Connection:
    """Register a connection by a name, for ``using(connection=name)`` and ``__connection__``.

    - `hosts`, `consistency`, `lazy_connect`, `retry_connect`, `cluster_options`: see `Connection`
    - `default`: whether it is what models use that name none
    - `session`: a session of the application's, instead of what says how to open one. With
      `hosts` as well, it serves its own kind of calls (blocking or awaited), and a session for
      the other kind is opened by `hosts`

    It is connected at once, for blocking calls, unless it is lazy. Raises `NoHostAvailable` when
    no node can be reached, and `CQLEngineException` when the name is taken; nothing is
    registered then.

    Example::

        register_connection("reports", ["10.1.0.1"], lazy_connect=True)
    """
    connection = _new(
        name, hosts, consistency, lazy_connect, retry_connect, cluster_options, session
    )
    if _connections.setdefault(name, connection) is not connection:
        raise CQLEngineException(
            f"a connection is registered as {name!r} already: give another name, or call "
            f"unregister_connection({name!r}) before"
        )
    try:
        _connect(connection)
    except BaseException:
        _connections.pop(name, None)
        raise
    if default:
        set_default_connection(name)
    return connection


def _new(
    name: str,
    hosts: Sequence[Any] | None,
    consistency: int | str | None,
    lazy_connect: bool,
    retry_connect: bool,
    cluster_options: Any,
    session: Session | AsyncSession | None,
) -> Connection:
    if name is DEFAULT_CONNECTION:
        name = _DEFAULT_NAME
    if not isinstance(name, str) or not name:
        raise CQLEngineException(f"name={name!r} is no name of a connection: give a str")
    if session is None:
        return Connection(name, hosts, consistency, lazy_connect, retry_connect, cluster_options)
    if hosts is None:
        if lazy_connect or retry_connect or cluster_options:
            raise CQLEngineException(
                "lazy_connect, retry_connect and cluster_options are for a session that is to be "
                "opened, and one was given: leave them out, or give hosts instead of session"
            )
        return Connection.from_session(name, session, consistency=consistency)
    connection = Connection(name, hosts, consistency, True, retry_connect, cluster_options)
    connection.take_session(session)
    return connection


def _connect(connection: Connection) -> None:
    if not connection.lazy_connect and connection.given_session is None:
        connection.setup()


def set_default_connection(name: str) -> None:
    """Have models use a registered connection that name none.

    Raises `CQLEngineException` when none is registered by this name.
    """
    global _default
    _default = find_connection(name)


def unregister_connection(name: str) -> None:
    """Take a connection out, and close what it has opened; a session that was given stays open.

    Does nothing when there is none of this name. Sessions of event loops are closed by their
    loops soon after; `aunregister_connection` waits for them.
    """
    connection = _taken_out(name)
    if connection is not None:
        connection.close()


async def aunregister_connection(name: str) -> None:
    """Do as `unregister_connection`, and wait until sessions of event loops are closed too."""
    connection = _taken_out(name)
    if connection is not None:
        await connection.aclose()


async def aclose_all() -> None:
    """Take out all connections and close what they have opened; for the end of an application.

    Example::

        async with anyio.create_task_group():
            ...
        await aclose_all()
    """
    for name in list(_connections):
        await aunregister_connection(name)


def _taken_out(name: Any) -> Connection | None:
    global _default
    if name is None or name is DEFAULT_CONNECTION:
        name = _default.name if _default is not None else _DEFAULT_NAME
    connection = _connections.pop(name, None)
    if connection is not None and connection is _default:
        _default = None
    return connection


# --- the default connection ----------------------------------------------------------------------


def setup(
    hosts: Sequence[Any] | None,
    default_keyspace: str | None,
    consistency: int | str | None = None,
    lazy_connect: bool = False,
    retry_connect: bool = False,
    **kwargs: Any,
) -> None:
    """Connect to a cluster, and have models use it that name no connection.

    - `hosts`: contact points
    - `default_keyspace`: the keyspace of models that name none, or None
    - `consistency`: a `ConsistencyLevel` for statements that have none of their own
    - `lazy_connect`: connect when the first statement needs it
    - `retry_connect`: go on trying while no node can be reached, see `Connection`
    - further parameters are those of `cql_driver.cluster.Cluster`

    Called again it replaces the connection of before, whose session is closed. Raises
    `NoHostAvailable`; then the connection of before stays.

    Example::

        setup(["10.0.0.1"], "shop", consistency=ConsistencyLevel.LOCAL_QUORUM)
    """
    connection = _new(_DEFAULT_NAME, hosts, consistency, lazy_connect, retry_connect, kwargs, None)
    _connect(connection)
    _replace_default(connection)
    set_default_keyspace(default_keyspace)


def set_session(s: Session | AsyncSession) -> None:
    """Have models use a session of the application's that name no connection.

    A keyspace that it has is the one of models that name none, from now on. Nothing of the
    session is changed, and it is not closed here. Called again it replaces the one of before.

    Example::

        with Cluster(["10.0.0.1"]) as cluster, cluster.connect("shop") as session:
            set_session(session)
    """
    _replace_default(Connection.from_session(_DEFAULT_NAME, s))
    if s.keyspace:
        set_default_keyspace(s.keyspace)


def default() -> None:
    """Connect to the cluster of this machine, and have models use it that name no connection."""
    connection = Connection(_DEFAULT_NAME)
    _connect(connection)
    _replace_default(connection)


def _replace_default(connection: Connection) -> None:
    global _default
    before = _connections.get(_DEFAULT_NAME)
    _connections[_DEFAULT_NAME] = _default = connection
    if before is not None:
        before.close()
