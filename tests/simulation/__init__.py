"""A simulated world for tests of the request core: virtual time, a network, and nodes.

Use it like this::

    from tests.simulation import Drop, Rule, Simulation

    with Simulation(seed=7, nodes=3) as sim:
        session = sim.connect("ks")                    # or sim.raw(node=2): a bare connection
        sim[2].rules.append(Rule(Drop(), text="INSERT", times=1))
        future = session.execute_async("INSERT INTO t (k, v) VALUES (1, 'a')", timeout=2.0)
        sim.run(0.5)                                   # half a second of virtual time
        assert sim.cluster.t.count(1) == 1
        future.result()                                # goes on until it is done

**Time** is virtual and jumps to what comes next (`World`). `sim.run(seconds)`, `sim.run(pending)`
or `sim.run(lambda: condition, limit=5.0)` make things happen; so does whoever waits on the
runtime (`future.result()`). To wait for what cannot come raises `Deadlock`, with the end of the
record in its text. `sim.at(0.3, action)` does something later, as another thread would.

**The same seed gives the same run**, to the last byte; `sim.record` is the proof, and
``print(sim.world.story())`` tells it. All that is random comes from `sim.world.random`; the module
`random` and the driver's own source are seeded as well.

**The cluster** (`sim.cluster`) has nodes ``sim[1]``, ``sim[2]``…, which share the tables
``ks.t``, ``ks.w`` and ``ks.c``; more by ``sim.cluster.store.make("ks.x", "k int, v text")`` or by
CREATE TABLE; what else a schema has by ``sim.cluster.change``. `Table.count(key)` tells how often
a write was applied, `Table.value(column, key)` what is there, `Table.empty_pages` puts empty pages
before the last. Nodes come and go by
`add_node`, `remove_node`, `move_node`, `kill`, `start` of the cluster (which tell the clients) or
by `kill`, `hang`, `resume`, `restart`, `forget_prepared` of the node (which do not).

**Faults of nodes** are rules (`tests.simulation.faults`): ``sim[1].rules.append(Rule(reaction,
text="SELECT", chance=0.1, times=3))``. Reactions: `Drop`, `Delay`, `Twice`, `Fail`/`Answer`,
`Reset`, `Unprepared`, `Garbage`. ``applied=`` says whether the request is carried out.

**Faults of the network** (`sim.network`): `delay`, `set_delay`, `bandwidth`, `window`, `pieces`,
`chaos` with `reset_chance` and `silence_chance`, `partition` and `heal`, `break_streams`,
`cut_next`, `fail_connects`, and `names` for look-ups.

**At the end** of the ``with`` nothing may be left: a live timer, an open stream, an attempt to
connect, or an exception that was raised on the loop.
"""

from __future__ import annotations

from tests.simulation.client import RawClient
from tests.simulation.cluster import SimCluster
from tests.simulation.faults import (
    Answer,
    Delay,
    Drop,
    Fail,
    Garbage,
    Reaction,
    Reset,
    Rule,
    Twice,
    Unprepared,
)
from tests.simulation.harness import Simulation
from tests.simulation.network import SimNetwork
from tests.simulation.node import SimNode
from tests.simulation.runtime import SimRuntime
from tests.simulation.store import Table
from tests.simulation.world import Deadlock, Livelock, SimulationError, World

__all__ = [
    "Answer",
    "Deadlock",
    "Delay",
    "Drop",
    "Fail",
    "Garbage",
    "Livelock",
    "RawClient",
    "Reaction",
    "Reset",
    "Rule",
    "SimCluster",
    "SimNetwork",
    "SimNode",
    "SimRuntime",
    "Simulation",
    "SimulationError",
    "Table",
    "Twice",
    "Unprepared",
    "World",
]
