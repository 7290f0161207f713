"""`parse_cql_type`: types written as in CQL, such as ``map<text, frozen<list<int>>>``.

People write types so, and the servers in `system_schema` since Cassandra 3.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from cql_protocol.errors import InvalidTypeName, InvalidValue
from cql_protocol.types.base import MAX_DEPTH, show
from cql_protocol.types.collection import ListType, MapType, SetType
from cql_protocol.types.parse_class import parse_class_name
from cql_protocol.types.tables import TYPES_BY_NAME
from cql_protocol.types.tuples import TupleType
from cql_protocol.types.vectors import VectorType
from cql_protocol.types.wrappers import FrozenType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn

    from cql_protocol.types.base import CqlType

    UserTypes = Mapping[str, CqlType] | Callable[[str], CqlType | None]

__all__ = ["parse_cql_type"]

_token = re.compile(
    r"""\s*(?: (?P<word>[A-Za-z][A-Za-z0-9_]*)
             | "(?P<quoted>(?:[^"]|"")+)"
             | '(?P<custom>[^']*)'
             | (?P<number>[0-9]{1,9}(?![0-9]))
             | (?P<sign>[<>,.])
             | (?P<end>\Z) )""",
    re.VERBOSE | re.ASCII,
).match


def parse_cql_type(
    text: str, keyspace: str | None = None, user_types: UserTypes | None = None
) -> CqlType:
    """Return the type that `text` names.

    Keywords are of any case, user types are lower case unless quoted, and a class of the server
    stands in single quotes. User types are looked up by name in `user_types`, a mapping or a
    callable that may return None; they may be written ``keyspace.name`` for `keyspace`.

    Raises `InvalidTypeName` for what is no type, and for user types that are not known.

    Example::

        >>> parse_cql_type("map<text, frozen<list<int>>>").value.inner.element
        INT
    """
    simple = TYPES_BY_NAME.get(text)
    if simple is not None:
        return simple
    parser = _Parser(text, keyspace, user_types)
    try:
        found = parser.type(1)
    except InvalidTypeName:
        raise
    except InvalidValue as exc:  # what the types themselves refuse, such as a vector's size
        raise InvalidTypeName(f"{show(text)} is no CQL type: {exc}") from None
    if parser.kind != "end":
        parser.refuse()
    return found


class _Parser:
    """Reads one type from left to right, a token ahead."""

    __slots__ = ("at", "keyspace", "kind", "text", "user_types", "value")

    def __init__(self, text: str, keyspace: str | None, user_types: UserTypes | None) -> None:
        self.text = text
        self.keyspace = keyspace
        self.user_types = user_types
        self.at = 0
        self.next()

    def next(self) -> str:
        """Step to the next token and return the value of the one that is left."""
        left = self.value if self.at else ""
        found = _token(self.text, self.at)
        self.kind: str | None = found.lastgroup if found else None
        self.value: str = found[self.kind] if found and self.kind else ""
        self.at = found.end() if found else self.at
        return left

    def refuse(self) -> NoReturn:
        """Raise for the token that is ahead."""
        near = self.value or self.text[self.at : self.at + 20]
        found = show(near) if near else "end"
        raise InvalidTypeName(f"{show(self.text)} is no CQL type: unexpected {found}")

    def expect(self, sign: str) -> None:
        """Step over `sign`, or raise."""
        if self.kind != "sign" or self.value != sign:
            self.refuse()
        self.next()

    def type(self, depth: int) -> CqlType:
        """Read a type that stands within `depth` - 1 others."""
        if depth > MAX_DEPTH:
            raise InvalidTypeName(f"{show(self.text)}: types nest at most {MAX_DEPTH} deep")
        if self.kind == "custom":
            return parse_class_name(self.next())
        if self.kind == "quoted":
            return self.user_type(self.next().replace('""', '"'))
        if self.kind != "word":
            self.refuse()
        word = self.next().lower()
        if self.kind == "sign" and self.value == "<":
            return self.parameters(word, depth + 1)
        if self.kind == "sign" and self.value == ".":
            return self.user_type(word)
        return TYPES_BY_NAME.get(word) or self.user_type(word)

    def parameters(self, word: str, depth: int) -> CqlType:
        """Read what stands between < and > after `word`."""
        if word in _AROUND_ONE:
            self.next()
            found = _AROUND_ONE[word](self.type(depth))
        elif word in _READERS:
            self.next()
            found = _READERS[word](self, depth)
        else:
            raise InvalidTypeName(f"{show(self.text)} is no CQL type: {word} has no parameters")
        self.expect(">")
        return found

    def map_type(self, depth: int) -> CqlType:
        """Read the parameters of a map."""
        key = self.type(depth)
        self.expect(",")
        return MapType(key, self.type(depth))

    def tuple_type(self, depth: int) -> CqlType:
        """Read the parameters of a tuple."""
        elements = [self.type(depth)]
        while self.kind == "sign" and self.value == ",":
            self.next()
            elements.append(self.type(depth))
        return TupleType(*elements)

    def vector_type(self, depth: int) -> CqlType:
        """Read the parameters of a vector."""
        element = self.type(depth)
        self.expect(",")
        if self.kind != "number":
            self.refuse()
        return VectorType(element, int(self.next()))

    def user_type(self, name: str) -> CqlType:
        """Find the user type of this name, which a keyspace's name may precede."""
        if self.kind == "sign" and self.value == ".":
            keyspace = name
            self.next()
            if self.kind not in ("word", "quoted"):
                self.refuse()
            quoted = self.kind == "quoted"
            name = self.next()
            name = name.replace('""', '"') if quoted else name.lower()
            if self.keyspace is not None and keyspace != self.keyspace:
                raise InvalidTypeName(
                    f"the user type {name!r} is of keyspace {keyspace!r}, not {self.keyspace!r}"
                )
        found: CqlType | None = None
        if isinstance(self.user_types, Mapping):
            found = self.user_types.get(name)
        elif self.user_types is not None:
            found = self.user_types(name)
        if found is None:
            where = f" in keyspace {self.keyspace!r}" if self.keyspace is not None else ""
            raise InvalidTypeName(f"no type and no user type{where} is called {show(name)}")
        return found


_AROUND_ONE: dict[str, Callable[[CqlType], CqlType]] = {
    "frozen": FrozenType,
    "list": ListType,
    "set": SetType,
}
_READERS: dict[str, Callable[[_Parser, int], CqlType]] = {
    "map": _Parser.map_type,
    "tuple": _Parser.tuple_type,
    "vector": _Parser.vector_type,
}
