"""`plain_rows.c`, compiled when it is first needed: what plain C takes to build the rows.

It is compiled by the compiler that the interpreter was made by, below ``.hatch``.
"""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
import sysconfig
from collections import namedtuple
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import schema

SOURCE = Path(__file__).with_name("plain_rows.c")
PAGE_KINDS = "utiqdsblmx"
"""The columns of `schema.PAGE_COLUMNS`: uuid, text, int, bigint, double, timestamp, boolean,
list<int>, map<text, int>, blob."""


@cache
def module() -> Any:
    """Return the extension; compile it if its source is newer."""
    tag = "{}.{}".format(*sys.version_info[:2])
    folder = SOURCE.parents[1] / ".hatch" / tag / "plain"
    target = folder / ("plain_rows" + str(sysconfig.get_config_var("EXT_SUFFIX")))
    if not target.exists() or target.stat().st_mtime < SOURCE.stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        compiler = shlex.split(str(sysconfig.get_config_var("CC") or "cc"))
        include = sysconfig.get_path("include")
        flags = ["-O3", "-fPIC", "-shared", "-Wall", "-fno-strict-aliasing", "-I", include]
        subprocess.run([*compiler, *flags, str(SOURCE), "-o", str(target)], check=True)
    spec = importlib.util.spec_from_file_location("plain_rows", target)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def cells_of(body: bytes) -> tuple[bytes, int, int]:
    """Return the body of a page without metadata, where its cells begin, and how many rows."""
    return body, 16, int.from_bytes(body[12:16], "big")


def tuples(body: bytes, offset: int, rows: int) -> Any:
    """Return the rows as tuples."""
    return module().tuples(body, offset, rows, PAGE_KINDS)


def named(body: bytes, offset: int, rows: int) -> Any:
    """Return the rows as named tuples."""
    return module().tuples(body, offset, rows, PAGE_KINDS, _Row)


def dicts(body: bytes, offset: int, rows: int) -> Any:
    """Return the rows as dicts."""
    return module().dicts(body, offset, rows, PAGE_KINDS, _NAMES)


def walk(body: bytes, offset: int, rows: int) -> Any:
    """Go over every cell; return how many bytes they have."""
    return module().walk(body, offset, rows, len(PAGE_KINDS))


def copy(body: bytes, offset: int, rows: int) -> Any:
    """Return the floats of the last column of each row, in this machine's order, as bytes."""
    return module().floats(body, offset, rows, 2, schema.DIMENSION)


_NAMES = tuple(sys.intern(name) for name in schema.PAGE_COLUMNS)
_Row = namedtuple("_Row", _NAMES)  # type: ignore[misc]
BUILDERS: dict[str, Callable[[bytes, int, int], Any]] = {
    "tuples": tuples,
    "named": named,
    "dicts": dicts,
    "walk": walk,
    "vector-copy": copy,
}
"""What the workloads call."""
