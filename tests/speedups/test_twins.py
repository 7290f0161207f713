"""Compiled twins beside the Python code that they replace: shapes, subclasses, cycles, errors."""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cql_speedups
from tests.speedups.sources import COMPILED, Twin, beside_python, needs_extension, twins

pytestmark = [needs_extension, beside_python]

REPLACED = [twin for twin in twins() if twin.fallback != "None"]

INNER = {"Rounds": {"told"}}
"""Methods that the Python code gives to others, in whose place a twin gives itself."""


def _python(twin: Twin) -> Any:
    return getattr(importlib.import_module(twin.owner), twin.name)


def _compiled(twin: Twin) -> Any:
    return getattr(getattr(cql_speedups, twin.module), twin.name)


def _is_class(twin: Twin) -> bool:
    return isinstance(_python(twin), type)


def _each(wanted: Callable[[Twin], bool]) -> list[Any]:
    if not COMPILED:
        return []
    return [pytest.param(twin, id=str(twin)) for twin in REPLACED if wanted(twin)]


def _parameters(function: Any) -> list[tuple[str, Any, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(each.name, each.kind, each.default) for each in found]


def _methods(cls: type) -> set[str]:
    """Return what a class has of its own to be called from outside."""
    return {
        name
        for name, value in vars(cls).items()
        if inspect.isfunction(value) and (name == "__call__" or not name.startswith("_"))
    }


# --- shapes ------------------------------------------------------------------------------


@pytest.mark.parametrize("twin", _each(lambda twin: not _is_class(twin)))
def test_a_function_takes_the_same_arguments(twin: Twin) -> None:
    assert _parameters(_compiled(twin)) == _parameters(_python(twin))


@pytest.mark.parametrize("twin", _each(_is_class))
def test_the_methods_of_a_class_take_the_same_arguments(twin: Twin) -> None:
    python, compiled = _python(twin), _compiled(twin)
    for name in _methods(python) - INNER.get(twin.name, set()):
        ours = getattr(compiled, name)
        if not hasattr(ours, "__code__") and name == "__call__":
            continue  # a slot of the type, which tells nothing of its arguments
        assert _parameters(ours) == _parameters(getattr(python, name)), name


@pytest.mark.parametrize("twin", _each(_is_class))
def test_a_class_has_what_others_read_of_it(twin: Twin) -> None:
    python, compiled = _python(twin), _compiled(twin)
    public = {name for name in dir(python) if not name.startswith("_")}
    assert public - set(dir(compiled)) == INNER.get(twin.name, set())


@pytest.mark.parametrize("twin", _each(_is_class))
def test_a_class_can_be_derived_from_and_named(twin: Twin) -> None:
    compiled = _compiled(twin)
    derived = type("Derived", (compiled,), {"__slots__": ("more",)})
    assert issubclass(derived, compiled)
    assert compiled.__name__ == twin.name
    assert repr(compiled) == f"<class 'cql_speedups.{twin.module}.{twin.name}'>"


# --- life --------------------------------------------------------------------------------


class _Connection:
    """As much of a connection as an outbox looks at when it is made."""

    def __init__(self) -> None:
        self.streams = self
        self.waiting: list[Any] = []
        self._free: list[int] = []


MAKERS: dict[str, Callable[[type], Any]] = {
    "FirstAttempt": lambda cls: cls(None, "SELECT", None, None, 1.0, 5),
    "Outbox": lambda cls: cls(None, _Connection(), "there"),
    "Page": lambda cls: cls(),
    "RequestMaker": lambda cls: cls(None),
    "LastTimestamp": lambda cls: cls(),
}
HELD_BY = {
    "FirstAttempt": "complete",
    "Outbox": "transport",
    "Page": "_rows",
    "RequestMaker": "session",
    "LastTimestamp": "_lock",
}
"""An attribute that may hold anything, so that a cycle can be made."""
MADE = _each(lambda twin: twin.name in MAKERS)


class _Anything:
    """Something with a weak reference, to see when it goes."""

    held: Any


@pytest.mark.parametrize("which", [_python, _compiled])
@pytest.mark.parametrize("twin", MADE)
def test_a_cycle_is_collected(twin: Twin, which: Callable[[Twin], Any]) -> None:
    made, other = MAKERS[twin.name](which(twin)), _Anything()
    assert gc.is_tracked(made)
    seen = weakref.ref(other)
    other.held = made
    setattr(made, HELD_BY[twin.name], other)
    del made, other
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("which", [_python, _compiled])
@pytest.mark.parametrize("twin", MADE)
def test_what_it_holds_goes_with_it(twin: Twin, which: Callable[[Twin], Any]) -> None:
    made, other = MAKERS[twin.name](which(twin)), _Anything()
    setattr(made, HELD_BY[twin.name], other)
    seen = weakref.ref(other)
    del other
    assert getattr(made, HELD_BY[twin.name]) is seen()
    del made
    assert seen() is None


@pytest.mark.parametrize("twin", MADE)
def test_both_can_be_referred_to_weakly_or_neither(twin: Twin) -> None:
    def can(cls: type) -> bool:
        try:
            weakref.ref(MAKERS[twin.name](cls))
        except TypeError:
            return False
        return True

    assert can(_compiled(twin)) == can(_python(twin))


@pytest.mark.parametrize("twin", MADE)
def test_none_has_room_for_what_it_does_not_know(twin: Twin) -> None:
    for cls in (_python(twin), _compiled(twin)):
        with pytest.raises(AttributeError):
            MAKERS[twin.name](cls).unheard_of = 1


@pytest.mark.parametrize("twin", MADE)
def test_arguments_that_are_lacking_are_type_errors(twin: Twin) -> None:
    needed = [
        each
        for each in inspect.signature(_python(twin)).parameters.values()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    for cls in (_python(twin), _compiled(twin)) if needed else ():
        with pytest.raises(TypeError, match=r"argument"):
            cls()


def test_references_do_not_leak() -> None:
    """A page for each of many requests: what it holds is let go each time."""
    page, held = cql_speedups.pages.Page, object()
    before = sys.getrefcount(held)
    for _ in range(1000):
        made = cql_speedups.pages.page_of(page, held, held)
        made._rows = held
    del made
    assert sys.getrefcount(held) == before


# --- pages -------------------------------------------------------------------------------


def test_a_page_begins_with_nothing_and_keeps_what_it_was_made_of() -> None:
    page = importlib.import_module("cql_driver.cluster.page")
    for cls, make in (
        (page.Page, page.page_of),
        (cql_speedups.pages.Page, cql_speedups.pages.page_of),
    ):
        derived = type("Result", (cls,), {"__slots__": ()})
        made = make(derived, "session", "execution")
        assert type(made) is derived
        assert (made._session, made._execution) == ("session", "execution")
        assert made._rows is made._left is made._next is made._future is None
        assert (made._all, made._fetching, made._started) == (False, False, False)


@pytest.mark.parametrize("which", ["python", "compiled"])
def test_a_page_can_be_copied(which: str) -> None:
    page = importlib.import_module("cql_driver.cluster.page")
    cls = page.Page if which == "python" else cql_speedups.pages.Page
    make = page.page_of if which == "python" else cql_speedups.pages.page_of
    made = make(cls, "session", "execution")
    made._rows = [1, 2]
    other = copy.copy(made)
    assert other is not made
    assert (other._session, other._execution) == ("session", "execution")
    assert other._rows is made._rows


# --- timestamps --------------------------------------------------------------------------


@given(st.lists(st.integers(-(2**62), 2**62)))
def test_timestamps_follow_the_clock_in_the_same_way(clock: list[int]) -> None:
    timestamps = importlib.import_module("cql_driver.timestamps")
    slow, fast = timestamps.LastTimestamp(), cql_speedups.timestamps.LastTimestamp()
    for now in clock:
        assert fast.follow(now) == slow.follow(now)
        assert fast.last == slow.last


def test_a_timestamp_is_an_int() -> None:
    fast = cql_speedups.timestamps.LastTimestamp()
    for wrong in ("1", None):
        with pytest.raises(TypeError):
            fast.follow(wrong)
    with pytest.raises(OverflowError):
        fast.follow(2**63)
