"""The archives, built once for all tests of a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.packaging.workshop import Workshop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the archives as slow."""
    for item in items:
        if "workshop" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """The archives of every distribution of this tree; removed at the end, being large."""
    folder = tmp_path_factory.mktemp("packaging")
    yield Workshop(folder)
    shutil.rmtree(folder)
