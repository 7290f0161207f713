"""The small responses of a server (spec section 4.2); RESULT, ERROR and EVENT have files of
their own."""

from __future__ import annotations

from cql_protocol.messages import opcodes
from cql_protocol.messages.base import Response
from cql_protocol.wire import Reader, write_bytes, write_string, write_string_multimap

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import ClassVar

    from cql_protocol.dialect import Dialect

__all__ = ["AuthChallenge", "AuthSuccess", "Authenticate", "Ready", "Supported"]


class Ready(Response):
    """The server is ready for requests, or has registered the client for events."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.READY

    def __init__(self) -> None:
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body, which is empty."""
        return b""

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Ready:
        """Read the body."""
        return cls()


class Authenticate(Response):
    """The server wants authentication by the class `authenticator` (spec section 4.2.3)."""

    __slots__ = ("authenticator",)
    opcode: ClassVar[int] = opcodes.AUTHENTICATE

    def __init__(self, authenticator: str) -> None:
        self.authenticator = authenticator
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: a [string]."""
        return write_string(self.authenticator)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Authenticate:
        """Read the body."""
        return cls(reader.string())


class Supported(Response):
    """What the server supports: option name to the list of its values (section 4.2.4)."""

    __slots__ = ("options",)
    opcode: ClassVar[int] = opcodes.SUPPORTED

    def __init__(self, options: Mapping[str, Sequence[str]]) -> None:
        self.options = {name: list(values) for name, values in options.items()}
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: a [string multimap]."""
        return write_string_multimap(self.options)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Supported:
        """Read the body."""
        return cls(reader.string_multimap())


class _TokenResponse(Response):
    """A response whose body is one SASL token, which may be null."""

    __slots__ = ("token",)

    def __init__(self, token: bytes | None) -> None:
        self.token = token
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: the token as [bytes]."""
        return write_bytes(self.token)


class AuthChallenge(_TokenResponse):
    """The server asks for another AUTH_RESPONSE (spec section 4.2.7)."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.AUTH_CHALLENGE

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> AuthChallenge:
        """Read the body."""
        return cls(reader.bytes_())


class AuthSuccess(_TokenResponse):
    """The client is authenticated (spec section 4.2.8)."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.AUTH_SUCCESS

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> AuthSuccess:
        """Read the body."""
        return cls(reader.bytes_())
