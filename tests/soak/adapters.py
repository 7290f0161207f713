"""What differs between the drivers that a soak is run on; standard library and that driver only."""

from __future__ import annotations

import importlib
from typing import Any


class Adapter:
    """A driver by the name of its package: ``cql_driver``, or ``cassandra`` for the others."""

    def __init__(self, root: str) -> None:
        self.package = importlib.import_module(root)
        self.cluster = importlib.import_module(f"{root}.cluster")
        self.policies = importlib.import_module(f"{root}.policies")
        self.quorum = self.package.ConsistencyLevel.QUORUM
        self.ours = root == "cql_driver"
        # Some drivers raise what is in no tree, such as their NoHostAvailable.
        self.errors: Any = self.package.DriverException if self.ours else Exception

    def connect(self, options: dict[str, Any]) -> Any:
        """A session that is connected to all nodes."""
        translated: dict[str, str] = options["translate"]

        class Translator(self.policies.AddressTranslator):  # type: ignore[name-defined,misc]
            def translate(self, address: str) -> str:
                return translated.get(address, address)

        profiles = {}
        if options["avoid_slow_replicas"] and self.ours:
            policies = self.policies
            policy = policies.TokenAwarePolicy(
                policies.DCAwareRoundRobinPolicy(), avoid_slow_replicas=True
            )
            profile = self.cluster.ExecutionProfile(load_balancing_policy=policy)
            profiles["execution_profiles"] = {self.cluster.EXEC_PROFILE_DEFAULT: profile}
        cluster = self.cluster.Cluster(
            options["contact_points"],
            port=options["port"],
            protocol_version=options["protocol"],
            compression=False,
            address_translator=Translator(),
            # The machine is busy with the nodes.
            connect_timeout=10,
            control_connection_timeout=10,
            max_schema_agreement_wait=60,
            reconnection_policy=self.policies.ConstantReconnectionPolicy(1, None),
            **profiles,
        )
        return cluster.connect(wait_for_all_pools=True)

    def carried(self, session: Any) -> list[int]:
        """How many requests each connection of a session carries, orphans and heartbeats too."""
        counts = []
        for pool in list(session.get_pools()):
            if self.ours:
                links: Any = pool.all_links
            elif hasattr(pool, "_connections"):
                links = pool._connections.values()
            else:
                links = filter(None, [pool._connection])
            counts += [link.in_flight for link in list(links)]
        return counts
