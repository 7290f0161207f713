"""A listener that notes what it is told of hosts."""

from __future__ import annotations

from typing import Any

from cql_driver.policies import HostStateListener

__all__ = ["Told"]


class Told(HostStateListener):
    """What a listener was told, in order: (what, address)."""

    def __init__(self, session: Any) -> None:
        self.heard: list[tuple[str, str]] = []
        session.cluster.register_listener(self)

    def on_add(self, host: Any) -> None:
        self.heard.append(("add", host.address))

    def on_remove(self, host: Any) -> None:
        self.heard.append(("remove", host.address))

    def on_up(self, host: Any) -> None:
        self.heard.append(("up", host.address))

    def on_down(self, host: Any) -> None:
        self.heard.append(("down", host.address))
