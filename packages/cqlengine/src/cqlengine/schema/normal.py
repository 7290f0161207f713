"""Normal forms: what the servers tell and what models say, so that equal things have equal text.

Servers write a type, a target of an index or a condition in their own way, which differs with
their versions.
"""

from __future__ import annotations

from cql_protocol._lazy import pattern
from cql_protocol.identifiers import protect_name, protect_type_name

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["is_collection", "normal_conditions", "normal_target", "normal_type", "unquoted"]

_tokens_of: Callable[[str], list[str]] = pattern(
    r"""(?:(?:\w+|"(?:[^"]|"")*")\s*\.\s*)?('[^']*'|"(?:[^"]|"")*"|\w+|[<>,])""", "findall"
)
"""The parts of a type; of user types the name without the keyspace."""

_COLLECTIONS = frozenset(("list", "map", "set"))
_ALWAYS_FROZEN = frozenset(("tuple", "vector"))
_SIMPLE_NAMES = """
    ascii bigint blob boolean counter date decimal double duration float inet int smallint
    text time timestamp timeuuid tinyint uuid varint
"""
_SIMPLE = frozenset(_SIMPLE_NAMES.split())
_OTHER_NAMES = {"varchar": "text"}
_CLASSES = {
    "AsciiType": "ascii",
    "BooleanType": "boolean",
    "ByteType": "tinyint",
    "BytesType": "blob",
    "DecimalType": "decimal",
    "DoubleType": "double",
    "DurationType": "duration",
    "FloatType": "float",
    "InetAddressType": "inet",
    "Int32Type": "int",
    "IntegerType": "varint",
    "LongType": "bigint",
    "ShortType": "smallint",
    "SimpleDateType": "date",
    "TimeType": "time",
    "TimeUUIDType": "timeuuid",
    "TimestampType": "timestamp",
    "UTF8Type": "text",
    "UUIDType": "uuid",
}
"""Classes of the servers that have a name in CQL, by which the servers tell them."""
_PACKAGE = "org.apache.cassandra.db.marshal."

_words_of_class: Callable[[str], list[str]] = pattern(r"[\w.$]+|[^\w.$\s]", "findall")


def unquoted(name: str) -> str:
    """Return the name that stands in CQL, as the server keeps it."""
    if name[:1] == '"':
        return name[1:-1].replace('""', '"')
    return name.lower()


def normal_type(text: str) -> str:
    """Return a CQL type so that equal types have equal text.

    Tuples and vectors are always frozen, and so is all that is in something frozen: it is told
    at the outermost place alone. User types stand without their keyspace.

    Example::

        >>> normal_type("frozen<map<varchar,frozen<list<int>>>>")
        'frozen<map<text, list<int>>>'
        >>> normal_type("list<frozen<tuple<int,text>>>")
        'list<tuple<int, text>>'
    """
    tokens = _tokens_of(text)
    return _read_type(tokens, is_frozen=False) if tokens else ""


def _read_type(tokens: list[str], is_frozen: bool) -> str:
    """Take one type from the front of the tokens."""
    first = tokens.pop(0) if tokens else ""
    word = first.lower()
    if word == "frozen" and tokens[:1] == ["<"]:
        tokens.pop(0)
        inner = _read_type(tokens, is_frozen=True)
        del tokens[:1]
        is_told = not is_frozen and _may_be_frozen(inner)
        return f"frozen<{inner}>" if is_told else inner
    if tokens[:1] != ["<"]:
        return _name(first)
    parts: list[str] = []
    inside = is_frozen or word in _ALWAYS_FROZEN
    while tokens and tokens.pop(0) != ">":
        parts.append(_read_type(tokens, inside))
    return f"{word}<{', '.join(parts)}>"


def _may_be_frozen(kind: str) -> bool:
    return kind[:1] != "'" and kind.partition("<")[0] not in _SIMPLE | _ALWAYS_FROZEN


def _name(token: str) -> str:
    """Return a simple type, a user type, a class in single quotes or the size of a vector."""
    if token[:1] == '"':
        return protect_type_name(unquoted(token))
    if token[:1] == "'":
        return _class(token[1:-1])
    return _OTHER_NAMES.get(token.lower(), token.lower())


def _class(text: str) -> str:
    """Return a class with its package, and so those in it, which is how the servers tell them."""
    if (known := _CLASSES.get(text.removeprefix(_PACKAGE))) is not None:
        return known
    words = [
        _PACKAGE + word if word.endswith("Type") and "." not in word else word
        for word in _words_of_class(text)
    ]
    return f"'{''.join(words)}'"


def is_collection(kind: str) -> bool:
    """Say whether a normal type is a list, set or map that is not frozen."""
    return kind.partition("<")[0] in _COLLECTIONS and kind.endswith(">")


def normal_target(text: str, kind: str | None = None) -> str:
    """Return the target of an index; `kind` is the normal type of its column, if it is known.

    An index of a collection whose part is not said is one of its values, and one of a frozen
    collection is of all of it.

    Example::

        >>> normal_target('keys("m")'), normal_target("l", "list<int>"), normal_target('"Big"')
        ('keys(m)', 'values(l)', '"Big"')
    """
    text = text.strip()
    if text.startswith("{"):
        return text  # an index of ScyllaDB that is local to the partition, in JSON
    word, opened, rest = text.partition("(")
    if opened and text.endswith(")") and word.strip().lower() in _PARTS:
        return f"{word.strip().lower()}({protect_name(unquoted(rest[:-1].strip()))})"
    column = protect_name(unquoted(text))
    if kind is not None and is_collection(kind):
        return f"values({column})"
    if kind is not None and kind.startswith("frozen<") and is_collection(kind[7:-1]):
        return f"full({column})"
    return column


_PARTS = frozenset(("keys", "values", "entries", "full"))

_words_of: Callable[[str], list[str]] = pattern(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[\w.+-]+|[<>=!]+|[^\s\w]""", "findall"
)


def normal_conditions(text: str) -> frozenset[str]:
    """Return the conditions of a view, in no order.

    Example::

        >>> sorted(normal_conditions('"id" is not null AND age > 17'))
        ['age > 17', 'id is not null']
    """
    found: list[list[str]] = [[]]
    for word in _words_of(text):
        if word.lower() == "and":
            found.append([])
        elif word[:1] == '"':
            found[-1].append(protect_name(unquoted(word)))
        else:
            found[-1].append(word if word[:1] == "'" else word.lower())
    bare = [_without_parentheses(words) for words in found]
    return frozenset(" ".join(words) for words in bare if words)


def _without_parentheses(words: list[str]) -> list[str]:
    """Take off the parentheses around a condition, or the half of them that is on its side."""
    while words:
        depth, closed = 0, len(words)
        for place, word in enumerate(words):
            depth += (word == "(") - (word == ")")
            if depth < 0:  # closes what another condition opens
                return _without_parentheses(words[:place] + words[place + 1 :])
            if depth == 0 and words[0] == "(":
                closed = min(closed, place)
        if words[0] != "(" or closed < len(words) - 1:
            return words
        words = words[1:] if closed == len(words) else words[1:-1]
    return words
