"""A proxy for tests: between the driver and real nodes, on our own codec.

Use it like this::

    from cql_protocol.messages import opcodes
    from tests.proxy import Answers, Cut, Delay, Drop, Nth, Opcode, ProxyCluster, Statement

    with ProxyCluster(nodes) as proxies:                 # nodes: a tests.cassandra.Cluster
        cluster = Cluster(**proxies.options)
        session = cluster.connect()
        proxies.on_response(Statement("INSERT"), Drop(), times=1)   # done, but nobody is told
        proxies[2].on_request(Opcode(opcodes.OPTIONS), Drop())      # heartbeats to node 2 are lost
        with proxies.on_request(Statement("k = 7") & Nth(2, 3), Cut()) as rule:
            ...                                          # until the end of the block
            rule.wait(2)                                 # until it was used two times
        proxies[1].partition()
        proxies[1].heal()

**Rules** are asked in the order in which they were added, on the proxy's thread; the first that
takes a frame decides. `on_request` is for what clients send, `on_response` for what nodes send
(answers, errors, events). `times` bounds how often, `Rule.used` counts, `Rule.frames` holds what
was taken, `Rule.wait` waits for it. The handshake and the control connection are not spared: say
what you mean, by `Statement`, `Opcode`, ``~Control()``.

**Conditions** (`tests.proxy.conditions`): `ANY`, `Opcode`, `Stream`, `Statement` (text or pattern;
knows prepared statements; for a response it looks at the request), `Answers` (a condition on the
request of a response), `Chance` (by seed), `Nth`, `OnConnection`, `Control`, `Where` (any function
of a `Frame`), joined by ``&``, ``|``, ``~``. ``a & b`` asks b only where a holds, which matters to
`Nth` and `Chance`.

**Reactions** (`tests.proxy.reactions`): `Pass`, `Drop`, `Delay`, `Hold` (until `release()`),
`Forge` (another answer: a response, an error, or what a function makes of the frame; a request does
not reach the node then), `Duplicate`, `Corrupt` (a bit on the wire), `Rewrite` (any bytes), `Cut`
(reset, or close; also in the middle of a frame).

**The whole proxy**: `hang` (as SIGSTOP), `partition` (as a cut cable: connecting takes for ever),
`shut` (as a dead process: connecting is refused), `heal` ends all three; `cut` ends the connections
that are open; `push` sends an event. A node that is down behind a proxy resets connections at
once, which is another thing than to refuse them: `shut` the proxy as well, where that matters.

Protocol 3 and 4 (plain, lz4, snappy) and 5 (segments, plain and lz4). Not TLS. A proxy without
rules forwards the same frames; on protocol 5 they may share segments otherwise.
"""

from __future__ import annotations

from tests.proxy.cluster import ProxyCluster
from tests.proxy.conditions import (
    ANY,
    Answers,
    Chance,
    Condition,
    Control,
    Nth,
    OnConnection,
    Opcode,
    Statement,
    Stream,
    Where,
)
from tests.proxy.frames import Frame
from tests.proxy.proxy import Proxy
from tests.proxy.reactions import (
    Corrupt,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Forge,
    Hold,
    Pass,
    Reaction,
    Rewrite,
)
from tests.proxy.rules import Rule
from tests.proxy.tunnel import Tunnel

__all__ = [
    "ANY",
    "Answers",
    "Chance",
    "Condition",
    "Control",
    "Corrupt",
    "Cut",
    "Delay",
    "Drop",
    "Duplicate",
    "Forge",
    "Frame",
    "Hold",
    "Nth",
    "OnConnection",
    "Opcode",
    "Pass",
    "Proxy",
    "ProxyCluster",
    "Reaction",
    "Rewrite",
    "Rule",
    "Statement",
    "Stream",
    "Tunnel",
    "Where",
]
