"""Which markers the text of a statement has, found without parsing all of CQL.

Only what the question needs is told apart: quoted text and comments, in which no server
looks for markers, and the places where a colon stands between key and value instead of
before a name. That is so within braces only: a map is ``{'key': value}``, a user type
``{field: value}``. In there a colon separates when a key stands before it; everything
else is a marker, as in ``{:k : :v}`` or ``{1::x}``.
"""

from __future__ import annotations

from cql_driver.errors import InvalidArgument
from cql_protocol._lazy import pattern

__all__ = ["first_word", "marker_style"]

_tokens = pattern(
    r"""(?xs)
      (?P<text>'[^']*(?:'|\Z) | \$\$.*?(?:\$\$|\Z))
    | (?P<name>"[^"]*(?:"|\Z))
    | (?P<comment>(?:--|//)[^\n\r]* | /\*.*?(?:\*/|\Z))
    | (?P<percent>%s | %\([^()]*\)s)
    | %%
    | (?P<word>\w+)
    | (?P<colon>:(?P<named>(?=\s*[A-Za-z_"]))?)
    | (?P<sign>[^\s\w])
    """,
    "finditer",
)
_percent_marker = pattern(r"%%|(%s|%\([^()]*\)s)", "finditer")
_leading = pattern(r"(?s)(?:\s+|--[^\n\r]*|//[^\n\r]*|/\*.*?\*/)*([A-Za-z]*)", "match")

_KEPT_SIZE = 4096
_KEPT = 1024
_known: dict[str, str] = {}


def marker_style(query: str) -> str:
    """Say which markers `query` has.

    - ``"server"``: ``?`` or ``:name``; such a statement with parameters must be prepared
    - ``"percent"``: ``%s`` or ``%(name)s``; the driver itself writes the parameters into the text
    - ``"none"``

    Server markers count outside of quotes and comments only. Percent markers count there too,
    as ``'%s'`` is replaced by people who write so; but not beside a server marker, where they
    are just text, such as the pattern of a LIKE. Raises `InvalidArgument` when markers of
    both kinds stand outside of quotes.

    Example::

        >>> marker_style("INSERT INTO t (k, m) VALUES (:k, {'a': :v})")
        'server'
        >>> marker_style("SELECT * FROM t WHERE k = '?' AND c = %s")
        'percent'
    """
    style = _known.get(query)
    if style is None:
        style = _find(query)
        # Longer ones seldom come twice, and must not fill the memory.
        if len(query) <= _KEPT_SIZE:
            if len(_known) >= _KEPT:
                _known.clear()
            _known[query] = style
    return style


def _find(query: str) -> str:
    percent = "%" in query and any(found[1] for found in _percent_marker(query))
    if "?" not in query and ":" not in query:
        return "percent" if percent else "none"
    server, bare_percent = _scan(query)
    if server and bare_percent:
        raise InvalidArgument(
            "the statement mixes %s markers, which the driver fills, with ? or :name markers, "
            "which the server does: use one kind"
        )
    if server:
        return "server"
    return "percent" if percent else "none"


def _scan(query: str) -> tuple[bool, bool]:
    """Say whether server markers, and percent markers, stand outside of quotes and comments."""
    server = percent = False
    # For each open bracket: "(" or "[", or in braces what a colon would end: "{" nothing, as
    # no key stands here, "k" a key, "v" nothing, as the key has been read.
    open_: list[str] = []
    for token in _tokens(query):
        kind = token.lastgroup
        if kind == "comment":
            continue
        if kind == "colon":
            if open_ and open_[-1] == "k":
                open_[-1] = "v"
                continue
            if token["named"] is None:
                continue
            server = True
        elif kind == "percent":
            percent = True
        elif kind == "sign":
            server = server or token[0] == "?"
            _follow(open_, token[0])
            continue
        if open_ and open_[-1] == "{":
            open_[-1] = "k"
    return server, percent


def _follow(open_: list[str], sign: str) -> None:
    """Keep track of brackets, and of where keys stand in braces."""
    if sign in "([{":
        if open_ and open_[-1] == "{":
            open_[-1] = "k"
        open_.append(sign)
    elif sign in ")]}":
        if open_:
            open_.pop()
    elif sign == ",":
        if open_ and open_[-1] in "kv":
            open_[-1] = "{"
    elif open_ and open_[-1] == "{":
        open_[-1] = "k"


def first_word(query: str) -> str:
    """Return the first word of a statement in upper case, such as ``SELECT``; '' for none."""
    word = query[:12].partition(" ")[0]  # mostly it is that simple
    if word.isalpha() and word.isascii():
        return word.upper()
    found = _leading(query)
    return found[1].upper() if found else ""
