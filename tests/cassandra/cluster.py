"""A cluster of real nodes on loopback addresses of its own."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.cassandra.addresses import CQL_PORT, Subnet, allocate_subnet
from tests.cassandra.config import node_settings, write_config
from tests.cassandra.errors import ClusterError, StartError
from tests.cassandra.jars import jar_folder
from tests.cassandra.jvm import java_command
from tests.cassandra.node import START_TIMEOUT, Node
from tests.cassandra.options import ClusterOptions
from tests.cassandra.paths import keep_runs
from tests.cassandra.probe import Probe
from tests.cassandra.runs import RunFolder, remove_run
from tests.cassandra.tls import TlsFiles, make_tls_files
from tests.cassandra.tools import find_java

_SETTLE_TIMEOUT = 90.0


class Cluster:
    """One to five nodes; as a context manager it is started, and stopped at the end.

    A stopped cluster is gone with its data; :meth:`start` makes a new, empty one.

    :param attached: the nodes end with this process, however it ends. Otherwise they live until
        :meth:`stop`.
    :param name: what the servers call the cluster.
    :param on_change: called whenever there is something new to remember about the cluster (its
        subnet, its folder, a process), early enough to find every process after a crash.

    >>> with Cluster(ClusterOptions(nodes=3)) as cluster:   # doctest: +SKIP
    ...     cluster.nodes[2].kill()
    """

    def __init__(
        self,
        options: ClusterOptions | None = None,
        *,
        attached: bool = True,
        name: str = "run",
        on_change: Callable[[Cluster], None] | None = None,
    ) -> None:
        self.options = options or ClusterOptions()
        self.nodes: list[Node] = []
        self.folder: Path | None = None
        self.tls: TlsFiles | None = None
        self.subnet: Subnet | None = None
        self._attached = attached
        self._run: RunFolder | None = None
        self.name = name
        self._on_change = on_change

    def __repr__(self) -> str:
        return f"<Cluster of {self.options.nodes}: {self.nodes}>"

    @property
    def contact_points(self) -> list[str]:
        """The addresses of all nodes."""
        return [node.address for node in self.nodes]

    @property
    def port(self) -> int:
        """The CQL port, the same on all nodes."""
        return CQL_PORT

    @property
    def version(self) -> str:
        """The release of the server, as in ``release_version``."""
        return self.options.version

    @property
    def username(self) -> str | None:
        """The superuser's name when the cluster asks for a login, else None."""
        return "cassandra" if self.options.authentication else None

    @property
    def password(self) -> str | None:
        """The superuser's password when the cluster asks for a login, else None."""
        return "cassandra" if self.options.authentication else None

    @property
    def running(self) -> bool:
        """Whether any node is running."""
        return any(node.running for node in self.nodes)

    def __enter__(self) -> Cluster:
        if not self.running:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all nodes and wait until they know each other and let clients in.

        The first node starts alone, then the others together: with tokens given beforehand they
        need not take turns, and the first one, already up, is the seed they all ask.

        :raises ServerUnavailable: this machine lacks a tool.
        :raises StartError: a node failed; everything has been stopped again.
        """
        if self.nodes:
            raise ClusterError("the cluster is started already")
        java, jars = find_java(), jar_folder(self.options.version)
        self.subnet = allocate_subnet(self.options.nodes)
        try:
            self._run = RunFolder(self.name, owned=self._attached)
            self._prepare(java, jars, self._run.path)
            self.launch_and_wait(self.nodes[:1])
            self.launch_and_wait(self.nodes[1:])
            self.settle()
        except BaseException:
            self.stop()
            raise

    def _prepare(self, java: Path, jars: Path, folder: Path) -> None:
        """Make ``folder`` the cluster's own and write all files of its nodes into it."""
        assert self.subnet is not None
        self.folder = folder
        addresses = [self.subnet.address(n) for n in range(1, self.options.nodes + 1)]
        if self.options.tls is not None:
            self.tls = make_tls_files(folder / "tls", addresses)
        for number, address in enumerate(addresses, start=1):
            home = folder / f"node{number}"
            settings = node_settings(
                self.options, number, addresses=addresses, folder=home, tls=self.tls
            )
            settings.setdefault("cluster_name", self.name)
            write_config(home, settings, self.options.place(number))
            command = java_command(java, jars, home, self.options)
            self.nodes.append(self.make_node(number, address, home, command))
        self._changed()

    def make_node(self, number: int, address: str, home: Path, command: list[str]) -> Node:
        """A node object of this cluster."""
        remove = None if keep_runs() else home.parent
        return Node(
            number, address, CQL_PORT, home, command, attached=self._attached, remove=remove
        )

    def launch_and_wait(self, nodes: list[Node]) -> None:
        """Start some nodes at the same time and wait until all are ready."""
        for node in nodes:
            node.launch()
            self._changed()
        deadline = time.monotonic() + START_TIMEOUT
        for node in nodes:
            node.wait_ready(max(1.0, deadline - time.monotonic()))

    def settle(self, timeout: float = _SETTLE_TIMEOUT) -> None:
        """Wait until every running node lets clients in, knows all others and has their schema.

        :raises StartError: it did not come to that within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        for node in [node for node in self.nodes if node.state == "up"]:
            while reason := self._why_unsettled(node):
                if time.monotonic() > deadline:
                    raise StartError(
                        f"node {node.number} did not settle in {timeout:.0f} s: {reason}\n"
                        f"{node.log_tail()}"
                    )
                time.sleep(0.1)

    def connect(self, number: int = 1, timeout: float = 5.0) -> Probe:
        """A hand-made connection to a node (numbered from 1), not logged in yet."""
        node = self.nodes[number - 1]
        context = self.tls.client_context() if self.tls else None
        return Probe(node.address, node.port, timeout=timeout, tls=context)

    def query(self, cql: str, number: int = 1) -> list[list[bytes | None]]:
        """Run a query on a node (numbered from 1); rows of raw cells, simple types only."""
        with self.connect(number, timeout=30.0) as probe:
            probe.login(self.username or "", self.password or "")
            return probe.query(cql)

    def _why_unsettled(self, node: Node) -> str | None:
        if not node.running:
            return "it ended"
        try:
            local = self.query("SELECT schema_version FROM system.local", node.number)
            peers = self.query("SELECT schema_version FROM system.peers_v2", node.number)
        except (OSError, ssl.SSLError, ClusterError) as error:
            return str(error)
        if len(peers) != self.options.nodes - 1:
            return f"it knows {len(peers)} of {self.options.nodes - 1} other nodes"
        if len({row[0] for row in local + peers}) != 1:
            return "the nodes' schemas differ"
        others = {n.address for n in self.nodes if n is not node and n.state == "up"}
        if missing := others - node.live_peers():
            return f"it does not see {', '.join(sorted(missing))} up"
        return None

    def heal(self) -> None:
        """Bring every node back that was killed, stopped or hung."""
        ailing = [node for node in self.nodes if node.state != "up"]
        for node in ailing:
            if node.state == "hung":
                node.resume()
        if ailing:
            self.launch_and_wait([node for node in ailing if node.state == "down"])
            self.settle()

    def stop(self) -> None:
        """End all nodes at once, and remove their data unless ``CQL_TESTS_KEEP`` is set.

        To shut a node down in good order, use its own :meth:`Node.stop`.
        """
        with contextlib.ExitStack() as stack:
            # Whatever fails, the rest is still done; the stack runs from the last to the first.
            stack.callback(self._forget)
            for node in self.nodes:
                stack.callback(node.kill)

    def _forget(self) -> None:
        if self._run is not None:
            self._run.close()
        elif self.folder is not None:
            remove_run(self.folder)
        self._run, self.folder = None, None
        if self.subnet is not None:
            self.subnet.release()
        self.nodes, self.tls, self.subnet = [], None, None

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change(self)
