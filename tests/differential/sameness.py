"""Whether two values are the same, which is more than equal, and two outcomes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from cql_protocol.values import OrderedMap, SortedSet
from tests.differential.cells import Built

__all__ = ["assert_same", "outcome"]


def outcome(call: Callable[..., Any], *args: Any) -> tuple[str, Any]:
    """Return what a call returns, or the class and the text of what it raises."""
    try:
        return "returned", call(*args)
    except Exception as error:  # noqa: BLE001 - errors are what is compared
        return "raised", (type(error), str(error))


def assert_same(one: Any, other: Any) -> None:
    """Fail unless the two are of the same classes through and through, and as equal as can be."""
    assert type(one) is type(other), (one, other)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other), (one, other)
        for mine, its in zip(one, other, strict=True):
            assert_same(mine, its)
    elif isinstance(one, (dict, OrderedMap)):
        # The order is the server's.
        assert_same(list(one.items()), list(other.items()))
    elif isinstance(one, Built):
        assert_same(one.fields, other.fields)
    elif isinstance(one, (set, frozenset)):
        assert len(one) == len(other), (one, other)
        assert_same(sorted(map(repr, one)), sorted(map(repr, other)))
        assert {type(each) for each in one} == {type(each) for each in other}
    elif isinstance(one, SortedSet):
        assert one._sorted == other._sorted
        assert_same(list(one), list(other))
    elif isinstance(one, float):
        assert struct.pack(">d", one) == struct.pack(">d", other), (one, other)
    else:
        _assert_same_atoms(one, other)


def _assert_same_atoms(one: Any, other: Any) -> None:
    assert repr(one) == repr(other)
    if isinstance(one, datetime):
        assert one.tzinfo is other.tzinfo
        assert one.fold == other.fold
    elif isinstance(one, Decimal):
        assert one.as_tuple() == other.as_tuple()
    elif isinstance(one, UUID):
        assert one.is_safe is other.is_safe
    if isinstance(one, type):
        assert one is other
    elif getattr(type(one), "__hash__", None) is not None:
        assert one == other
        assert hash(one) == hash(other)
    for name in getattr(type(one), "__slots__", ()):
        if name not in ("__weakref__", "__dict__", "readers"):
            assert_same(getattr(one, name), getattr(other, name))
