"""What every message has in common: an opcode, equality by content, a readable repr."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, ClassVar
    from uuid import UUID

    from cql_protocol.dialect import Dialect

__all__ = ["Extras", "Message", "Record", "Request", "Response"]


class Record:
    """A slots object that compares and prints by the content of its slots."""

    __slots__ = ()

    def _slots(self) -> Iterator[str]:
        for cls in type(self).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            yield from (slots,) if isinstance(slots, str) else slots

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._slots())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._slots())
        return f"{type(self).__name__}({shown})"


class Message(Record):
    """A message of the protocol (spec section 4)."""

    __slots__ = ()

    opcode: ClassVar[int]

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body of the frame that carries this message in `dialect`.

        Raises `LocalProtocolError` when the dialect cannot carry what the message says.
        """
        raise NotImplementedError  # pragma: no cover - every message overrides it


class Request(Message):
    """A message that a client sends (spec section 4.1)."""

    __slots__ = ()


class Extras(Record):
    """What a frame may carry around its message (spec section 2.2)."""

    __slots__ = ("custom_payload", "tracing_id", "warnings")

    def __init__(
        self,
        tracing_id: UUID | None = None,
        warnings: Sequence[str] = (),
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> None:
        self.tracing_id = tracing_id
        self.warnings = warnings
        self.custom_payload = custom_payload


class Response(Message):
    """A message that a server sends (spec section 4.2).

    `extras` holds what came around it, and is None for the plain frame that almost all
    are; `tracing_id`, `warnings` and `custom_payload` look into it.
    """

    __slots__ = ("extras",)

    extras: Extras | None

    @property
    def tracing_id(self) -> UUID | None:
        """The id of the request's trace, when tracing was asked for."""
        return None if self.extras is None else self.extras.tracing_id

    @property
    def warnings(self) -> Sequence[str]:
        """The warnings the server sent along."""
        return () if self.extras is None else self.extras.warnings

    @property
    def custom_payload(self) -> Mapping[str, bytes | None] | None:
        """The custom payload the server sent along."""
        return None if self.extras is None else self.extras.custom_payload

    def with_extras(self, **fields: Any) -> Response:
        """Return this response after giving it `Extras` of these fields."""
        self.extras = Extras(**fields)
        return self
