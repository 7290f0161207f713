"""`WritePlan`: what writing the instances of one model has in common: names, texts, conversions."""

from __future__ import annotations

from cqlengine.statements.texts import insert_text

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cqlengine.models.meta import ModelMetaClass

    Writer = tuple[str, Callable[[Any], Any], Callable[[Any], Any] | None, Any]

__all__ = ["WritePlan", "plan_of"]


class WritePlan:
    """Made once for each model.

    `writers` has for each column its attribute, the function that checks a value, the one that
    makes of a valid value what is bound (None where that is the value itself), and the column.
    `copies` has the attribute and the function that copies a value, of those columns whose
    values can change without being replaced.
    """

    __slots__ = (
        "copies",
        "insert_texts",
        "key_clause",
        "model",
        "partition_clause",
        "select_texts",
        "writers",
    )

    def __init__(self, model: ModelMetaClass) -> None:
        self.model = model
        self.writers: tuple[Writer, ...] = tuple(
            (name, column.validate, column.dumps, column) for name, column in model._columns.items()
        )
        self.copies: tuple[tuple[str, Callable[[Any], Any]], ...] = tuple(
            (name, column.snapshot) for name, column in model._columns.items() if column.is_mutable
        )
        self.key_clause = _equalities(model._primary_keys)
        self.partition_clause = _equalities(model._partition_keys)
        self.insert_texts: dict[tuple[Any, ...], str] = {}
        self.select_texts: dict[tuple[Any, ...], str] = {}
        """Those of `shapes`."""

    def insert_text(
        self, table: str, static_only: bool, if_not_exists: bool, ttl: bool, timestamp: bool
    ) -> str:
        """Return the INSERT of this shape."""
        key = (table, static_only, if_not_exists, ttl, timestamp)
        text = self.insert_texts.get(key)
        if text is None:
            columns = [
                column.quoted
                for column in self.model._columns.values()
                if not static_only or column.static or column.partition_key
            ]
            text = insert_text(table, columns, if_not_exists, ttl, timestamp)
            self.insert_texts[key] = text
        return text


def _equalities(columns: dict[str, Any]) -> str:
    return " AND ".join(f"{column.quoted} = ?" for column in columns.values())


def plan_of(model: Any) -> WritePlan:
    """Return the plan of a model."""
    plan: WritePlan | None = model.__dict__.get("_write_plan")
    if plan is None:
        plan = model._write_plan = WritePlan(model)
    return plan
