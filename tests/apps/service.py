"""What the applications under test serve, and what the right answers are.

Every application serves the same paths, each with a JSON object:

- ``/insert/N`` writes item N,
- ``/select/N`` reads item N, one of the `ITEMS` that are there from the beginning,
- ``/pages`` reads a partition of `ROWS` rows by pages of `PAGE` rows,
- ``/concurrent/N`` writes `BATCH` items at once, and reads them at once,
- ``/report`` says what the application's watchdog has measured.

`Blocking` serves them by the blocking API; other APIs have their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cql_driver.cluster import Session

__all__ = ["BATCH", "INSERT", "ITEMS", "PAGE", "ROWS", "SELECT", "SELECT_ROWS", "Blocking"]

ITEMS = 100
ROWS = 300
PAGE = 50
BATCH = 10

INSERT = "INSERT INTO items (id, value) VALUES (?, ?)"
SELECT = "SELECT value FROM items WHERE id = ?"
SELECT_ROWS = "SELECT n FROM numbers WHERE part = 0"

SCHEMA = (
    "CREATE TABLE items (id int PRIMARY KEY, value text)",
    "CREATE TABLE numbers (part int, n int, PRIMARY KEY (part, n))",
)


def value_of(number: int) -> str:
    """Return the value of an item."""
    return f"the value of {number}"


def batch_of(number: int) -> list[int]:
    """Return the items that ``/concurrent/N`` writes."""
    return [-(number * BATCH + n) - 1 for n in range(BATCH)]


def expected(path: str) -> dict[str, Any]:
    """Return the right answer."""
    _, what, *rest = path.split("/")
    if what == "insert":
        return {"inserted": int(rest[0])}
    if what == "select":
        return {"value": value_of(int(rest[0]))}
    if what == "pages":
        return {"count": ROWS, "sum": sum(range(ROWS))}
    return {"values": [value_of(item) for item in batch_of(int(rest[0]))]}


def fill(session: Session, keyspace: str) -> None:
    """Make a keyspace with what the applications read. By the test."""
    from cql_driver.concurrent import execute_concurrent_with_args

    session.execute(
        f"CREATE KEYSPACE {keyspace} WITH replication = "
        "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    session.execute(f"USE {keyspace}")
    for statement in SCHEMA:
        session.execute(statement)
    insert = session.prepare(INSERT)
    execute_concurrent_with_args(session, insert, [(n, value_of(n)) for n in range(ITEMS)])
    number = session.prepare("INSERT INTO numbers (part, n) VALUES (0, ?)")
    execute_concurrent_with_args(session, number, [(n,) for n in range(ROWS)])


class Blocking:
    """The answers, by a blocking session."""

    def __init__(self, session: Session) -> None:
        from cql_driver.query import SimpleStatement

        self._session = session
        self._insert = session.prepare(INSERT)
        self._select = session.prepare(SELECT)
        self._rows = SimpleStatement(SELECT_ROWS, fetch_size=PAGE)

    def answer(self, path: str) -> dict[str, Any]:
        """Return the answer to a request; raises `KeyError` for a path that is none."""
        _, what, *rest = path.split("/")
        number = int(rest[0]) if rest else 0
        answers = {
            "insert": self.insert,
            "select": self.select,
            "pages": self.pages,
            "concurrent": self.concurrent,
        }
        return answers[what](number)

    def insert(self, number: int) -> dict[str, Any]:
        """Write an item."""
        self._session.execute(self._insert, (number, value_of(number)))
        return {"inserted": number}

    def select(self, number: int) -> dict[str, Any]:
        """Read an item."""
        return {"value": self._session.execute(self._select, (number,)).one().value}

    def pages(self, number: int) -> dict[str, Any]:
        """Read many rows, page by page."""
        numbers = [row.n for row in self._session.execute(self._rows)]
        return {"count": len(numbers), "sum": sum(numbers)}

    def concurrent(self, number: int) -> dict[str, Any]:
        """Write many items and read them."""
        from cql_driver.concurrent import execute_concurrent_with_args

        items = batch_of(number)
        writes = [(item, value_of(item)) for item in items]
        execute_concurrent_with_args(self._session, self._insert, writes)
        results = execute_concurrent_with_args(
            self._session, self._select, [(item,) for item in items]
        )
        return {"values": [result.result_or_exc.one().value for result in results]}
