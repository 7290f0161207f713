from typing import Any

def execute(
    self: Any,
    query: Any,
    parameters: Any = None,
    timeout: Any = ...,
    trace: bool = False,
    custom_payload: Any = None,
    execution_profile: Any = ...,
    paging_state: bytes | None = None,
    host: Any = None,
    execute_as: str | None = None,
    row_factory: Any = None,
) -> Any: ...
