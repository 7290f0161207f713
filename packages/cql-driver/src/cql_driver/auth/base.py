"""The interface between the handshake of a connection and what knows the credentials."""

from __future__ import annotations

from cql_protocol.errors import AuthenticationFailed, UnsupportedOperation

__all__ = ["AuthProvider", "Authenticator"]


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
