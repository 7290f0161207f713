"""Finding the models that a command line names."""

from __future__ import annotations

import sys
from importlib import import_module

from cqlengine.migrations.errors import MigrationError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

__all__ = ["discover", "import_named", "models_in"]


def discover(names: Iterable[str]) -> list[Any]:
    """Return the models, views and user types that are named.

    Each name is that of a module, ``shop.models``, for all that are defined in it (and in what
    is below it, where a package shows them), or has classes as well: ``shop.models:User,Order``.
    Raises `MigrationError` where there are none.
    """
    found: dict[Any, None] = {}
    for name in names:
        module_name, colon, classes = name.partition(":")
        module = import_named(module_name.strip())
        wanted = [part.strip() for part in classes.split(",") if part.strip()]
        models = [_named(module, part) for part in wanted] if colon else models_in(module)
        if not models:
            raise MigrationError(
                f"no models are defined in {module_name}: name the module that has them, as in "
                "--models shop.models, or the classes, as in --models shop.models:User,Order"
            )
        found.update(dict.fromkeys(models))
    return list(found)


def import_named(name: str) -> ModuleType:
    """Import a module by its name; raise `MigrationError` if there is none."""
    try:
        return import_module(name)
    except (ImportError, ValueError) as error:
        raise MigrationError(
            f"module {name!r} cannot be imported ({error}): run this where `python -c "
            f"'import {name}'` works; sys.path is {sys.path}"
        ) from error


def _is_model(found: Any) -> bool:
    from cqlengine.models import BaseModel
    from cqlengine.usertype import BaseUserType

    if not isinstance(found, type) or not issubclass(found, BaseModel | BaseUserType):
        return False
    fields = getattr(found, "_columns", None) or getattr(found, "_fields", None)
    return bool(fields) and not getattr(found, "__abstract__", False)


def _named(module: ModuleType, name: str) -> Any:
    found = getattr(module, name, None)
    if not _is_model(found):
        raise MigrationError(
            f"{module.__name__} has no model, view or user type {name!r}: {_shown(module)}"
        )
    return found


def _shown(module: ModuleType) -> str:
    names = ", ".join(model.__name__ for model in models_in(module))
    return f"it has {names}" if names else "it has none at all"


def models_in(module: ModuleType) -> list[Any]:
    """Return the models, views and user types that are defined in a module, or below it."""
    within = f"{module.__name__}."
    return [
        found
        for found in vars(module).values()
        if _is_model(found) and f"{found.__module__}.".startswith(within)
    ]
