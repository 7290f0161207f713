"""CQL text of Python values, for statements that are sent without being prepared.

Two ways: `literal` goes by the class of the value, `typed_literal` by the type of its column.
`bind_literals` puts parameters into a statement. A prepared statement needs none of this, is
faster, and knows the types of its markers; prefer it where the statement comes more than once.
"""

from __future__ import annotations

from cql_protocol.literals.encoder import LiteralEncoder, ValueSequence
from cql_protocol.literals.typed import typed_literal

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["LiteralEncoder", "ValueSequence", "bind_literals", "literal", "typed_literal"]

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
