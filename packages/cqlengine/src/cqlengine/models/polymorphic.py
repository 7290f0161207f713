"""Hierarchies of models in one table, told apart by a discriminator column."""

from __future__ import annotations

from cqlengine.errors import ModelDefinitionException, PolymorphicModelException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cqlengine.models.meta import ModelMetaClass

__all__ = ["class_of_row", "inherit_table", "register_discriminator", "values_below"]


def inherit_table(cls: ModelMetaClass, bases: tuple[type, ...]) -> None:
    """Say whether the model shares the table of a base, and of which."""
    above: Any
    base: ModelMetaClass | None = None
    for above in bases:
        if getattr(above, "_is_polymorphic", False):
            base = above._polymorphic_base
            break
    cls._polymorphic_base = base
    cls._is_polymorphic = cls._discriminator_column is not None and (
        base is not None or not cls.__abstract__
    )
    cls._is_polymorphic_base = cls._is_polymorphic and base is None
    if cls._is_polymorphic_base:
        cls._polymorphic_base = cls
        cls._discriminator_map = {}
    if base is not None and base._discriminator_column_name != cls._discriminator_column_name:
        raise ModelDefinitionException(
            f"{cls.__name__}: the discriminator of its hierarchy is "
            f"{base.__name__}.{base._discriminator_column_name}"
        )


def register_discriminator(cls: ModelMetaClass) -> None:
    """Keep a model of a hierarchy by its discriminator value."""
    value = cls.__discriminator_value__  # type: ignore[attr-defined]
    if cls._is_polymorphic and value is not None and cls._polymorphic_base is not None:
        known = cls._polymorphic_base._discriminator_map.get(value)
        # The same class once more is one that was edited: in a notebook, or loaded anew.
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise ModelDefinitionException(
                f"{cls.__name__}: __discriminator_value__ = {value!r} is that of "
                f"{known.__name__}: rows could not be told apart"
            )
        cls._polymorphic_base._discriminator_map[value] = cls


def _subclasses(cls: ModelMetaClass) -> Iterator[ModelMetaClass]:
    each: Any
    for each in cls.__subclasses__():
        yield each
        yield from _subclasses(each)


def class_of_row(cls: ModelMetaClass, value: Any) -> ModelMetaClass:
    """Return the model of a row with this discriminator value, as seen by a query on `cls`.

    Raises `PolymorphicModelException` for a value of no model, or of one that is not below `cls`.
    """
    cls = cls.__dict__.get("_cloned_from", cls)  # by ContextQuery, which registers none
    base = cls._polymorphic_base
    assert base is not None
    found = base._discriminator_map.get(value)
    if found is None and value is None and base is cls:
        raise PolymorphicModelException(
            f"a row of {base._raw_column_family_name()} has no discriminator in "
            f"{base._discriminator_column_name}: it was not written by a model of the hierarchy"
        )
    if found is None:
        raise PolymorphicModelException(
            f"unknown discriminator {value!r} in {base._raw_column_family_name()}: no model below "
            f"{base.__name__} has __discriminator_value__ = {value!r}; is its module imported?"
        )
    if not issubclass(found, cls):
        raise PolymorphicModelException(
            f"a row is a {found.__name__}, not a {cls.__name__}: query {base.__name__} for all"
        )
    return found


def values_below(cls: ModelMetaClass) -> list[Any]:
    """Return the discriminator values of a model and of those that derive from it."""
    cls = cls.__dict__.get("_cloned_from", cls)
    found = [cls, *_subclasses(cls)]
    values = [each.__discriminator_value__ for each in found]  # type: ignore[attr-defined]
    return [value for value in dict.fromkeys(values) if value is not None]
