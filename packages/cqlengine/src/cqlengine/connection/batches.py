"""`TimedBatch`: a batch of the protocol that has a time of its own."""

from __future__ import annotations

from cql_driver.query import BatchStatement
from cql_protocol.enums import BatchType
from cqlengine.errors import CQLEngineException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.messages import Batch

__all__ = ["TimedBatch"]


class TimedBatch(BatchStatement):
    """A batch whose writes have one time, given by the caller.

    - `batch_type`: a `BatchType`, or its name; None for a logged one
    - `timestamp`: microseconds since the epoch, None for the time of sending

    The time is the default timestamp of the request (native_protocol_v4.spec, section 4.1.7), so
    a statement with ``USING TIMESTAMP`` keeps its own.
    """

    timestamp: int | None

    def __init__(
        self, batch_type: BatchType | str | int | None = None, timestamp: int | None = None
    ) -> None:
        if batch_type is None:
            batch_type = BatchType.LOGGED
        elif isinstance(batch_type, str):
            name = batch_type.upper() or "LOGGED"
            if name not in BatchType.__members__:
                raise CQLEngineException(
                    f"batch_type is {batch_type!r}: use BatchType.Logged, Unlogged or Counter"
                )
            batch_type = BatchType[name]
        super().__init__(batch_type)
        self.timestamp = timestamp

    def message(
        self,
        consistency: int,
        serial_consistency: int | None = None,
        page_size: int | None = None,
        paging_state: bytes | None = None,
        timestamp: int | None = None,
    ) -> Batch:
        """Return the BATCH, with the time that was given."""
        if self.timestamp is not None:
            timestamp = self.timestamp
        return super().message(consistency, serial_consistency, page_size, paging_state, timestamp)
