"""Tests that are coroutine functions, run by the `asyncio.Runner` of their fixture `runner`."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["run_test"]


def run_test(item: pytest.Function, patience: float | None = None) -> bool | None:
    """Run a test if it is one, for at most so many seconds; for hooks `pytest_pyfunc_call`."""
    if not inspect.iscoroutinefunction(item.obj):
        return None
    runner = item.funcargs["runner"]
    assert isinstance(runner, asyncio.Runner)
    names = item._fixtureinfo.argnames
    coroutine = item.obj(**{name: item.funcargs[name] for name in names})
    runner.run(coroutine if patience is None else asyncio.wait_for(coroutine, patience))
    return True
