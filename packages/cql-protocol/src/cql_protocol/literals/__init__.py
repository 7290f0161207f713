"""CQL text of Python values, for statements that are sent without being prepared.

Two ways: `literal` goes by the class of the value, `typed_literal` by the type of its column.
`bind_literals` puts parameters into a statement. A prepared statement needs none of this, is
faster, and knows the types of its markers; prefer it where the statement comes more than once.
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.literals.encoder import (
        LiteralEncoder,
        ValueSequence,
        bind_literals,
        literal,
    )
    from cql_protocol.literals.typed import typed_literal
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_protocol.literals.encoder": "LiteralEncoder ValueSequence bind_literals literal",
            "cql_protocol.literals.typed": "typed_literal",
        },
    )

__all__ = ["LiteralEncoder", "ValueSequence", "bind_literals", "literal", "typed_literal"]
