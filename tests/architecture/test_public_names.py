"""Every `__all__` tells the truth, and every package has its face."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from tests.architecture.source import IMPORT_NAMES, modules

IMPORTABLE = sorted(
    name
    for distribution in IMPORT_NAMES
    for name, path in modules(distribution).items()
    if path.suffix == ".py" and not name.endswith("__main__")
)


@pytest.mark.parametrize("name", IMPORTABLE)
def test_all_names_what_exists_and_once(name: str) -> None:
    module = importlib.import_module(name)
    listed = list(getattr(module, "__all__", ()))
    assert [entry for entry in listed if not hasattr(module, entry)] == []
    assert len(set(listed)) == len(listed)
    # A submodule may be listed; a module that came in by an import for one's own use may not.
    foreign = [
        entry
        for entry in listed
        if isinstance(value := getattr(module, entry), ModuleType)
        and not value.__name__.startswith(f"{name}.")
    ]
    assert foreign == []


@pytest.mark.parametrize("package", IMPORT_NAMES.values())
def test_every_package_has_a_face_with_its_version(package: str) -> None:
    module = importlib.import_module(package)
    assert "__version__" in module.__all__
    assert module.__doc__
