"""Where things are kept: one cache folder outside the source tree.

``~/.cache/cql-tests``, or the folder that ``CQL_TESTS_CACHE`` names::

    cassandra-5.0.8/     the jars of a version, fetched once
    runs/                one temporary folder per running cluster
    subnets/             lock files of loopback subnets
    clusters/            state of the named clusters of ``python -m tests.cassandra up``
"""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The cache folder, made when missing."""
    named = os.environ.get("CQL_TESTS_CACHE")
    folder = Path(named).expanduser() if named else Path.home() / ".cache" / "cql-tests"
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def subfolder(name: str) -> Path:
    """A folder of the cache, made when missing."""
    folder = cache_folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep_runs() -> bool:
    """True when ``CQL_TESTS_KEEP`` asks to keep the data and logs of clusters that ended."""
    return os.environ.get("CQL_TESTS_KEEP", "") not in ("", "0")
