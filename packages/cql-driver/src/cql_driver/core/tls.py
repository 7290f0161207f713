"""How connections are encrypted: contexts made anew for each, sessions kept per node."""

from __future__ import annotations

from _thread import allocate_lock

from cql_driver.errors import ConnectionException, InvalidArgument, InvalidArgumentType
from cql_driver.logs import get_logger
from cql_protocol.errors import DriverException

TYPE_CHECKING = False

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Hashable, Mapping
    from typing import Any

    from cql_driver.connection import EndPoint

__all__ = ["SessionCache", "TlsSettings", "tls_settings"]

log = get_logger("cql_driver.connection")

_REMEDY = 'ssl_context=ssl.create_default_context(cafile="ca.pem")'


class SessionCache:
    """Remembers the latest TLS session of each place; the ones unused longest go first.

    An object of your own with these two methods may be given as ``ssl_session_cache``; what
    it keeps is opaque to it. Safe to use from any thread.
    """

    __slots__ = ("_kept", "_lock", "size")

    def __init__(self, size: int = 1000) -> None:
        self.size = size
        self._kept: dict[Hashable, Any] = {}
        self._lock = allocate_lock()

    def get(self, key: Hashable) -> Any:
        """Return what was last put under `key`, or None."""
        with self._lock:
            entry = self._kept.pop(key, None)
            if entry is not None:
                self._kept[key] = entry
            return entry

    def put(self, key: Hashable, entry: Any) -> None:
        """Remember `entry` instead of what was there; None forgets it."""
        with self._lock:
            self._kept.pop(key, None)
            if entry is not None:
                self._kept[key] = entry
                if len(self._kept) > self.size:
                    del self._kept[next(iter(self._kept))]

    def __len__(self) -> int:
        return len(self._kept)


class TlsSettings:
    """What a runtime needs to encrypt a connection.

    `context_factory` is asked for a context for each connection, so that certificates which
    were rotated are used from the next connection on. `check_hostname` of the context
    decides whether the server's name is verified (by its SAN). `sessions` (`SessionCache` or
    alike, or None) remembers sessions by end point, so that a reconnect needs no full
    handshake.
    """

    __slots__ = ("context_factory", "server_hostname", "sessions")

    def __init__(
        self,
        context_factory: Callable[[], ssl.SSLContext],
        server_hostname: str | None = None,
        sessions: Any = None,
    ) -> None:
        self.context_factory = context_factory
        self.server_hostname = server_hostname
        self.sessions = sessions

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection.

        Raises `InvalidArgumentType` when the user's callable returns something else, and
        `ConnectionException` when it fails.
        """
        try:
            made = self.context_factory()
        except DriverException:
            raise
        except Exception as exc:
            raise ConnectionException(
                f"ssl_context(), which makes the TLS context, failed: {type(exc).__name__}: {exc}"
            ) from exc
        return _checked_context(made, "what ssl_context() returned")

    def hostname_for(self, endpoint: EndPoint) -> str | None:
        """Return the name to ask the server for (SNI) and to find in its certificate.

        It is the end point's `server_hostname`, or the one of ``ssl_options``, or the address;
        None for a unix socket, which has no name.
        """
        name = endpoint.server_hostname or self.server_hostname
        if name is not None:
            return name
        if isinstance(endpoint.target(), str):
            return None
        # Neither the zone of an IPv6 address nor the root's dot stand in a certificate.
        return endpoint.address.partition("%")[0].removesuffix(".")

    def remember(
        self,
        key: Hashable,
        session: ssl.SSLSession | None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Keep the session of a connection made with `context` for the next one to `key`."""
        if session is None or self.sessions is None:
            return
        if context is None:
            context = getattr(self.context_factory, "context", None)
        try:
            self.sessions.put(key, (session, context))
        except Exception as exc:  # noqa: BLE001 - of the user's cache, which is no necessity
            log.warning("ssl_session_cache.put() failed: %s: %s", type(exc).__name__, exc)

    def session_for(self, key: Hashable, context: ssl.SSLContext) -> ssl.SSLSession | None:
        """Return the session to resume in a connection made with `context`, if there is one.

        A session fits only the context it came from.
        """
        if self.sessions is None:
            return None
        try:
            entry = self.sessions.get(key)
            if entry is None:
                return None
            session, origin = entry
        except Exception as exc:  # noqa: BLE001 - as above
            log.warning("ssl_session_cache.get() failed: %s: %s", type(exc).__name__, exc)
            return None
        if origin is context:
            fitting: ssl.SSLSession = session
            return fitting
        self._drop(key)
        return None

    def _drop(self, key: Hashable) -> None:
        if isinstance(self.sessions, SessionCache):
            self.sessions.put(key, None)


class _Always:
    """The factory that returns one context for ever."""

    __slots__ = ("context",)

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context

    def __call__(self) -> ssl.SSLContext:
        return self.context


def tls_settings(
    ssl_context: Any = None,
    ssl_options: Mapping[str, Any] | None = None,
    ssl_session_cache: Any = None,
) -> TlsSettings | None:
    """Return how to encrypt, as the parameters of `Cluster` say; None for not at all.

    `ssl_context` is an ``ssl.SSLContext`` or a callable that returns one, asked for each
    connection. `ssl_options`, the older way, is a dict (see `cql_driver.core.tls_options`); beside
    an `ssl_context` it may hold ``server_hostname`` alone. `ssl_session_cache` is True or
    None for a cache of our own, False for none, or an object with ``get(key)`` and
    ``put(key, value)``.

    Raises `InvalidArgumentType` or `InvalidArgument`, naming the parameter and the remedy.
    """
    sessions = _sessions(ssl_session_cache)
    if ssl_context is None and ssl_options is None:
        return None
    server_hostname = None
    if ssl_options is not None:
        from cql_driver.core.tls_options import checked_options, context_of_options

        options = checked_options(ssl_options, with_context=ssl_context is not None)
        server_hostname = options.pop("server_hostname", None)
        if ssl_context is None:
            ssl_context = context_of_options(options)
    if callable(ssl_context) and not isinstance(ssl_context, type):
        return TlsSettings(ssl_context, server_hostname, sessions)
    context = _checked_context(ssl_context, "ssl_context")
    return TlsSettings(_Always(context), server_hostname, sessions)


def _sessions(ssl_session_cache: Any) -> Any:
    if ssl_session_cache is None or ssl_session_cache is True:
        return SessionCache()
    if ssl_session_cache is False:
        return None
    for method in ("get", "put"):
        if isinstance(ssl_session_cache, type) or not callable(
            getattr(ssl_session_cache, method, None)
        ):
            raise InvalidArgumentType(
                "ssl_session_cache must be True, False, or an object with get(key) and "
                f"put(key, value), not {_shown(ssl_session_cache)}"
            )
    return ssl_session_cache


def _checked_context(context: Any, name: str) -> ssl.SSLContext:
    import ssl

    if not isinstance(context, ssl.SSLContext):
        raise InvalidArgumentType(
            f"{name} must be an ssl.SSLContext, or a callable that returns one, not "
            f"{_shown(context)}: give {_REMEDY}"
        )
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise InvalidArgument(f"{name} is a context for servers, not for clients: give {_REMEDY}")
    return context


def _shown(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
