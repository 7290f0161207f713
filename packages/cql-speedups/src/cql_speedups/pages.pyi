from collections.abc import Iterator
from typing import Any, TypeVar

_P = TypeVar("_P", bound=Page)

class Page:
    def __iter__(self) -> Iterator[Any]: ...
    def one(self) -> Any: ...

def page_of(cls: type[_P], session: Any, execution: Any) -> _P: ...
