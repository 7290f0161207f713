"""`ContextQuery`: models for a while in another keyspace, or on another connection."""

from __future__ import annotations

from cqlengine.errors import CQLEngineException
from cqlengine.models import BaseModel, QuerySetDescriptor

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["ContextQuery"]


class ContextQuery:
    """Gives models that are as those given, but in another keyspace or on another connection.

    - `models`: one or several models
    - `keyspace`: its name, that of each model when None
    - `connection`: see `cqlengine.connection.find_connection`, that of each model when None

    What the ``with`` statement gives is one model, or a tuple of them in the same order; they
    derive from those given, which are not changed, and instances of them are saved where they
    came from. ``async with`` does the same. Raises `CQLEngineException` for what is no model.

    Example::

        with ContextQuery(User, keyspace="archive") as ArchivedUser:
            ArchivedUser.create(id=user.id, name=user.name)
        with ContextQuery(User, Order, connection="reports") as (U, O):
            print(U.objects.count(), O.objects.count())
    """

    def __init__(self, *models: Any, keyspace: str | None = None, connection: Any = None) -> None:
        if not models:
            raise CQLEngineException("ContextQuery takes one or several models: none was given")
        for model in models:
            if not (isinstance(model, type) and issubclass(model, BaseModel)):
                raise CQLEngineException(
                    f"{model!r} is no model: ContextQuery takes classes derived from Model"
                )
        self.models = tuple(_clone(model, keyspace, connection) for model in models)

    def __enter__(self) -> Any:
        """Return the model, or the tuple of several."""
        return self.models[0] if len(self.models) == 1 else self.models

    def __exit__(self, *args: object) -> None:
        """Leave what was raised as it is."""

    async def __aenter__(self) -> Any:
        """Do as ``with``."""
        return self.__enter__()

    async def __aexit__(self, *args: object) -> None:
        """Leave what was raised as it is."""


class _Elsewhere(QuerySetDescriptor):
    """`objects` of a hierarchy in another place: its rows become models that are not there."""

    def __get__(self, instance: object | None, owner: Any) -> Any:
        """Return a query whose instances are saved where they came from."""
        return super().__get__(instance, owner).using(owner.__keyspace__, owner.__connection__)


def _clone(model: Any, keyspace: str | None, connection: Any) -> Any:
    """Return a model of the same table elsewhere."""
    attributes: dict[str, Any] = {
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
        "__doc__": model.__doc__,
        "_cloned_from": model.__dict__.get("_cloned_from", model),
        # What is made once for each model, as its statements name the keyspace.
        "_write_plan": None,
        "_readers": {},
    }
    if keyspace is not None:
        attributes["__keyspace__"] = keyspace
    if connection is not None:
        attributes["__connection__"] = connection
    if model._is_polymorphic:
        attributes["objects"] = _Elsewhere()
    # Not by the metaclass: that would look for columns anew, and register the discriminator.
    return type.__new__(type(model), model.__name__, (model,), attributes)
