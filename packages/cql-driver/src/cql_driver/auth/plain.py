"""The interface of authentication, and user name and password as PLAIN of SASL (RFC 4616)."""

from __future__ import annotations

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.errors import AuthenticationFailed, UnsupportedOperation

__all__ = [
    "AuthProvider",
    "Authenticator",
    "BaseDSEAuthenticator",
    "DSEPlainTextAuthProvider",
    "PlainTextAuthProvider",
    "PlainTextAuthenticator",
    "TransitionalModePlainTextAuthProvider",
    "TransitionalModePlainTextAuthenticator",
]


class AuthProvider:
    """Makes the authenticators of connections; subclass it for a way of your own.

    `new_authenticator` is called once for each connection, right when the server asks, on the
    thread that holds the event loop: it must be quick and must not block.

    Example::

        class RotatingAuthProvider(AuthProvider):
            def new_authenticator(self, host):
                return PlainTextAuthenticator("reader", vault.current_password())
    """

    def new_authenticator(self, host: str) -> Authenticator:
        """Return the authenticator of one connection to `host`, the address of a node."""
        raise UnsupportedOperation(f"{type(self).__name__} must define new_authenticator(host)")


class Authenticator:
    """One side of one conversation with one server (native protocol, section 4.2.3).

    The connection calls `initial_response`, then `evaluate_challenge` as often as the server
    asks, then `on_authentication_success`. Each answer is bytes, or None for an empty one.
    """

    server_authenticator_class: str | None = None
    """The class name the server gave in AUTHENTICATE; set before the first call."""

    def initial_response(self) -> bytes | None:
        """Return the first token to send."""
        return None

    def evaluate_challenge(self, challenge: bytes | None) -> bytes | None:
        """Return the answer to a challenge of the server.

        Raises `AuthenticationFailed` when there is none.
        """
        raise AuthenticationFailed(
            f"the server asks for more than {type(self).__name__} can answer: "
            "define evaluate_challenge(challenge)"
        )

    def on_authentication_success(self, token: bytes | None) -> None:
        """Learn that the server accepted us; `token` is its last word, often None."""


_DSE_AUTHENTICATOR = "com.datastax.bdp.cassandra.auth.DseAuthenticator"


class BaseDSEAuthenticator(Authenticator):
    """An authenticator that also suits DataStax Enterprise, which must be told the mechanism.

    Subclasses say `get_mechanism` and `get_initial_challenge`, and answer that challenge.
    """

    def get_mechanism(self) -> bytes:
        """Return the name of the mechanism, as DSE knows it."""
        raise AuthenticationFailed(f"{type(self).__name__} must define get_mechanism()")

    def get_initial_challenge(self) -> bytes:
        """Return the challenge by which DSE begins the mechanism."""
        raise AuthenticationFailed(f"{type(self).__name__} must define get_initial_challenge()")

    def initial_response(self) -> bytes | None:
        """Return the mechanism where the server is DSE, else what answers its first challenge."""
        if self.server_authenticator_class == _DSE_AUTHENTICATOR:
            return self.get_mechanism()
        return self.evaluate_challenge(self.get_initial_challenge())


class PlainTextAuthenticator(BaseDSEAuthenticator):
    """Answers with user name and password; see `PlainTextAuthProvider`."""

    def __init__(self, username: str, password: str) -> None:
        self.username = _checked("username", username)
        self.password = _checked("password", password)

    def get_mechanism(self) -> bytes:
        """Return the name of the mechanism."""
        return b"PLAIN"

    def get_initial_challenge(self) -> bytes:
        """Return the challenge that the credentials answer."""
        return b"PLAIN-START"

    def evaluate_challenge(self, challenge: bytes | None) -> bytes:
        """Return the credentials; raises `AuthenticationFailed` on any other challenge."""
        if challenge != b"PLAIN-START":
            raise AuthenticationFailed(
                f"the server's authenticator ({self.server_authenticator_class}) asks for more "
                "than a user name and password: use the auth_provider made for it"
            )
        return f"\0{self.username}\0{self.password}".encode()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(username={self.username!r}, password=***)"


class PlainTextAuthProvider(AuthProvider):
    """Logs in with a user name and a password, as PasswordAuthenticator asks for.

    They travel as they are, so use TLS. Both may be set anew at any time; connections made
    from then on use them. Raises `InvalidArgumentType` for what is no text, `InvalidArgument`
    for text that cannot be sent.

    Example::

        cluster = Cluster(auth_provider=PlainTextAuthProvider("reader", "secret"))
    """

    def __init__(self, username: str, password: str) -> None:
        self.username = _checked("username", username)
        self.password = _checked("password", password)

    def new_authenticator(self, host: str) -> PlainTextAuthenticator:
        """Return an authenticator with the present user name and password."""
        return PlainTextAuthenticator(self.username, self.password)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(username={self.username!r}, password=***)"


DSEPlainTextAuthProvider = PlainTextAuthProvider
"""An older name: `PlainTextAuthProvider` suits DataStax Enterprise too."""


class TransitionalModePlainTextAuthenticator(PlainTextAuthenticator):
    """Answers with an empty user name and password; see its provider."""

    def __init__(self) -> None:
        super().__init__("", "")


class TransitionalModePlainTextAuthProvider(AuthProvider):
    """Logs in as nobody, to a DSE cluster in the transitional mode that lets anybody in."""

    def new_authenticator(self, host: str) -> TransitionalModePlainTextAuthenticator:
        """Return an authenticator that knows no credentials."""
        return TransitionalModePlainTextAuthenticator()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _checked(name: str, text: str) -> str:
    """Return what is a user name or password; errors never show it."""
    if not isinstance(text, str):
        raise InvalidArgumentType(
            f"{name} must be a str, not {type(text).__name__}: is it missing in your settings?"
        )
    if "\0" in text:
        raise InvalidArgument(f"{name} holds a NUL character, which separates the two (RFC 4616)")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidArgument(f"{name} holds half of a character: it cannot be sent as UTF-8")
    return text
