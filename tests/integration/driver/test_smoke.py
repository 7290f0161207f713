"""A short program on each reactor, all at once; `make reactors` runs all tests on each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.driver.support import REACTOR
from tests.on_reactor import REACTORS

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(REACTOR != "selector", reason="all tests run on one reactor here"),
]

_ROOT = Path(__file__).parents[3]
_PATIENCE = 120.0


@pytest.fixture(scope="module")
def programs(cassandra: Nodes) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """The programs, by reactor; they have begun."""
    where = cassandra.contact_points[0], str(cassandra.port)
    begun = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.integration.driver.smoke", name, *where],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in REACTORS
        if _can_be_had(name)
    }
    yield begun
    for program in begun.values():
        program.kill()
        program.communicate()


def _can_be_had(name: str) -> bool:
    needed = {"gevent": "gevent", "eventlet": "eventlet", "twisted": "twisted"}
    needed["libev"] = "cql_speedups.libev"
    return name not in needed or find_spec(needed[name]) is not None


@pytest.mark.parametrize("reactor", REACTORS)
def test_a_short_program(reactor: str, programs: dict[str, subprocess.Popen[str]]) -> None:
    if reactor not in programs:
        pytest.skip(f"what the reactor {reactor} needs is not installed")
    said, _ = programs[reactor].communicate(timeout=_PATIENCE)
    assert programs[reactor].returncode == 0, said
    # Eventlet itself says that it is deprecated.
    assert reactor == "eventlet" or said == ""
