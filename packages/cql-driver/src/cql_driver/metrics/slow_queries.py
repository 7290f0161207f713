"""What logs and traces say of a statement, without the values in it, and `SlowQueryLogger`."""

from __future__ import annotations

import re
from functools import lru_cache
from time import monotonic

from cql_driver.core.observers import Observer
from cql_driver.errors import InvalidArgument
from cql_driver.logs import get_logger

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["SlowQueryLogger", "operation_of", "parameters_of", "text_of"]

_OPERATIONS = {
    *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "ALTER", "DROP"),
    *("USE", "GRANT", "REVOKE", "LIST", "DESCRIBE"),
}

_FIRST_WORD = re.compile(r"\s*(\w+)")

_LITERALS = re.compile(
    r"""
    (?P<name> "(?:[^"]|"")*(?:"|\Z) )                     # a quoted name stays
    | (?P<comment> (?:--|//)[^\n]* | /\*.*?(?:\*/|\Z) )   # a comment goes, whatever it says
    | '(?:[^']|'')*(?:'|\Z)
    | \$\$.*?(?:\$\$|\Z)
    | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b     # a UUID
    | (?<![\w.])[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?\w*       # number, duration or blob
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


def _mask(match: re.Match[str]) -> str:
    if match["name"]:
        return match["name"]
    return " " if match["comment"] else "?"


@lru_cache(maxsize=512)
def _masked(text: str) -> str:
    return " ".join(_LITERALS.sub(_mask, text).split())


def text_of(statement: Any, max_length: int, *, literals: bool = False) -> str:
    """Return the statement's CQL on one line of at most `max_length` characters.

    Literals are replaced by ``?``, comments left out, unless `literals` is True. Of a batch,
    only the number of its statements is told.
    """
    raw = _raw(statement)
    if raw is None:
        return _describe(statement)
    # A text may be megabytes of values: no more of it is looked at than can be shown.
    cut = raw[: 8 * max_length]
    text = " ".join(cut.split()) if literals else _masked(cut)
    if len(text) > max_length or len(cut) < len(raw):
        text = text[: max_length - 1] + "…"
    return text


def operation_of(statement: Any) -> str | None:
    """Return ``"SELECT"``, ``"INSERT"``, ``"BATCH"`` …, or None when it is none we know."""
    if _is_batch(statement):
        return "BATCH"
    match = _FIRST_WORD.match(_raw(statement) or "")
    word = match[1].upper() if match else ""
    if word == "BEGIN":
        return "BATCH"
    return word if word in _OPERATIONS else None


def parameters_of(statement: Any, max_length: int) -> str | None:
    """Return the bound values as text of at most `max_length` characters, if there are any."""
    values = getattr(statement, "values", None)
    if values is None or callable(values):
        return None
    text = repr(values)
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def _raw(statement: Any) -> str | None:
    if isinstance(statement, str):
        return statement
    prepared = getattr(statement, "prepared_statement", statement)
    text = getattr(prepared, "query_string", None)
    return text if isinstance(text, str) else None


def _is_batch(statement: Any) -> bool:
    return hasattr(statement, "batch_type")


def _describe(statement: Any) -> str:
    if _is_batch(statement) and hasattr(statement, "__len__"):
        return f"BATCH of {len(statement)}"
    return type(statement).__name__


log = get_logger("cql_driver.slow_queries")


class SlowQueryLogger(Observer):
    """Logs requests that took `threshold` seconds or more, as warnings of one line.

    Lines go to the logger ``cql_driver.slow_queries`` and tell duration, coordinator,
    attempts, the error if there was one, and the text of the statement, cut to `max_length`
    characters. Values never appear, not even literals of the text, unless `log_parameters`
    is True; then bound values are shown as they were sent, cut to `max_length` as well.

    At most `rate_limit` lines are written per second (None: no limit); the next line tells
    how many were left out, and `suppressed` is how many there were in all.

    Raises `InvalidArgument` for a negative `threshold`, or a `max_length` or `rate_limit`
    below 1.

    Example::

        cluster = Cluster(observers=[SlowQueryLogger(threshold=0.5)])
    """

    suppressed: int
    """Slow requests that were not logged because of `rate_limit`."""

    def __init__(
        self,
        threshold: float = 1.0,
        log_parameters: bool = False,
        max_length: int = 200,
        rate_limit: int | None = 10,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if threshold < 0:
            raise InvalidArgument(f"threshold is {threshold}: give seconds, 0 or more")
        if max_length < 1:
            raise InvalidArgument(f"max_length is {max_length}: give 1 character or more")
        if rate_limit is not None and rate_limit < 1:
            raise InvalidArgument(f"rate_limit is {rate_limit}: give 1 or more, or None")
        self.threshold = threshold
        self.log_parameters = log_parameters
        self.max_length = max_length
        self.rate_limit = rate_limit
        self.suppressed = 0
        self._untold = 0
        self._clock = clock
        self._second = float("-inf")
        self._written = 0

    def request_ended(self, request: Any, error: BaseException | None, duration: float) -> None:
        """Log the request if it was slow."""
        if duration < self.threshold:
            return
        if not self._may_write():
            self.suppressed += 1
            self._untold += 1
            return
        untold, self._untold = self._untold, 0
        log.warning("%s", self._line(request, error, duration, untold))

    def _may_write(self) -> bool:
        if self.rate_limit is None:
            return True
        now = self._clock()
        if now - self._second >= 1:
            self._second = now
            self._written = 0
        self._written += 1
        return self._written <= self.rate_limit

    def _line(self, request: Any, error: BaseException | None, duration: float, untold: int) -> str:
        attempts = request.attempts
        plural = "" if attempts == 1 else "s"
        parts = [f"{duration:.3f} s", f"host {request.host}", f"{attempts} attempt{plural}"]
        if error is not None:
            parts.append(type(error).__name__)
        statement = request.statement
        text = text_of(statement, self.max_length, literals=self.log_parameters)
        line = f"Slow request: {', '.join(parts)}: {text}"
        if self.log_parameters:
            parameters = parameters_of(statement, self.max_length)
            line += "" if parameters is None else f" with {parameters}"
        return f"{line} ({untold} more not logged)" if untold else line
