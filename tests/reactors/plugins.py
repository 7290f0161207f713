"""Reactors that may not be had on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cql_driver.runtimes import REACTORS
from cql_protocol.errors import PluginError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["plugin"]


def plugin(name: str) -> Any:
    """Return the reactor; skip where it cannot be had, and fail there when ``CI`` is set."""
    try:
        return REACTORS.load(name)
    except PluginError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI is set, and a reactor is missing: {error}", pytrace=False)
        pytest.skip(str(error))
