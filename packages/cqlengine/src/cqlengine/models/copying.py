"""Copies of instances, and what of them is pickled."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = ["InstanceCopying"]


_STATE = ("_previous", "_is_persisted", "_using", "_options_next")


def _new(model: Any) -> Any:
    return model.__new__(model)


class InstanceCopying:
    """What `copy` and `pickle` do with instances.

    A copy has the same values, has changed in the same columns, and is saved to the same place;
    options of the next verb are not copied. A connection that was given as an object cannot be
    pickled: after that the instance is saved by the connection of its model.
    """

    __slots__ = ()

    __dict__: dict[str, Any]
    _previous: dict[str, Any] | None
    _is_persisted: bool
    _using: tuple[str | None, Any] | None

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how it is made anew: of a model of `ContextQuery`, as the model it is of."""
        model: Any = type(self)
        origin = model.__dict__.get("_cloned_from")
        state = self.__getstate__()
        if origin is not None and self._using is None:
            connection = model._get_connection()
            named = connection if isinstance(connection, str) else None
            state = (*state[:-1], (model.__keyspace__, named))
        return (_new, (origin or model,), state)

    def __getstate__(self) -> tuple[Any, ...]:
        """Return what is pickled."""
        home = self._using
        if home is not None and not isinstance(home[1], str):
            home = (home[0], None)
        return (self.__dict__, self._previous, self._is_persisted, home)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take what was pickled."""
        values, *kept = state
        self.__dict__.update(values)
        for name, value in zip(_STATE, (*kept, None), strict=True):
            setattr(self, name, value)

    def __copy__(self) -> Self:
        """Return a copy that shares the values, containers too."""
        return self._copied(self.__dict__.copy(), self._previous)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy that shares nothing but the connection."""
        from copy import deepcopy

        copy = memo[id(self)] = self._copied({}, deepcopy(self._previous, memo))
        copy.__dict__.update(deepcopy(self.__dict__, memo))  # which may refer to itself
        return copy

    def _copied(self, values: dict[str, Any], previous: dict[str, Any] | None) -> Self:
        copy = type(self).__new__(type(self))
        copy.__setstate__((values, previous, self._is_persisted, self._using))
        return copy
