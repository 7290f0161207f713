from collections.abc import Mapping
from typing import Any

class RequestMaker:
    session: Any
    def __init__(self, session: Any) -> None: ...
    def renew(self) -> None: ...
    def make(
        self,
        query: Any,
        parameters: Any,
        timeout: Any,
        trace: bool,
        custom_payload: Mapping[str, bytes | None] | None,
        execution_profile: Any,
        paging_state: bytes | None,
        host: Any,
        execute_as: str | None,
    ) -> Any: ...
