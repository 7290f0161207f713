"""Checks of what users give to policies: the errors name the parameter and the remedy."""

from __future__ import annotations

from math import isfinite

from cql_driver.errors import InvalidArgument, InvalidArgumentType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["check_count", "check_instance", "check_name", "check_seconds"]


def check_seconds(name: str, value: Any) -> float:
    """Return `value` when it is a time in seconds, 0 or more, and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgumentType(f"{name} is {value!r}: give a number of seconds")
    if not isfinite(value) or value < 0:
        raise InvalidArgument(f"{name} is {value!r}: give a finite number of seconds, 0 or more")
    return value


def check_count(name: str, value: Any, least: int = 0) -> int:
    """Return `value` when it is a whole number, `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentType(f"{name} is {value!r}: give a whole number")
    if value < least:
        raise InvalidArgument(f"{name} is {value}: give {least} or more")
    return value


def check_name(name: str, value: Any) -> str:
    """Return `value` when it is a text that is not empty."""
    if not isinstance(value, str):
        raise InvalidArgumentType(f"{name} is {value!r}: give its name as a str")
    if not value:
        raise InvalidArgument(f"{name} is empty: give its name as the nodes tell it")
    return value


def check_instance(name: str, value: Any, *methods: str) -> Any:
    """Return `value` when it is an object, no class, that has all these methods."""
    if isinstance(value, type):
        cls = value.__name__
        raise InvalidArgumentType(f"{name} is the class {cls}: give an instance, {cls}(...)")
    missing = [method for method in methods if not callable(getattr(value, method, None))]
    if missing:
        raise InvalidArgumentType(
            f"{name} is {value!r}, which has no method {missing[0]}: give a policy's instance"
        )
    return value
