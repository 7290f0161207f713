"""What tests do where a server cannot be had."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.cassandra.errors import ServerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["had"]

T = TypeVar("T")


def had(get: Callable[[], T], what: str) -> T:
    """Return what `get` returns; skip where it cannot be had, and fail there when ``CI`` is set."""
    try:
        return get()
    except ServerUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI is set, and there is no {what}: {error}", pytrace=False)
        pytest.skip(f"no {what}: {error}")
