"""`Connector`: opens connections, from the look-up of the name to the keyspace in use."""

from __future__ import annotations

from cql_driver.core.link import Link
from cql_driver.core.procedures import within
from cql_driver.errors import ConnectionException, ProtocolError
from cql_driver.logs import get_logger
from cql_protocol import ClientConnection, startup
from cql_protocol.enums import ProtocolVersion
from cql_protocol.errors import (
    AuthenticationFailed,
    DriverException,
    LocalProtocolError,
    ProtocolVersionUnsupported,
    ProtocolViolation,
)
from cql_protocol.identifiers import escape_name
from cql_protocol.messages import (
    AuthChallenge,
    Authenticate,
    AuthResponse,
    AuthSuccess,
    Options,
    Query,
    Ready,
    SetKeyspaceResult,
    Startup,
    Supported,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from cql_driver.core.runtime import Address, Runtime
    from cql_driver.core.settings import Settings
    from cql_driver.pools.host import Host
    from cql_protocol.messages import Response

__all__ = ["Connector", "changes_keyspace", "use_keyspace"]

log = get_logger("cql_driver.connection")

_OWN_STREAMS = 64
"""Requests of the driver's own that fit on a connection, however few of a session's may."""


class Connector:
    """Opens `Link`s as the settings say, and remembers which version each node speaks."""

    __slots__ = ("_told", "_versions", "runtime", "settings")

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        self.runtime = runtime
        self.settings = settings
        self._versions: dict[Any, int] = {}
        self._told: set[Any] = set()

    async def open(
        self,
        endpoint: Any,
        host: Host | None = None,
        keyspace: str | None = None,
        max_streams: int | None = None,
    ) -> Link:
        """Return a connection that is ready for requests, in `keyspace` if one is given.

        It carries `max_streams` requests at a time; if None, enough for what the driver asks.
        Raises `ConnectionException` when the node cannot be reached, `OperationTimedOut`
        after `connect_timeout` seconds in all, `AuthenticationFailed`, or what the server
        answered. Nothing is left behind then.
        """
        settings = self.settings
        if max_streams is None:
            max_streams = max(settings.max_requests_per_connection, _OWN_STREAMS)
        conversation = self._negotiate(endpoint, host, keyspace, max_streams)
        what = f"connecting to {endpoint}"
        link = await within(self.runtime, settings.connect_timeout, conversation, what)
        if host is not None:
            host.protocol_version = link.dialect.version
            host.sharding_info = link.features.sharding
        return link

    def forget(self, endpoint: Any) -> None:
        """Forget the version of a node, which may come back upgraded."""
        self._versions.pop(endpoint, None)

    async def _negotiate(
        self, endpoint: Any, host: Host | None, keyspace: str | None, max_streams: int
    ) -> Link:
        """Try versions from the highest down to what the node speaks (spec section 2.1)."""
        settings = self.settings
        version = self._versions.get(endpoint, settings.protocol_version)
        while True:
            try:
                link = await self._reach(endpoint, host, keyspace, version, max_streams)
            except ProtocolVersionUnsupported as exc:
                lower = ProtocolVersion.get_lower_supported(version)
                if settings.protocol_version_explicit or not lower:
                    raise DriverException(
                        f"{endpoint} does not speak protocol version {version}: {exc.message}; "
                        "leave protocol_version out to have it negotiated"
                    ) from exc
                version = min(lower, exc.offered) if exc.offered >= 3 else lower
                # The first of many nodes says enough.
                self._tell_once(f"{endpoint} speaks protocol version {version} at most", version)
                continue
            self._versions[endpoint] = version
            return link

    async def _reach(
        self,
        endpoint: Any,
        host: Host | None,
        keyspace: str | None,
        version: int,
        max_streams: int,
    ) -> Link:
        """Connect to the first address of the end point that lets us, and shake hands."""
        addresses = await self._addresses(endpoint)
        for number, address in enumerate(addresses, 1):
            link = self._new_link(endpoint, host, version, max_streams)
            try:
                await self._connect(link, address)
                await self._shake_hands(link)
                if keyspace is not None:
                    await use_keyspace(link, keyspace)
            except OSError as exc:
                link.close(exc)
                if number == len(addresses):
                    self._unreachable(endpoint, exc)
                log.debug("%s: address %s failed: %s", endpoint, address, exc)
                continue
            except BaseException as exc:
                link.close(exc)
                raise
            return link
        raise ConnectionException(f"{endpoint} has no address", endpoint)

    def _new_link(self, endpoint: Any, host: Host | None, version: int, max_streams: int) -> Link:
        settings = self.settings
        connection = ClientConnection(
            version,
            allow_beta=settings.allow_beta_protocol_version,
            max_streams=max_streams,
        )
        return Link(self.runtime, connection, endpoint, host)

    async def _addresses(self, endpoint: Any) -> list[Address]:
        target = endpoint.target()
        if isinstance(target, str):
            return [target]
        try:
            return await self.runtime.resolve(*target)
        except OSError as exc:
            raise ConnectionException(
                f"the name {target[0]!r} cannot be resolved: {exc}", endpoint
            ) from exc

    async def _connect(self, link: Link, address: Address) -> None:
        settings = self.settings
        tls = settings.tls
        await self.runtime.connect(
            address,
            link,
            tls=tls,
            server_hostname=None if tls is None else tls.hostname_for(link.endpoint),
            sockopts=settings.sockopts,
        )

    def _unreachable(self, endpoint: Any, exc: OSError) -> NoReturn:
        why = exc.strerror or str(exc) or type(exc).__name__
        raise ConnectionException(f"cannot connect to {endpoint}: {why}", endpoint) from exc

    async def _shake_hands(self, link: Link) -> None:
        """OPTIONS, STARTUP, and what the server wants to know of us (spec section 4.1)."""
        supported = await self._ask_options(link)
        answer = await link.request(self._startup(supported, link.dialect.version))
        if isinstance(answer, Authenticate):
            await self._authenticate(link, answer.authenticator)
        elif not isinstance(answer, Ready):
            raise ProtocolError(f"STARTUP was answered by {answer!r}", link.endpoint)
        elif self.settings.auth_provider is not None:
            self._tell_once(
                f"{link.endpoint} asks for no credentials, though an auth_provider is set",
                "credentials",
            )

    async def _ask_options(self, link: Link) -> Supported:
        """Ask what the server supports; a version that it calls beta is used only if allowed."""
        try:
            supported = await link.request(Options())
        except ProtocolViolation as exc:
            # Cassandra 3.10 and 3.11 have a version 5 of their own, and refuse it in version 5.
            if "USE_BETA" in exc.message and not isinstance(exc, ProtocolVersionUnsupported):
                raise ProtocolVersionUnsupported(exc.message) from exc
            raise
        if not isinstance(supported, Supported):
            raise ProtocolError(f"OPTIONS was answered by {supported!r}", link.endpoint)
        beta = f"{link.dialect.version}/v{link.dialect.version}-beta"
        allowed = self.settings.allow_beta_protocol_version
        if not allowed and beta in supported.options.get("PROTOCOL_VERSIONS", ()):
            raise ProtocolVersionUnsupported(f"the server has it as {beta}")
        return supported

    def _startup(self, supported: Supported, version: int) -> Startup:
        settings = self.settings
        wanted = dict(settings.startup_options)
        versions = supported.options.get("CQL_VERSION") or ["3.0.0"]
        if settings.cql_version is not None and settings.cql_version not in versions:
            raise ProtocolError(
                f"cql_version={settings.cql_version!r} is not supported by the server; "
                f"it has: {', '.join(versions)}"
            )
        wanted["CQL_VERSION"] = settings.cql_version or versions[0]
        if settings.no_compact:
            wanted["NO_COMPACT"] = "true"
        compression = settings.compression
        if compression == "snappy" and version >= 5:
            self._tell_once("protocol 5 has no snappy compression: sending uncompressed")
            compression = False
        try:
            return startup(supported, version, compression=compression, options=wanted)
        except LocalProtocolError as exc:
            raise ProtocolError(str(exc)) from exc

    async def _authenticate(self, link: Link, authenticator_class: str) -> None:
        """Answer the server's challenges until it is content (spec section 4.2.3)."""
        provider = self.settings.auth_provider
        if provider is None:
            raise AuthenticationFailed(
                f"{link.endpoint} requires authentication by {authenticator_class}: "
                "give Cluster an auth_provider, such as PlainTextAuthProvider"
            )
        authenticator = provider.new_authenticator(link.endpoint.address)
        authenticator.server_authenticator_class = authenticator_class
        token = authenticator.initial_response()
        answer: Response = await link.request(AuthResponse(_bytes(token)))
        while isinstance(answer, AuthChallenge):
            token = authenticator.evaluate_challenge(answer.token)
            answer = await link.request(AuthResponse(_bytes(token)))
        if not isinstance(answer, AuthSuccess):
            raise ProtocolError(f"AUTH_RESPONSE was answered by {answer!r}", link.endpoint)
        authenticator.on_authentication_success(answer.token)

    def _tell_once(self, text: str, about: Any = None) -> None:
        about = about or text
        if about not in self._told:
            if len(self._told) > 1000:
                self._told.clear()
            self._told.add(about)
            log.warning("%s", text)


async def use_keyspace(link: Link, keyspace: str, patience: float | None = None) -> None:
    """Have the connection run its statements in `keyspace`, a name as it is, unquoted.

    Raises `OperationTimedOut` after `patience` seconds.
    """
    answer = await link.request(Query(f"USE {escape_name(keyspace)}"), patience)
    if not isinstance(answer, SetKeyspaceResult):
        raise ProtocolError(f"USE was answered by {answer!r}", link.endpoint)
    link.keyspace = keyspace


def changes_keyspace(message: Any) -> bool:
    """Say whether a request is a USE."""
    return isinstance(message, Query) and message.query.lstrip()[:4].lower() == "use "


def _bytes(token: Any) -> bytes | None:
    """Authenticators of other drivers may give text."""
    return token.encode("utf-8") if isinstance(token, str) else token
