"""How connections are encrypted: contexts made anew for each, sessions kept per node."""

from __future__ import annotations

import os
from _thread import allocate_lock
from warnings import warn

from cql_driver.errors import ConnectionException, InvalidArgument, InvalidArgumentType
from cql_driver.logs import get_logger, seldom
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
            seldom(log.warning, "put", "ssl_session_cache.put() raised %r", exc)

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
            seldom(log.warning, "get", "ssl_session_cache.get() raised %r", exc)
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
    connection. `ssl_options`, the older way, is a dict (see `cql_driver.core.tls`); beside
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


# ``ssl_options``: TLS by a dict, the older way beside ``ssl_context``. The keys are those of
# ``ssl.wrap_socket``, which Python has no more:
# - ca_certs: file of the authorities to trust; the system's when it is left out.
# - certfile, keyfile: our own certificate, and its key if that is in another file.
# - cert_reqs: ssl.CERT_REQUIRED, which is the default, or ssl.CERT_NONE to trust anybody.
# - check_hostname: whether the certificate must bear the server's name; False by default.
# - ssl_version: ssl.PROTOCOL_TLS_CLIENT, or ssl.PROTOCOL_TLSv1_2 for that one alone.
# - ciphers: names of ciphers in OpenSSL's format.
# - server_hostname: the name of all servers, instead of their addresses.
_KEYS = (
    "ca_certs",
    "certfile",
    "keyfile",
    "cert_reqs",
    "check_hostname",
    "ssl_version",
    "ciphers",
    "server_hostname",
)


def checked_options(ssl_options: Mapping[str, Any], *, with_context: bool) -> dict[str, Any]:
    """Return a copy of `ssl_options` without what is None; warn that they are the older way.

    Raises `InvalidArgumentType` for what is no dict, `InvalidArgument` for unknown keys and,
    beside an ssl_context, for all but ``server_hostname``.
    """
    if not isinstance(ssl_options, dict):
        raise InvalidArgumentType(
            f"ssl_options must be a dict, not {type(ssl_options).__name__}; "
            "an ssl.SSLContext is given as ssl_context"
        )
    if not ssl_options and not with_context:
        raise InvalidArgument(
            "ssl_options is empty: give None to connect without TLS, or "
            "ssl_context=ssl.create_default_context() to connect with it"
        )
    unknown = [str(key) for key in ssl_options if key not in _KEYS]
    if unknown:
        raise InvalidArgument(
            f"ssl_options has unknown keys: {', '.join(unknown)}; there are: {', '.join(_KEYS)}"
        )
    options = {key: value for key, value in ssl_options.items() if value is not None}
    name = options.get("server_hostname", "-")
    if not isinstance(name, str) or not name:
        raise InvalidArgumentType(f"ssl_options['server_hostname'] must be a name, not {name!r}")
    if with_context:
        wrong = sorted(options.keys() - {"server_hostname"})
        if wrong:
            raise InvalidArgument(
                f"ssl_options holds {', '.join(wrong)} beside an ssl_context: set that on the "
                "ssl_context itself"
            )
    else:
        warn(
            "ssl_options without ssl_context is deprecated, and checks no host names unless "
            "check_hostname is True: give Cluster(ssl_context=ssl.create_default_context(...))",
            DeprecationWarning,
            stacklevel=4,  # checked_options, tls_settings, Cluster, and who makes it
        )
    return options


def context_of_options(options: Mapping[str, Any]) -> ssl.SSLContext:
    """Make the context that `checked_options` describe.

    Raises `InvalidArgument` or `InvalidArgumentType`, at once, for what cannot be used.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _set_version(context, options.get("ssl_version"))
    _set_verification(context, options)
    if "ciphers" in options:
        try:
            context.set_ciphers(options["ciphers"])
        except (ssl.SSLError, TypeError) as exc:
            raise InvalidArgument(f"ssl_options['ciphers'] cannot be used: {exc}") from exc
    if "keyfile" in options and "certfile" not in options:
        raise InvalidArgument("ssl_options has a keyfile, but no certfile that it belongs to")
    if "certfile" in options:
        _load_own(context, options)
    if "ca_certs" in options:
        path = _file(options, "ca_certs")
        try:
            context.load_verify_locations(cafile=path)
        except OSError as exc:  # ssl.SSLError is one
            raise InvalidArgument(f"ssl_options['ca_certs']: {path} cannot be used: {exc}") from exc
    elif context.verify_mode != ssl.CERT_NONE:
        context.load_default_certs()
    return context


def _set_version(context: ssl.SSLContext, version: Any) -> None:
    """Limit the context to what ``ssl_version`` asks for; TLS 1.2 is the oldest in any case."""
    import ssl

    if version is None or version in (ssl.PROTOCOL_TLS, ssl.PROTOCOL_TLS_CLIENT):
        return
    if version == ssl.PROTOCOL_TLSv1_2:
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        return
    raise InvalidArgument(
        f"ssl_options['ssl_version'] is {version!r}: leave it out, or give "
        "ssl.PROTOCOL_TLS_CLIENT or ssl.PROTOCOL_TLSv1_2"
    )


def _set_verification(context: ssl.SSLContext, options: Mapping[str, Any]) -> None:
    import ssl

    wanted = options.get("cert_reqs", ssl.CERT_REQUIRED)
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        raise InvalidArgumentType(
            f"ssl_options['cert_reqs'] must be ssl.CERT_REQUIRED or ssl.CERT_NONE, not {wanted!r}"
        )
    try:
        mode = ssl.VerifyMode(wanted)
    except ValueError:
        raise InvalidArgument(
            f"ssl_options['cert_reqs'] must be ssl.CERT_REQUIRED or ssl.CERT_NONE, not {wanted}"
        ) from None
    checks = options.get("check_hostname", False)
    if not isinstance(checks, bool):
        raise InvalidArgumentType(
            f"ssl_options['check_hostname'] must be True or False, not {checks!r}"
        )
    if checks and mode == ssl.CERT_NONE:
        raise InvalidArgument(
            "ssl_options: check_hostname needs cert_reqs=ssl.CERT_REQUIRED, since a name in a "
            "certificate that nobody verified proves nothing"
        )
    context.check_hostname = checks  # first: it forbids to verify nothing
    context.verify_mode = mode


def _load_own(context: ssl.SSLContext, options: Mapping[str, Any]) -> None:
    certfile = _file(options, "certfile")
    keyfile = _file(options, "keyfile") if "keyfile" in options else None

    def no_password() -> str:  # without it OpenSSL would ask at the terminal
        raise InvalidArgument(
            "ssl_options: the key needs a password: give an ssl_context, made with "
            "load_cert_chain(certfile, keyfile, password)"
        )

    try:
        context.load_cert_chain(certfile, keyfile, no_password)
    except OSError as exc:
        raise InvalidArgument(
            f"ssl_options: certfile {certfile} and keyfile {keyfile} cannot be used: {exc}"
        ) from exc


def _file(options: Mapping[str, Any], key: str) -> str:
    value = options[key]
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidArgumentType(
            f"ssl_options[{key!r}] must be the path of a file, not {type(value).__name__}"
        )
    path = os.fsdecode(value)
    if not os.path.isfile(path):
        raise InvalidArgument(f"ssl_options[{key!r}]: there is no file {path}")
    return path
