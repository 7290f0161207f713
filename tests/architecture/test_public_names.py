"""Every `__all__` tells the truth, and every package has its face."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import pytest

from tests.architecture.source import IMPORT_NAMES, elsewhere, modules

IMPORTABLE = sorted(
    name
    for distribution in IMPORT_NAMES
    for name, path in modules(distribution).items()
    if path.suffix == ".py" and not name.endswith("__main__")
)
GUESTS = [name for name in IMPORTABLE if name.startswith("cql_reactors.")]
"""They import the frameworks, each with what it does to the process."""

_FAULTS = """
from tests.architecture.test_public_names import GUESTS, faults
answer = {}
for name in GUESTS:
    try:
        answer[name] = faults(name)
    except ImportError as exc:
        answer[name] = [str(exc)]
"""


def faults(name: str) -> list[str]:
    """Return what is wrong with the `__all__` of a module."""
    module = importlib.import_module(name)
    listed = list(getattr(module, "__all__", ()))
    wrong = [f"{entry} is missing" for entry in listed if not hasattr(module, entry)]
    wrong += [f"{entry} stands there twice" for entry in set(listed) if listed.count(entry) > 1]
    # A submodule may be listed; a module that came in by an import for one's own use may not.
    wrong += [
        f"{entry} is a module of others"
        for entry in listed
        if isinstance(value := getattr(module, entry, None), ModuleType)
        and not value.__name__.startswith(f"{name}.")
    ]
    return wrong


@pytest.mark.parametrize("name", [name for name in IMPORTABLE if name not in GUESTS])
def test_all_names_what_exists_and_once(name: str) -> None:
    assert faults(name) == []


def test_all_of_the_reactors_too() -> None:
    found = elsewhere(_FAULTS)
    libev = found.pop("cql_reactors.libevreactor")
    assert libev == [] or ("built without libev" in libev[0] and not os.environ.get("CI"))
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("package", IMPORT_NAMES.values())
def test_every_package_has_a_face_with_its_version(package: str) -> None:
    module = importlib.import_module(package)
    assert "__version__" in module.__all__
    assert module.__doc__
