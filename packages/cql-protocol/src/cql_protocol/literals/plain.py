"""CQL text by the class of the value, without an encoder of one's own."""

from __future__ import annotations

from cql_protocol.literals.encoder import LiteralEncoder

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["bind_literals", "literal"]

_encoder = LiteralEncoder()

literal = _encoder.literal
"""`LiteralEncoder.literal` of an encoder without registered classes."""


def bind_literals(
    query: str,
    params: Sequence[Any] | Mapping[str, Any] | None,
    encoder: LiteralEncoder = _encoder,
) -> str:
    """Return `query` with its markers replaced by the CQL text of the parameters.

    Markers are ``%s`` for the items of a sequence, or ``%(name)s`` for those of a mapping, whose
    other items are ignored; ``%%`` is a percent sign. Without parameters (None or empty) the
    statement is returned as it is, and a percent sign is not doubled.

    Raises `InvalidValue` when markers and parameters do not match, when another ``%`` stands
    in the statement, or a marker for text stands in quotes; `InvalidValueType` for a value that
    has no CQL text.

    Example::

        >>> bind_literals("INSERT INTO t (a, b) VALUES (%s, %s)", [1, "it's"])
        "INSERT INTO t (a, b) VALUES (1, 'it''s')"
        >>> bind_literals("SELECT * FROM t WHERE a = %(key)s", {"key": None})
        'SELECT * FROM t WHERE a = NULL'
    """
    return encoder.bind(query, params)
