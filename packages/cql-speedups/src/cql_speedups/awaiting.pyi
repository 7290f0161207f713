from collections.abc import Callable, Coroutine, Mapping
from typing import Any

class AsyncRequests:
    def execute(
        self,
        query: Any,
        parameters: Any = None,
        timeout: Any = ...,
        trace: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
        execution_profile: Any = ...,
        paging_state: bytes | None = None,
        host: Any = None,
        execute_as: str | None = None,
        row_factory: Callable[..., Any] | None = None,
    ) -> Coroutine[Any, Any, Any]: ...
