"""`parse_class_name`: types as the server names its classes, such as ``ListType(Int32Type)``.

The protocol describes vectors and custom types so (spec section 4.2.5.2), and the schema tables of
old servers all types. The grammar is that of the server's TypeParser: a class, with or without
its package, and its parameters in parentheses.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cql_protocol.errors import InvalidTypeName, InvalidValue
from cql_protocol.registry import CODECS
from cql_protocol.types.base import MARSHAL, MAX_DEPTH, CqlType, show
from cql_protocol.types.collection import ListType, MapType, SetType
from cql_protocol.types.tables import TYPES_BY_CLASS
from cql_protocol.types.tuples import TupleType, UserType
from cql_protocol.types.vectors import VectorType
from cql_protocol.types.wrappers import CustomType, FrozenType, ReversedType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

__all__ = ["parse_class_name"]

_word = re.compile(r"\s*([A-Za-z0-9_.+&$-]+)\s*", re.ASCII).match
_space = re.compile(r"\s*", re.ASCII).match
_parenthesis = re.compile(r"[()]").search


@lru_cache(maxsize=512)  # the same few names come with every result that is not prepared
def parse_class_name(text: str) -> CqlType:
    """Return the type of a class of the server.

    Classes that are not known here are asked of the plugins of the group `cql_protocol.codecs`
    by their last part; a plugin is a `CqlType`, or a callable that makes one of the whole text.
    What nobody knows is a `CustomType`, whose values are bytes.

    Raises `InvalidTypeName` when the text does not follow the grammar, `PluginError` when the
    plugin cannot be loaded.

    Example::

        >>> str(parse_class_name("ListType(org.apache.cassandra.db.marshal.Int32Type)"))
        'list<int>'
    """
    parser = _Parser(text)
    try:
        found = parser.type(1)
    except InvalidValue as exc:  # what the types themselves refuse, such as a vector's size
        raise InvalidTypeName(f"{show(text)} is no type class: {exc}") from None
    if parser.at != len(text):
        parser.refuse()
    return found


class _Parser:
    """Reads one type from left to right; `at` is always past white space."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def refuse(self) -> NoReturn:
        """Raise for what stands at `at`."""
        raise InvalidTypeName(
            f"{show(self.text)} is no type class: unexpected "
            f"{show(self.text[self.at : self.at + 20]) if self.at < len(self.text) else 'end'}"
        )

    def word(self) -> str:
        """Read a name, a number or a hexadecimal text."""
        found = _word(self.text, self.at)
        if found is None:
            self.refuse()
        self.at = found.end()
        return found[1]

    def sees(self, sign: str) -> bool:
        """Step over `sign` if it comes next, and say so."""
        if not self.text.startswith(sign, self.at):
            return False
        found = _space(self.text, self.at + len(sign))
        self.at = found.end() if found else self.at
        return True

    def expect(self, sign: str) -> None:
        """Step over `sign`, or raise."""
        if not self.sees(sign):
            self.refuse()

    def type(self, depth: int) -> CqlType:
        """Read a type that stands within `depth` - 1 others."""
        if depth > MAX_DEPTH:
            raise InvalidTypeName(f"{show(self.text)}: types nest at most {MAX_DEPTH} deep")
        name = self.word()
        start = self.text.rindex(name, 0, self.at)
        short = name.removeprefix(MARSHAL)
        simple = TYPES_BY_CLASS.get(short)
        if simple is not None and not self.text.startswith("(", self.at):
            return simple
        if short in _AROUND_ONE:
            self.expect("(")
            found = _AROUND_ONE[short](self.type(depth + 1))
        elif short in _READERS:
            self.expect("(")
            found = _READERS[short](self, depth + 1)
        else:
            self.skip_parameters()
            return _foreign(name, self.text[start : self.at].rstrip())
        self.expect(")")
        return found

    def types(self, depth: int) -> list[CqlType]:
        """Read types until the closing parenthesis."""
        found: list[CqlType] = []
        while not self.text.startswith(")", self.at):
            if found:
                self.expect(",")
            found.append(self.type(depth))
        return found

    def skip_parameters(self) -> None:
        """Step over parentheses and all that they enclose."""
        open_ones = 0
        at = self.at
        while open_ones or self.text.startswith("(", at):
            found = _parenthesis(self.text, at)
            if found is None:
                self.refuse()
            open_ones += 1 if found[0] == "(" else -1
            at = found.end()
            if not open_ones:
                break
        self.at = at
        found = _space(self.text, at)
        self.at = found.end() if found else at

    def hex_text(self) -> str:
        """Read text written as the hexadecimal form of its UTF-8 bytes."""
        word = self.word()
        try:
            return bytes.fromhex(word).decode()
        except ValueError:
            raise InvalidTypeName(f"{show(self.text)}: {show(word)} is no name in hex") from None

    def map_type(self, depth: int) -> CqlType:
        """Read the parameters of MapType."""
        key = self.type(depth)
        self.expect(",")
        return MapType(key, self.type(depth))

    def tuple_type(self, depth: int) -> CqlType:
        """Read the parameters of TupleType."""
        return TupleType(*self.types(depth))

    def vector_type(self, depth: int) -> CqlType:
        """Read the parameters of VectorType."""
        element = self.type(depth)
        self.expect(",")
        word = self.word()
        if not (word.isdigit() and len(word) < 10):
            raise InvalidTypeName(f"{show(self.text)}: a vector cannot have {show(word)} elements")
        return VectorType(element, int(word))

    def user_type(self, depth: int) -> CqlType:
        """Read the parameters of UserType: keyspace, name, and the fields with their types."""
        keyspace = self.word()
        self.expect(",")
        name = self.hex_text()
        fields = []
        while self.sees(","):
            field = self.hex_text()
            self.expect(":")
            fields.append((field, self.type(depth)))
        return UserType(keyspace, name, fields)


_AROUND_ONE: dict[str, Callable[[CqlType], CqlType]] = {
    "FrozenType": FrozenType,
    "ListType": ListType,
    "ReversedType": ReversedType,
    "SetType": SetType,
}
_READERS: dict[str, Callable[[_Parser, int], CqlType]] = {
    "MapType": _Parser.map_type,
    "TupleType": _Parser.tuple_type,
    "UserType": _Parser.user_type,
    "VectorType": _Parser.vector_type,
}


def _foreign(name: str, text: str) -> CqlType:
    """Return the type of a class that this library has no class for."""
    short = name.rpartition(".")[2]
    plugin = CODECS.find(short)
    # A class of the same last name, but of another package, is another class.
    full = name if "." in name else MARSHAL + name
    if isinstance(plugin, CqlType):
        found: CqlType = plugin
        return found if found.class_name.partition("(")[0] in (full, short) else CustomType(text)
    if plugin is not None:
        made = plugin(text)
        if isinstance(made, CqlType):
            return made
    return CustomType(text)
