"""Markers in the text of a statement: ``%s``, ``%(name)s``, and ``%%`` for a percent sign.

They are Python's own, but not replaced by Python's ``%``: that would also take ``%r`` or ``%5d``,
and would call back into the objects it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from cql_protocol._lazy import pattern
from cql_protocol.errors import InvalidValue, InvalidValueType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["substitute"]

# A marker, or one of the signs that begin and end quoted text and comments.
_signs = pattern(r"%(?:(%)|(s)|\(([^()]*)\)s)?|['\"\n\r]|--|//|/\*|\*/|\$\$", "finditer")
_ENDS = {"'": "'", '"': '"', "$$": "$$", "--": "\n\r", "//": "\n\r", "/*": "*/"}
_is_bare = pattern(r"(?a)[\w.+:-]*", "fullmatch")

_CACHED_SIZE = 4096
"""Longer statements are cut at their markers anew each time: they seldom come twice."""

_PLAIN = (list, tuple, dict)
_SINGLE = (str, bytes, bytearray, memoryview)


# Within quotes a text would end them with its own. Bare numbers and words can stand there.
_QUOTED = (
    "a marker stands in quotes or in a comment, or next to a quote: the driver quotes text itself, "
    "so write %s, not '%s'"
)


class _Plan:
    """A statement cut at its markers."""

    __slots__ = ("enclosed", "names", "texts")

    def __init__(self, query: str) -> None:
        self.texts: list[str] = []
        """The texts around the markers, one more than there are markers."""
        self.names: list[str | None] = []
        """The names of the markers; None for %s."""
        self.enclosed: set[int] = set()
        """The markers that stand in quotes or comments."""
        text = ends = ""
        at = 0
        for found in _signs(query):
            sign = found[0]
            if sign[0] != "%":
                if not ends:
                    ends = _ENDS.get(sign, "")
                elif sign in ends:
                    ends = ""
                continue
            text += query[at : found.start()]
            at = found.end()
            if found[1]:
                text += "%"
                continue
            if sign == "%":
                raise InvalidValue(
                    f"{query[found.start() : at + 10]!r} is no marker: use %s or %(name)s, "
                    "and %% for a percent sign"
                )
            if ends:
                self.enclosed.add(len(self.names))
            self.texts.append(text)
            self.names.append(found[3])
            text = ""
        self.texts.append(text + query[at:])
        if None in self.names and any(name is not None for name in self.names):
            raise InvalidValue("%s and %(name)s cannot be used in one statement")


_plan_cached: Callable[[str], _Plan] = lru_cache(maxsize=256)(_Plan)


def substitute(
    query: str,
    params: Sequence[Any] | Mapping[str, Any] | None,
    literal: Callable[[Any], str],
) -> str:
    """Return `query` with each marker replaced by the `literal` of its parameter."""
    if params is None or (isinstance(params, _PLAIN) and not params):
        return query
    plan = _plan_cached(query) if len(query) <= _CACHED_SIZE else _Plan(query)
    literals = [literal(value) for value in _arrange(plan.names, params)]
    for place in plan.enclosed:
        if not _is_bare(literals[place]):
            raise InvalidValue(_QUOTED)
    texts = iter(plan.texts)
    parts = [next(texts)]
    last = parts[0][-1:]
    for place, (text, after) in enumerate(zip(literals, texts, strict=True)):
        first = text[:1]
        if first == "-" and last == "-" and place not in plan.enclosed:
            parts.append(" ")  # two of them would begin a comment
        elif first == "'" and (last == "'" or after[:1] == "'"):
            raise InvalidValue(_QUOTED)
        parts += (text, after)
        last = after[-1:] or text[-1:]
    return "".join(parts)


def _arrange(names: list[str | None], params: Any) -> Sequence[Any]:
    """Return the parameters in the order of the markers."""
    if type(params) is not tuple and type(params) is not list:
        if isinstance(params, Mapping):
            return _by_name(names, params)
        params = _listed(params)
    if names and names[0] is not None:
        raise InvalidValue(
            "the statement has %(name)s markers, so its parameters are a dict, not a sequence"
        )
    if len(names) != len(params):
        raise InvalidValue(
            f"the statement has {len(names)} markers, but there are {len(params)} parameters"
        )
    arranged: Sequence[Any] = params
    return arranged


def _by_name(names: list[str | None], params: Mapping[str, Any]) -> list[Any]:
    if None in names:
        raise InvalidValue(
            "the statement has %s markers, so its parameters are a list or tuple, not a mapping"
        )
    try:
        return [params[name] for name in names if name is not None]
    except KeyError as exc:
        raise InvalidValue(f"no parameter is named {exc.args[0]!r}") from None


def _listed(params: Any) -> Sequence[Any]:
    if isinstance(params, _SINGLE):
        raise InvalidValueType(
            f"the parameters are a list, tuple or dict, not {type(params).__name__}: "
            "put a single one into a list"
        )
    if isinstance(params, Iterator):
        return list(params)
    if isinstance(params, Sequence):
        return params
    raise InvalidValueType(f"the parameters are a list, tuple or dict, not {type(params).__name__}")
