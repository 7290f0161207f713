from collections.abc import Callable, Sequence
from typing import Any

from cql_protocol.types import CqlType, ReadOptions

class RowReader:
    plain: bool
    foreign: bool
    def __init__(self, columns: Sequence[CqlType], options: ReadOptions) -> None: ...
    def read(
        self, body: bytes, offset: int, count: int, make: Callable[[Any], Any] | None = None
    ) -> list[Any] | None: ...
    def dicts(
        self, body: bytes, offset: int, count: int, names: Sequence[str]
    ) -> list[dict[str, Any]] | None: ...

def make_reader(columns: Sequence[CqlType], options: ReadOptions) -> RowReader: ...
