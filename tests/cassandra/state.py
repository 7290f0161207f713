"""Named clusters: they outlive the command that started them, and are found again by name."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from tests.cassandra.addresses import Subnet
from tests.cassandra.cluster import Cluster
from tests.cassandra.errors import ClusterError
from tests.cassandra.locks import FileLock
from tests.cassandra.options import ClusterOptions
from tests.cassandra.paths import subfolder
from tests.cassandra.process import ProcessRef
from tests.cassandra.tls import TlsFiles

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def names() -> list[str]:
    """The names of all clusters that ``up`` started and ``down`` has not ended."""
    return sorted(path.stem for path in subfolder("clusters").glob("*.json"))


def lock(name: str) -> FileLock:
    """The lock to hold while working on a named cluster.

    :raises ClusterError: such a name cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise ClusterError(f"a name is up to 32 letters, digits, _ and -, not {name!r}")
    return FileLock(subfolder("clusters") / f"{name}.lock")


def create(name: str, options: ClusterOptions) -> Cluster:
    """Start a cluster that stays up after this process, and remember it.

    :raises ClusterError: there is one of this name.
    """
    if _path(name).exists():
        raise ClusterError(
            f"there is a cluster {name!r} already: see `status`, end it with `down --name {name}`, "
            "or give the new one another --name"
        )
    cluster = Cluster(options, attached=False, name=name, on_change=save)
    try:
        cluster.start()
    except BaseException:
        _path(name).unlink(missing_ok=True)
        raise
    save(cluster)
    return cluster


def save(cluster: Cluster) -> None:
    """Write down all that is needed to find the cluster and its processes again."""
    assert cluster.subnet is not None
    nodes = [
        {
            "address": node.address,
            "folder": str(node.folder),
            "command": node.command,
            "pid": node.process.pid if node.process else None,
            "mark": node.process.mark if node.process else None,
        }
        for node in cluster.nodes
    ]
    value = {
        "options": cluster.options.to_json(),
        "subnet": cluster.subnet.number,
        "folder": str(cluster.folder),
        "nodes": nodes,
    }
    path = _path(cluster.name)
    work = path.with_suffix(f".{os.getpid()}.tmp")
    work.write_text(json.dumps(value, indent=1))
    work.replace(path)


def load(name: str) -> Cluster:
    """The cluster of this name, with its processes as they are now.

    :raises ClusterError: there is none.
    """
    if not _path(name).exists():
        known = ", ".join(names()) or "none is up"
        raise ClusterError(f"there is no cluster {name!r} (known: {known}): start one with `up`")
    value: dict[str, Any] = json.loads(_path(name).read_text())
    options = ClusterOptions.from_json(value["options"])
    cluster = Cluster(options, attached=False, name=name, on_change=save)
    cluster.subnet = Subnet(value["subnet"], None)
    cluster.folder = Path(value["folder"])
    cluster.tls = TlsFiles(cluster.folder / "tls") if options.tls else None
    for number, entry in enumerate(value["nodes"], start=1):
        node = cluster.make_node(number, entry["address"], Path(entry["folder"]), entry["command"])
        if entry["pid"] is not None:
            node.process = ProcessRef(entry["pid"], entry["mark"])
        cluster.nodes.append(node)
    return cluster


def end(name: str) -> None:
    """Stop the cluster, remove its data and forget its name."""
    load(name).stop()
    _path(name).unlink(missing_ok=True)


def _path(name: str) -> Path:
    return subfolder("clusters") / f"{name}.json"
