from typing import Any, TypeVar

_P = TypeVar("_P", bound=Page)

class Page:
    def one(self) -> Any: ...

def page_of(cls: type[_P], session: Any, execution: Any) -> _P: ...
