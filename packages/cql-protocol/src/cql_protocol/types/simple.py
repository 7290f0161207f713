"""The base of the types without parameters, each of which has one instance."""

from __future__ import annotations

from typing import Any

from cql_protocol.types.base import MARSHAL, CqlType

__all__ = ["INSTANCES", "SimpleType"]

INSTANCES: dict[str, SimpleType] = {}
"""The one instance of every simple type, by its name in CQL."""


class SimpleType(CqlType):
    """A type without parameters. Two of them are equal when they are one object."""

    __slots__ = ()

    def __init__(
        self,
        code: int,
        name: str,
        short_class_name: str,
        fixed_size: int | None = None,
        struct_code: str = "",
    ) -> None:
        super().__init__(
            (name,),
            name,
            MARSHAL + short_class_name,
            code=code,
            fixed_size=fixed_size,
            struct_code=struct_code,
        )
        INSTANCES[name] = self

    def __repr__(self) -> str:
        return self.name.upper()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_instance, (self.name,))


def _instance(name: str) -> SimpleType:
    return INSTANCES[name]
