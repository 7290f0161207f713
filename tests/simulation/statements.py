"""The little CQL that simulated nodes understand, as `Statement` objects."""

from __future__ import annotations

import re
from typing import NoReturn

from cql_protocol.errors import SyntaxException

__all__ = ["Marker", "Statement", "parse"]

_tokens = re.compile(
    r"""\s*(?: (?P<string>'(?:[^']|'')*')
             | "(?P<quoted>(?:[^"]|"")+)"
             | (?P<number>-?(?:0x[0-9a-fA-F]*|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+(?:\.\d+)?))
             | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
             | (?P<sign>[?:;,.()<>={}\[\]*+\-]) )""",
    re.VERBOSE,
)
_VERBS = ("use", "truncate", "select", "insert", "update", "delete", "create", "alter", "drop")
_remembered: dict[str, Statement] = {}


class Marker:
    """A place for a value that comes with the request: the number, and the name if it has one."""

    __slots__ = ("index", "name")

    def __init__(self, index: int, name: str | None) -> None:
        self.index = index
        self.name = name


class Statement:
    """What a text says. `kind` is its first word (or two, for DDL), in capitals.

    `assignments` are (column, term, increment?), `conditions` (column, term); a term is a
    `Marker`, or the text of a literal; `among` are (column, texts) of IN, `tokens` (operator, term)
    of the partition key's token. `conditional` is IF.
    `schema` is what DDL is about: (change, target, name, the rest of the text).
    """

    __slots__ = (
        "among",
        "assignments",
        "columns",
        "conditional",
        "conditions",
        "keyspace",
        "kind",
        "limit",
        "markers",
        "schema",
        "table",
        "text",
        "tokens",
    )

    def __init__(self, text: str) -> None:
        self.text = text
        self.kind = ""
        self.keyspace: str | None = None
        self.table = ""
        self.columns: list[str] | None = None
        self.assignments: list[tuple[str, Marker | str, bool]] = []
        self.conditions: list[tuple[str, Marker | str]] = []
        self.among: list[tuple[str, list[str]]] = []
        self.tokens: list[tuple[str, Marker | str]] = []
        self.conditional: list[tuple[str, Marker | str]] | None = None
        self.limit: Marker | str | None = None
        self.markers: list[Marker] = []
        self.schema: tuple[str, str, str, str] = ("", "", "", "")


