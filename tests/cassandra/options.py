"""The shape of a cluster: a small immutable value that fixtures can use as a key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tests.cassandra.errors import ClusterError

DEFAULT_VERSION = "5.0.8"
MAX_NODES = 5
NO_RESTART = ("-Dcassandra.unsafesystem=true",)
"""For ``jvm`` of a node that no test kills or restarts: its schema is not written to disk.

That takes most of the time of changing it: 25 ms instead of 150 for a table. A node that is killed
has forgotten changes, since it reads its schema before its commit log.
"""


class FrozenSettings(Mapping[str, Any]):
    """Settings of ``cassandra.yaml`` that can be hashed: equal when their JSON is equal."""

    __slots__ = ("_text", "_values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._text = json.dumps(dict(values), sort_keys=True)
        self._values: dict[str, Any] = json.loads(self._text)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenSettings) and self._text == other._text

    def __repr__(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What kind of cluster is wanted.

    :param nodes: 1 to 5.
    :param authentication: password login; the first login is cassandra/cassandra.
    :param authorization: roles and permissions are enforced (needs ``authentication``).
    :param tls: ``"server"`` encrypts clients' connections, ``"mutual"`` also asks clients for a
        certificate.
    :param settings: any setting of ``cassandra.yaml``, merged over ours, e.g.
        ``{"native_transport_max_frame_size": "1MiB"}``; values as in JSON.
    :param heap: heap of each node, as for ``-Xmx``.
    :param places: (datacenter, rack) of each node; empty puts all in ``dc1``/``rack1``.
    :param num_tokens: tokens (vnodes) of each node.
    :param version: a release of ``org.apache.cassandra:cassandra-all``, 5.0 or later.
    :param jvm: more arguments for ``java``, after ours, so that they win, e.g.
        ``("-XX:TieredStopAtLevel=4",)`` for a benchmark: slower to start, faster when warm.

    >>> ClusterOptions(nodes=3) == ClusterOptions(nodes=3, settings={})
    True
    """

    nodes: int = 1
    authentication: bool = False
    authorization: bool = False
    tls: Literal["server", "mutual"] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    heap: str = "512m"
    places: tuple[tuple[str, str], ...] = ()
    num_tokens: int = 16
    version: str = DEFAULT_VERSION
    jvm: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", FrozenSettings(self.settings))
        object.__setattr__(self, "places", tuple((dc, rack) for dc, rack in self.places))
        object.__setattr__(self, "jvm", tuple(self.jvm))
        if not 1 <= self.nodes <= MAX_NODES:
            raise ClusterError(f"nodes must be 1 to {MAX_NODES}, not {self.nodes}")
        if self.authorization and not self.authentication:
            raise ClusterError("authorization needs authentication=True: nobody has a role without")
        if self.tls not in (None, "server", "mutual"):
            raise ClusterError(f'tls must be None, "server" or "mutual", not {self.tls!r}')
        if self.places and len(self.places) != self.nodes:
            raise ClusterError(f"places has {len(self.places)} entries for {self.nodes} nodes")
        major = self.version.split(".")[0]
        if not major.isdigit() or int(major) < 5:
            raise ClusterError(f"version must be 5.0 or later, not {self.version!r}")

    def place(self, number: int) -> tuple[str, str]:
        """(datacenter, rack) of node ``number``, counted from 1."""
        return self.places[number - 1] if self.places else ("dc1", "rack1")

    def to_json(self) -> dict[str, Any]:
        """A value for ``json.dumps``; :meth:`from_json` gives the options back."""
        return asdict(self) | {"settings": dict(self.settings)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ClusterOptions:
        """The options that :meth:`to_json` described."""
        return cls(**value)
