"""Models: classes whose instances are rows of a table."""

from __future__ import annotations

from cqlengine.errors import (
    ModelDefinitionException,
    ModelException,
    PolymorphicModelException,
    UndefinedKeyspaceWarning,
)
from cqlengine.models.chaining import QuerySetDescriptor, hybrid_classmethod
from cqlengine.models.instance import BaseModel, Model
from cqlengine.models.meta import ModelMetaClass
from cqlengine.query.evaluator import ColumnQueryEvaluator

TYPE_CHECKING = False

if TYPE_CHECKING:
    DEFAULT_KEYSPACE: str | None
else:

    def __getattr__(name: str) -> object:
        """Return the keyspace of models that name none; to assign `DEFAULT_KEYSPACE` sets it."""
        if name == "DEFAULT_KEYSPACE":
            from cqlengine.connection.registry import default_keyspace

            return default_keyspace()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


__all__ = [
    "DEFAULT_KEYSPACE",
    "BaseModel",
    "ColumnQueryEvaluator",
    "Model",
    "ModelDefinitionException",
    "ModelException",
    "ModelMetaClass",
    "PolymorphicModelException",
    "QuerySetDescriptor",
    "UndefinedKeyspaceWarning",
    "hybrid_classmethod",
]
