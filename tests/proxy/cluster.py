"""`ProxyCluster`: a proxy before each node of a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.policies import AddressTranslator
from tests.cassandra.addresses import allocate_subnet
from tests.proxy.loop import LoopThread
from tests.proxy.proxy import Proxy
from tests.proxy.rules import Rule, TakesRules

if TYPE_CHECKING:
    from tests.cassandra import Cluster

__all__ = ["ProxyCluster"]


class ProxyCluster(TakesRules):
    """A proxy before each node, on the nodes' port, at loopback addresses of their own.

    Give `contact_points`, `port` and `address_translator` to the driver's `Cluster`, or all
    three as ``**proxies.options``. ``proxies[1]`` is the proxy before the first node; nodes may
    die and come back behind it. A context manager.
    """

    def __init__(self, nodes: Cluster) -> None:
        assert nodes.options.tls is None, "a proxy cannot look into TLS"
        self.nodes = nodes
        self._subnet = allocate_subnet(len(nodes.nodes))
        self._thread = LoopThread()
        self.proxies: list[Proxy] = []
        texts: dict[bytes, str] = {}
        try:
            for node in nodes.nodes:
                address = self._subnet.address(node.number), nodes.port
                target = node.address, node.port
                self.proxies.append(Proxy(target, address, thread=self._thread, texts=texts))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ProxyCluster:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __getitem__(self, number: int) -> Proxy:
        """The proxy before node `number`, counted from 1."""
        return self.proxies[number - 1]

    def of(self, host: Any) -> Proxy:
        """The proxy that a driver's `Host`, or a `Node` of the cluster, is reached through."""
        found = [p for p in self.proxies if host.address in (p.address[0], p.target[0])]
        assert len(found) == 1, f"no proxy before {host}"
        return found[0]

    @property
    def contact_points(self) -> list[str]:
        """The addresses of the proxies."""
        return [proxy.address[0] for proxy in self.proxies]

    @property
    def port(self) -> int:
        """The port of the nodes, and of the proxies."""
        return self.nodes.port

    @property
    def address_translator(self) -> AddressTranslator:
        """Translates the addresses of nodes to those of proxies."""
        return _Translator({p.target[0]: p.address[0] for p in self.proxies})

    @property
    def options(self) -> dict[str, Any]:
        """The options with which a driver connects through the proxies."""
        return {
            "contact_points": self.contact_points,
            "port": self.port,
            "address_translator": self.address_translator,
        }

    # --- all proxies -------------------------------------------------------------------------

    def add(self, rule: Rule) -> Rule:
        """Add a rule to every proxy: what it counts, it counts together."""
        for proxy in self.proxies:
            proxy.add(rule)
        return rule

    def heal(self) -> None:
        """End all rules, and heal every proxy."""
        for proxy in self.proxies:
            proxy.clear()
            proxy.heal()

    def close(self) -> None:
        """End everything."""
        for proxy in self.proxies:
            proxy.close()
        self._thread.close()
        self._subnet.release()


class _Translator(AddressTranslator):
    def __init__(self, table: dict[str, str]) -> None:
        self._table = table

    def translate(self, addr: str) -> str:
        return self._table.get(addr, addr)
