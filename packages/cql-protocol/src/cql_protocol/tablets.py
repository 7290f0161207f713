"""Where a tablet's replicas are, as ScyllaDB tells a client that asked the wrong node.

With the extension TABLETS_ROUTING_V1 on, a RESULT whose request reached a node or shard that
is no replica carries the routing of the tablet in its custom payload
(docs/dev/protocol-extensions.md of scylladb/scylladb, "Tablets routing v1").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cql_protocol.errors import DecodeError
from cql_protocol.types import BIGINT, INT, UUID, ListType, TupleType

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

__all__ = ["PAYLOAD_KEY", "TabletRouting", "tablet_routing"]

PAYLOAD_KEY = "tablets-routing-v1"

_PAYLOAD = TupleType(BIGINT, BIGINT, ListType(TupleType(UUID, INT)))


class TabletRouting(NamedTuple):
    """The tablet of the tokens after `first_token` up to and with `last_token`.

    `replicas` are pairs of host id and shard.
    """

    first_token: int
    last_token: int
    replicas: tuple[tuple[uuid.UUID, int], ...]


def tablet_routing(payload: Mapping[str, bytes | None] | None) -> TabletRouting | None:
    """Return the routing in a response's custom payload; None when it has none.

    Raises `DecodeError` when the bytes are damaged or lack a part.

    Example::

        tablet = tablet_routing(response.custom_payload)
        if tablet is not None:
            print(tablet.replicas)
    """
    data = None if payload is None else payload.get(PAYLOAD_KEY)
    if data is None:
        return None
    first, last, replicas = _PAYLOAD.decode(data) or (None, None, None)
    found = tuple(replicas or ())
    complete = all(replica and None not in replica for replica in found)
    if first is None or last is None or not found or not complete:
        raise DecodeError(f"{PAYLOAD_KEY}: a tablet without its tokens or replicas")
    return TabletRouting(first, last, found)
