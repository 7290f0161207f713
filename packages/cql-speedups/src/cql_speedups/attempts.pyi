from collections.abc import Callable
from typing import Any

class FirstAttempt:
    complete: Callable[[Any], object] | None
    done: bool
    expires: int
    future: Any
    host: Any
    link: Any
    message: Any
    more: Any
    options: Any
    outcome: Any
    session: Any
    statement: Any
    stream: int
    timeout: float | None
    waiter: Any
    def __init__(
        self,
        session: Any,
        statement: Any,
        message: Any,
        options: Any,
        timeout: float | None,
        allowed_ticks: int,
    ) -> None: ...
    @property
    def result_columns(self) -> Any: ...
    def finish(self) -> None: ...
    def start(self) -> None: ...
    def __call__(self, response: Any) -> None: ...
