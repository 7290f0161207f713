"""The public names of other drivers' object mapper are here too, or a page says why not.

``mapper_surface.json`` has the public names of its modules, with methods, attributes and
properties, in the form of ``surface.json``; ``docs/migration.md`` has the reasons.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.documented import differences, reasons

SURFACE: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("mapper_surface.json").read_text()
)


@cache
def _differences() -> frozenset[str]:
    return differences(SURFACE, {})


def _listed() -> set[str]:
    return {name for name in reasons() if name.startswith("cqlengine")}


def test_the_surface_is_seen() -> None:
    assert len(SURFACE) == 11
    assert sum(map(len, SURFACE.values())) > 150


@pytest.mark.parametrize("module", SURFACE)
def test_what_is_public_elsewhere_is_here_or_listed(module: str) -> None:
    own = {d for d in _differences() if _module_of(d) == module}
    assert sorted(own - _listed()) == []


def _module_of(difference: str) -> str:
    return max((m for m in SURFACE if difference.startswith(f"{m}.")), key=len)


def test_nothing_of_the_mapper_is_listed_that_is_here() -> None:
    assert sorted(_listed() - _differences()) == []
