"""The tests of the reactor that the command was given; `__main__` has pytest run this file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cql_reactors.conformance import ReactorConformance

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime

__all__ = ["TestReactor"]


class TestReactor(ReactorConformance):
    """The kit on one reactor."""

    @pytest.fixture
    def make_runtime(self, chosen_reactor: Callable[[], Runtime]) -> Callable[[], Runtime]:
        """Give what the command's first argument names."""
        return chosen_reactor
