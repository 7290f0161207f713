"""Fixtures for tests of columns."""

from __future__ import annotations

import pytest

pytest.importorskip("pyarrow", reason="columns are checked by pyarrow, which is not installed")


@pytest.fixture(params=["values", "compiled"])
def way(request: pytest.FixtureRequest) -> str:
    """How columns are made: of Python values, or compiled, where there is something compiled."""
    from tests.columnar.pages import WAYS

    found: str = request.param
    if found not in WAYS:
        pytest.skip("nothing is compiled, or Python was asked for")
    return found
