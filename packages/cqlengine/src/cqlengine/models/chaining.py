"""`ttl`, `iff`, `using`…: of a model they make a query set, of an instance they return itself."""

from __future__ import annotations

from functools import cache

from cqlengine._generic import Generic, TypeVar, overload

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Concatenate, ParamSpec

    from cqlengine.query.modelquery import ModelQuerySet

    M = TypeVar("M")
    P = ParamSpec("P")
else:
    P = None

__all__ = ["Chained", "QuerySetDescriptor", "hybrid_classmethod"]


@cache
def _default_kind() -> Any:
    """Return the class of query sets, which is not loaded before one is needed."""
    from cqlengine.query.modelquery import ModelQuerySet

    return ModelQuerySet


class QuerySetDescriptor:
    """`Model.objects`: a new query set of the model."""

    @overload
    def __get__(self, instance: None, owner: type[M]) -> ModelQuerySet[M]: ...

    @overload
    def __get__(self, instance: object, owner: type[M]) -> ModelQuerySet[M]: ...

    def __get__(self, instance: object | None, owner: Any) -> Any:
        """Return a query for all rows of the model."""
        owner._check_queryable()
        return (owner.__queryset__ or _default_kind())(owner)


class Chained(Generic[P]):
    """A method of instances that sets an option for the next verb, and of query sets alike.

    ``instance.ttl(60)`` returns the instance, ``Model.ttl(60)`` a query set.
    """

    def __init__(self, method: Callable[Concatenate[Any, P], Any]) -> None:
        self.__wrapped__: Any = method
        self.__doc__ = method.__doc__
        self.name = method.__name__

    @overload
    def __get__(self, instance: None, owner: type[M]) -> Callable[P, ModelQuerySet[M]]: ...

    @overload
    def __get__(self, instance: M, owner: type[M]) -> Callable[P, M]: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        """Return the bound method of the instance, or that of a new query set."""
        if instance is None:
            return getattr(owner.objects, self.name)
        return self.__wrapped__.__get__(instance, owner)


class hybrid_classmethod:  # noqa: N801 # the name that users of the mapper know
    """A method that is one function on the class and another one on instances.

    For models of applications that used it; those of the mapper have `Chained`.

    Example::

        class User(Model):
            describe = hybrid_classmethod(lambda cls: cls.__name__, lambda self: self.name)
    """

    def __init__(self, clsmethod: Callable[..., Any], instmethod: Callable[..., Any]) -> None:
        self.clsmethod = clsmethod
        self.instmethod = instmethod

    def __get__(self, instance: Any, owner: Any) -> Any:
        """Return the one that is meant, bound."""
        if instance is None:
            return self.clsmethod.__get__(owner, owner)
        return self.instmethod.__get__(instance, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Never called: the descriptor gives one of the two methods."""
        raise NotImplementedError
