from collections.abc import Iterable, Sequence
from typing import Any

from cql_protocol.types import CqlType

class RowEncoder:
    count: int
    def __init__(self, columns: Sequence[CqlType], keys: Iterable[int] = ()) -> None: ...
    def encode(self, values: Sequence[Any], allow_unset: bool = True) -> bytes | None: ...
