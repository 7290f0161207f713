"""Faces of packages that load a module only when somebody asks for what is in it.

    __getattr__, __dir__ = lazily(__name__, {"cql_protocol.values.temporal": "Date"})

For type checkers the same names stand in imports under ``TYPE_CHECKING``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["lazily", "pattern"]


def lazily(
    face: str, places: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for the module called `face`.

    `places` maps the name of a module to the names that `face` shows of it, separated by spaces.
    """
    modules = {name: module for module, names in places.items() for name in names.split()}

    def load(name: str) -> object:
        module = modules.get(name)
        if module is None:
            raise AttributeError(f"module {face!r} has no attribute {name!r}", name=name)
        # Not by importlib, which has to be imported.
        found = getattr(__import__(module, fromlist=[name]), name)
        setattr(sys.modules[face], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[face]), *modules})

    return load, names


def pattern(text: str, method: str) -> Callable[..., Any]:
    """Return a method of the regular expression `text`, which is compiled by the first call.

    Example::

        >>> find_word = pattern("[a-z]+", "search")
        >>> find_word("42 nodes")[0]
        'nodes'
    """
    made: Callable[..., Any] | None = None

    def call(subject: str, *arguments: object) -> Any:
        nonlocal made
        if made is None:
            import re

            made = getattr(re.compile(text), method)
        return made(subject, *arguments)

    return call