def parse(text: str) -> Statement:
    """Return what `text` says; raise `SyntaxException` where that is not understood."""
    found = _remembered.get(text)
    if found is None:
        if len(_remembered) > 4096:
            _remembered.clear()
        found = _remembered[text] = _Parser(text).statement()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        at, end = 0, len(text.rstrip().rstrip(";"))
        while at < end:
            match = _tokens.match(text, at, end)
            if match is None:
                self.wrong(f"at {text[at : at + 20]!r}")
            kind = str(match.lastgroup)
            value = match[kind]
            if kind == "word":
                value = value.lower()
            self.tokens.append((kind, value, match.start(kind)))
            at = match.end()
        self.at = 0
        self.found = Statement(text)

    def wrong(self, what: str) -> NoReturn:
        raise SyntaxException(f"the simulated node does not understand {self.text!r}: {what}")

    def peek(self) -> str:
        if self.at < len(self.tokens):
            kind, value, _ = self.tokens[self.at]
            return value if kind != "string" else "'"
        return ""

    def skip(self, *values: str) -> bool:
        """Step over these tokens if they are next."""
        upcoming = [value for _, value, _ in self.tokens[self.at : self.at + len(values)]]
        if upcoming == list(values):
            self.at += len(values)
            return True
        return False

    def need(self, *values: str) -> None:
        if not self.skip(*values):
            self.wrong(f"{' '.join(values)} expected, not {self.peek()!r}")

    def name(self) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] not in ("word", "quoted"):
            self.wrong(f"a name expected, not {self.peek()!r}")
        self.at += 1
        return self.tokens[self.at - 1][1].replace('""', '"')

    def table(self) -> None:
        self.found.table = self.name()
        if self.skip("."):
            self.found.keyspace, self.found.table = self.found.table, self.name()

    def term(self) -> Marker | str:
        if self.skip("?"):
            return self._marker(None)
        if self.skip(":"):
            return self._marker(self.name())
        if self.at >= len(self.tokens):
            self.wrong("a value expected at the end")
        kind, value, _ = self.tokens[self.at]
        self.at += 1
        if kind == "sign":
            self.wrong(f"a value expected, not {value!r}")
        return value if kind != "quoted" else self.wrong("a quoted name as a value")

    def _marker(self, name: str | None) -> Marker:
        marker = Marker(len(self.found.markers), name)
        self.found.markers.append(marker)
        return marker

    # --- statements ------------------------------------------------------------------------

    def statement(self) -> Statement:
        word = self.name()
        found = self.found
        found.kind = word.upper()
        if word not in _VERBS:
            self.wrong(f"unknown statement {word.upper()}")
        getattr(self, f"_{word}")()
        if self.at < len(self.tokens):
            self.wrong(f"{self.peek()!r} is left over")
        return found

    def _use(self) -> None:
        self.found.keyspace = self.name()

    def _truncate(self) -> None:
        self.skip("table")
        self.table()

    def _select(self) -> None:
        found = self.found
        self.skip("json")
        if not self.skip("*"):
            found.columns = [self._selected()]
            while self.skip(","):
                found.columns.append(self._selected())
        self.need("from")
        self.table()
        if self.skip("where"):
            found.conditions = self._conditions()
        if self.skip("limit"):
            found.limit = self.term()
        self.skip("allow", "filtering")
        if self.skip("using", "timeout"):
            self.at = len(self.tokens)

    def _selected(self) -> str:
        name = self.name()
        if self.skip("("):
            inner = "*" if self.skip("*") else self.name()
            self.need(")")
            name = f"{name}({inner})"
        if self.skip("as"):
            self.name()
        return name

    def _conditions(self) -> list[tuple[str, Marker | str]]:
        found = self._condition()
        while self.skip("and"):
            found += self._condition()
        return found

    def _condition(self) -> list[tuple[str, Marker | str]]:
        name = self.name()
        if name == "token" and self.skip("("):
            while self.peek() not in (")", ""):
                self.at += 1
            self.need(")")
            operator = ">" if self.skip(">") else "<="
            if operator == "<=":
                self.need("<", "=")
            self.found.tokens.append((operator, self.term()))
            return []
        if self.skip("in", "("):
            texts = [str(self.term())]
            while self.skip(","):
                texts.append(str(self.term()))
            self.need(")")
            self.found.among.append((name, texts))
            return []
        self.need("=")
        return [(name, self.term())]

    def _insert(self) -> None:
        self.need("into")
        self.table()
        self.need("(")
        names = [self.name()]
        while self.skip(","):
            names.append(self.name())
        self.need(")", "values", "(")
        terms = [self.term()]
        while self.skip(","):
            terms.append(self.term())
        self.need(")")
        if len(names) != len(terms):
            self.wrong("unequal numbers of columns and values")
        self.found.assignments = [(n, t, False) for n, t in zip(names, terms, strict=True)]
        if self.skip("if", "not", "exists"):
            self.found.conditional = []
        self._using()

    def _using(self) -> None:
        if self.skip("using"):
            while self.skip("timestamp") or self.skip("ttl") or self.skip("and"):
                if self.peek() not in ("and", "timestamp", "ttl"):
                    self.term()

    def _update(self) -> None:
        self.table()
        self._using()
        self.need("set")
        self.found.assignments = [self._assignment()]
        while self.skip(","):
            self.found.assignments.append(self._assignment())
        self.need("where")
        self.found.conditions = self._conditions()
        if self.skip("if", "exists"):
            self.found.conditional = []
        elif self.skip("if"):
            self.found.conditional = self._conditions()

    def _assignment(self) -> tuple[str, Marker | str, bool]:
        name = self.name()
        self.need("=")
        if self.skip(name, "+"):
            return name, self.term(), True
        return name, self.term(), False

    def _delete(self) -> None:
        while not self.skip("from"):
            self.at += 1
            if self.at >= len(self.tokens):
                self.wrong("no FROM")
        self.table()
        self._using()
        self.need("where")
        self.found.conditions = self._conditions()
        if self.skip("if", "exists"):
            self.found.conditional = []

    def _create(self) -> None:
        self._change("CREATED")

    def _alter(self) -> None:
        self._change("UPDATED")

    def _drop(self) -> None:
        self._change("DROPPED")

    def _change(self, change: str) -> None:
        found = self.found
        target = self.name().upper()
        for words in (("if", "not", "exists"), ("if", "exists")):
            if self.skip(*words):
                found.conditional = []
        self.table()
        name = found.table
        if target == "KEYSPACE":
            found.keyspace, name = found.table, ""
        rest = self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)
        found.schema = (change, target, name, self.text[rest:].rstrip().rstrip(";"))
        self.at = len(self.tokens)
