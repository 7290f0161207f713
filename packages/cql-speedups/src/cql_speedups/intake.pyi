from collections.abc import Callable

from cql_speedups.outbox import Outbox

class Intake(Outbox):
    bytes_received: Callable[[int], object] | None
    heard: int
    on_data: Callable[[], object] | None
    def data_received(self, data: bytes) -> None: ...
