"""User name and password, sent as the mechanism PLAIN of SASL (RFC 4616)."""

from __future__ import annotations

from cql_driver.auth.base import Authenticator, AuthProvider
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.errors import AuthenticationFailed

__all__ = [
    "BaseDSEAuthenticator",
    "DSEPlainTextAuthProvider",
    "PlainTextAuthProvider",
    "PlainTextAuthenticator",
    "TransitionalModePlainTextAuthProvider",
    "TransitionalModePlainTextAuthenticator",
]

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
