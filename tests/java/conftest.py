"""The one Java process that the tests of this folder share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.cassandra.errors import ServerUnavailable
from tests.java.oracle import Oracle


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """The Java codec. Skips where it cannot be had, and fails there when ``CI`` is set."""
    try:
        found = Oracle()
    except ServerUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI is set, and there is no Java codec: {error}", pytrace=False)
        pytest.skip(f"no Java codec: {error}")
    with found:
        yield found
