"""The exceptions of the object mapper, below `cql_driver.DriverException`."""

from __future__ import annotations

from cql_protocol.errors import DriverException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "CQLEngineException",
    "ColumnDefinitionException",
    "DoesNotExist",
    "IfExistsWithCounterColumn",
    "IfNotExistsWithCounterColumn",
    "LWTException",
    "ModelDefinitionException",
    "ModelException",
    "MultipleObjectsReturned",
    "PolymorphicModelException",
    "QueryException",
    "QueryOperatorException",
    "StatementException",
    "UndefinedKeyspaceException",
    "UndefinedKeyspaceWarning",
    "UserTypeDefinitionException",
    "UserTypeException",
    "ValidationError",
]


class CQLEngineException(DriverException):
    """What the object mapper raises: the message says what is wrong and what to do."""


class ValidationError(CQLEngineException):
    """A value does not fit its column."""


class ColumnDefinitionException(CQLEngineException, ValueError):
    """The definition of a column contradicts itself; raised when the column is made."""


class UndefinedKeyspaceException(CQLEngineException):
    """No keyspace is known: neither the model, nor the connection, nor `setup` names one."""


class UndefinedKeyspaceWarning(Warning):
    """A model names no keyspace where one is needed: never issued.

    Where a keyspace is needed `UndefinedKeyspaceException` is raised. The name is here for
    applications that choose what happens to the warning (``warnings.simplefilter``).
    """


class ModelException(CQLEngineException):
    """A model cannot do what is asked of it."""


class ModelDefinitionException(ModelException):
    """The definition of a model contradicts itself; raised when the class is made."""


class PolymorphicModelException(ModelException):
    """A row's discriminator is of no known model, or the base of a hierarchy was to be saved."""


class QueryException(CQLEngineException):
    """A query cannot be made as it was put; nothing was sent."""


class DoesNotExist(QueryException):
    """`get` found no row. Each model has its own, `Model.DoesNotExist`."""


class MultipleObjectsReturned(QueryException):
    """`get` found several rows. Each model has its own, `Model.MultipleObjectsReturned`."""


class LWTException(CQLEngineException):
    """The condition of a lightweight transaction did not hold, so nothing was written.

    `existing` is the row that stood in the way as a dict by column, and ``"[applied]"``: False.
    """

    def __init__(self, existing: dict[str, Any]) -> None:
        super().__init__(
            "the condition did not hold, nothing was written; what was found is in `existing`: "
            f"{existing!r}"
        )
        self.existing = existing

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.existing,))


class IfNotExistsWithCounterColumn(CQLEngineException):
    """``IF NOT EXISTS`` was asked for on a table of counters, which has no such thing."""


class IfExistsWithCounterColumn(CQLEngineException):
    """``IF EXISTS`` was asked for on a table of counters, which has no such thing."""


class QueryOperatorException(QueryException):
    """A filter names an operator that is not known."""


class StatementException(QueryException):
    """A statement cannot be written: a clause does not belong in it."""


class UserTypeException(CQLEngineException):
    """A user type cannot do what is asked of it."""


class UserTypeDefinitionException(UserTypeException):
    """The definition of a user type contradicts itself; raised when the class is made."""
