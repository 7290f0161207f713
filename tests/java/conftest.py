"""The one Java process that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.java.oracle import Oracle
from tests.servers import had


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """The Java codec. Skips where it cannot be had, and fails there when ``CI`` is set."""
    with had(Oracle, "Java codec") as found:
        yield found
