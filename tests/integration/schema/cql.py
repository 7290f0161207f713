"""CQL text cut into tokens and statements, and brought into one form for comparison.

Independent of the driver, so that a mistake in it cannot hide here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|//[^\n]*)
    |(?P<comment>/\*.*?\*/)
    |(?P<dollars>\$\$.*?\$\$)
    |(?P<text>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*")
    |(?P<blob>0[xX][0-9a-fA-F]*)
    |(?P<word>-?[\w.+-]*\w)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_LEGACY = "(this should not be used to reproduce this schema)"


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """The tokens of a text as (kind, text), without white space and line comments."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        assert kind is not None
        if kind != "space":
            yield kind, match.group()


def statements(text: str) -> list[str]:
    """The statements of a script, without their semicolons; comments are left out."""
    found: list[str] = []
    begin: int | None = None
    for match in _TOKEN.finditer(text):
        if match.lastgroup in ("space", "comment"):
            continue
        if match.group() == ";":
            if begin is not None:
                found.append(text[begin : match.start()].strip())
            begin = None
        elif begin is None:
            begin = match.start()
    assert begin is None, f"the script ends within a statement: {text[begin:]!r}"
    return found


def uncommented(text: str) -> str:
    """A statement of the server, taken out of the comment it is in when it is approximate."""
    if not text.startswith("/*"):
        return text
    assert text.rstrip().endswith("*/")
    return text.rstrip()[:-2].partition(_LEGACY)[2] if _LEGACY in text else text


def normal(text: str) -> tuple[Any, ...]:
    """A value that is equal for statements that differ only in white space and order of options.

    Options are what stands after the last WITH outside of parentheses, separated by AND; the
    entries of a map are options too. Two forms of a string (``'…'`` and ``$$…$$``) are one.
    """
    flat = [_one_form(kind, token) for kind, token in tokens(text)]
    if flat and flat[-1] == ";":
        flat.pop()
    depth, start = 0, len(flat)
    for index, token in enumerate(flat):
        depth += (token in ("(", "{", "[")) - (token in (")", "}", "]"))
        if depth == 0 and token == "WITH":
            start = index
    head, options = flat[:start], flat[start + 1 :]
    return tuple(head), tuple(sorted(tuple(_maps(part)) for part in _split(options, "AND")))


def _one_form(kind: str, token: str) -> str:
    if kind == "dollars":
        return "'" + token[2:-2].replace("'", "''") + "'"
    if kind == "comment":
        return " ".join(token.split())
    return token


def _split(flat: Sequence[str], separator: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for token in flat:
        depth += (token in ("(", "{", "[")) - (token in (")", "}", "]"))
        if depth == 0 and token == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _maps(option: list[str]) -> list[str]:
    """An option; the entries of the map that is its value are put in order."""
    if "{" not in option or option[-1] != "}":
        return option
    begin = option.index("{")
    entries = sorted(_split(option[begin + 1 : -1], ","))
    return option[: begin + 1] + [token for entry in entries for token in [*entry, ","]]
