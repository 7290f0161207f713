"""How the command runs pytest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime

__all__ = ["run"]


class Choice:
    """The plugin of pytest that knows which reactor was chosen."""

    def __init__(self, make: Callable[[], Runtime]) -> None:
        self._make = make

    @pytest.fixture
    def chosen_reactor(self) -> Callable[[], Runtime]:
        """Give what makes the runtime."""
        return self._make


def run(make: Callable[[], Runtime], arguments: list[str]) -> int:
    """Test the runtimes that `make` makes; return pytest's status."""
    # No configuration of whatever folder this is run in.
    own = ["-c", os.devnull, "--rootdir", str(Path(__file__).parent), "-p", "no:cacheprovider"]
    own += [
        "-W",
        "error",
        "-o",
        "faulthandler_timeout=60",
        str(Path(__file__).with_name("named.py")),
    ]
    return int(pytest.main([*own, *arguments], plugins=[Choice(make)]))
