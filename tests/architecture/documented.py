"""What other drivers document, compared with what is here; ``docs/migration.md`` says why not."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from types import WrapperDescriptorType
from typing import TYPE_CHECKING, Any

from tests.architecture.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MIGRATION = ROOT / "docs" / "migration.md"

_UNKNOWN = "…"
_MISSING: Any = object()
_SMALL = 4
_NAME = re.compile(r"`([^`]+)`")


def differences(
    surface: Mapping[str, Mapping[str, dict[str, Any]]], made: Mapping[str, Any]
) -> frozenset[str]:
    """Return the names of what is in the surface and differs here.

    `surface` has names by module, `made` an object of each class whose attributes are known
    only once it is made. Names of cql_driver stand without the package.
    """
    return frozenset(
        difference
        for module, names in surface.items()
        for name, listed in names.items()
        for difference in _differences_of(module, name, listed, made)
    )


def _attribute(name: str, cls: Any, attribute: str, made: Mapping[str, Any]) -> Any:
    """Return the attribute of the class or of an object of it."""
    for place in (made.get(name, cls), cls, _raised(cls)):
        try:
            return getattr(place, attribute)
        except AttributeError:
            continue
        except Exception:  # noqa: BLE001 - a property that has nothing to tell yet
            return None
    declared = {key for base in getattr(cls, "__mro__", ()) for key in _declared(base)}
    return None if attribute in declared else _MISSING


def _raised(cls: Any) -> Any:
    """Return an object of an exception's class, which has its fields; else the class."""
    if not (isinstance(cls, type) and issubclass(cls, BaseException)):
        return cls
    required = [
        parameter
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    return cls(*["text"] * len(required))


def _declared(cls: type) -> set[str]:
    return set(vars(cls).get("__annotations__", ())) | set(getattr(cls, "__slots__", ()))


def _differences_of(
    module: str, name: str, listed: dict[str, Any], made: Mapping[str, Any]
) -> Iterator[str]:
    full = f"{module.removeprefix('cql_driver')}.{name}".lstrip(".")
    found = getattr(importlib.import_module(module), name, _MISSING)
    if found is _MISSING:
        yield full
        return
    if "parameters" in listed:
        yield from _parameters(full, found, listed["parameters"])
    for method, parameters in listed.get("methods", {}).items():
        function = inspect.getattr_static(found, method, _MISSING)
        if function is _MISSING and _attribute(full, found, method, made) is _MISSING:
            yield f"{full}.{method}"
        elif function is not _MISSING:
            function = getattr(function, "__func__", function)
            function = getattr(function, "__wrapped__", function)
            if not callable(function) and not inspect.isdatadescriptor(function):
                function = _attribute(full, found, method, made)  # loaded when it is seen
                if function is None:
                    continue  # `Model.objects` of a model without a table
            yield from _parameters(f"{full}.{method}", function, parameters)
    for attribute, value in listed.get("attributes", {}).items():
        here = _attribute(full, found, attribute, made)
        if here is _MISSING:
            yield f"{full}.{attribute}"
        elif value is not None and not _computed(here) and not _alike(here, value):
            yield f"{full}.{attribute} ="
    for attribute in listed.get("properties", ()):
        if _attribute(full, found, attribute, made) is _MISSING:
            yield f"{full}.{attribute}"


def _computed(here: Any) -> bool:
    """Say whether it is a property or a slot of the class, whose value only an object has."""
    return isinstance(here, property) or inspect.ismemberdescriptor(here)


def _parameters(full: str, function: Any, listed: str) -> Iterator[str]:
    """Compare a signature; parameters behind those that are documented do not matter."""
    if not callable(function):
        yield full
        return
    if isinstance(function, WrapperDescriptorType):
        return  # `__iter__` and the like of a compiled class: Python says what they take
    try:
        signature = inspect.signature(function)
    except ValueError:
        return  # a descriptor, which Python cannot look into
    here = [p for p in signature.parameters.values() if p.name != "self"]
    takes_any = {p.kind for p in here if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    wanted = [text for text in listed.split(", ") if text not in ("self", "cls", "")]
    here = [p for p in here if p.name != "cls"]
    found = list(_compared(full, here, wanted, bool(takes_any)))
    # A signature that is another one altogether is one difference.
    yield from found if len(found) <= _SMALL else [f"{full}(…)"]


def _compared(full: str, here: list[Any], wanted: list[str], takes_any: bool) -> Iterator[str]:
    for index, text in enumerate(wanted):
        name, _, default = text.partition("=")
        if name.startswith("*"):
            if not takes_any and not here[index:]:
                yield f"{full}({name})"
            continue
        parameter = here[index] if index < len(here) else None
        if parameter is not None and parameter.kind is parameter.VAR_POSITIONAL:
            return
        if parameter is None or parameter.name.lstrip("_") != name.lstrip("_"):
            yield f"{full}({name})"
        elif default not in ("", _UNKNOWN) and not _alike(parameter.default, default):
            yield f"{full}({name}=)"


def _alike(here: Any, listed: str) -> bool:
    try:
        value = ast.literal_eval(listed)
    except (ValueError, SyntaxError):
        return True  # the text of some object: no constant
    if value is not None and here is None:
        return False
    return bool(here == value) or (not here and not value and value is not None)


@cache
def reasons() -> dict[str, str]:
    """Return the reasons of ``docs/migration.md`` by name: the rows of its tables."""
    found: dict[str, str] = {}
    for line in MIGRATION.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 2:
            for name in _NAME.findall(cells[0]):
                assert name not in found, f"{name} is listed twice"
                found[name] = cells[1]
    return found
