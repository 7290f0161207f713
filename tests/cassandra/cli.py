"""The command for people: clusters that stay up until they are told to go down."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from tests.cassandra import state
from tests.cassandra.cluster import Cluster
from tests.cassandra.errors import ClusterError
from tests.cassandra.node import Node
from tests.cassandra.options import DEFAULT_VERSION, MAX_NODES, ClusterOptions

_DEFAULT_NAME = "default"
_EPILOG = """examples:
  up --nodes 3                 three nodes of Cassandra on loopback addresses of their own
  up --name safe --auth --tls mutual
  status                       where they listen, how to log in, what is down
  kill 2                       crash node 2; `start 2` brings it back with its data
  hang 2                       node 2 keeps its connections and answers nothing; `resume 2`
  log 2 --follow               what node 2 writes
  down                         end the cluster and remove its data

Several clusters can be up under different names. Without --name a command means the cluster
"default", or the only one that there is. The jars are fetched once by Maven and kept in
~/.cache/cql-tests (or CQL_TESTS_CACHE); Java 17 must be installed."""


def build_parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Start real Apache Cassandra clusters on this machine, break them, end them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_up(commands)
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", help="which cluster")
    down = commands.add_parser("down", parents=[named], help="end a cluster and remove its data")
    down.add_argument("--all", action="store_true", help="end all clusters")
    status = commands.add_parser("status", parents=[named], help="show clusters and nodes")
    status.add_argument("--json", action="store_true", help="for scripts")
    texts = {
        "kill": "crash nodes (SIGKILL)",
        "stop": "shut nodes down in good order (SIGTERM); all when none is named",
        "start": "start nodes that are down, with their data; all when none is named",
        "hang": "freeze nodes (SIGSTOP): connections stay open, nothing is answered",
        "resume": "end a hang (SIGCONT)",
    }
    for name, text in texts.items():
        command = commands.add_parser(name, parents=[named], help=text, description=text)
        count = "*" if name in ("stop", "start") else "+"
        command.add_argument("node", type=int, nargs=count, help="a node's number, from 1")
    log = commands.add_parser("log", parents=[named], help="show the end of a node's log")
    log.add_argument("node", type=int, help="the node's number, from 1")
    log.add_argument("--lines", "-n", type=int, default=40, help="how many (default 40)")
    log.add_argument("--follow", "-f", action="store_true", help="go on until Ctrl-C")
    return parser


def _add_up(commands: Any) -> None:
    up = commands.add_parser("up", help="start a cluster", description="Start a cluster.")
    up.add_argument("--name", default=_DEFAULT_NAME, help="what to call it (default: %(default)s)")
    up.add_argument("--nodes", type=int, default=1, help=f"1 to {MAX_NODES} (default 1)")
    up.add_argument(
        "--auth", action="store_true", help="login and permissions; cassandra/cassandra"
    )
    up.add_argument("--tls", choices=["server", "mutual"], help="mutual asks for a client's too")
    up.add_argument("--heap", default="512m", help="of each node (default %(default)s)")
    up.add_argument("--release", default=DEFAULT_VERSION, help="version (default %(default)s)")
    up.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of cassandra.yaml, its value as in JSON or plain text; may be repeated",
    )
    up.add_argument(
        "--fast",
        action="store_true",
        help="both compilers of Java: slower to start, faster when warm (for benchmarks)",
    )


def main(arguments: list[str] | None = None, prog: str | None = None) -> int:
    """Run one command and return its exit status."""
    parsed = build_parser(prog).parse_args(arguments)
    try:
        return _run(parsed)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(parsed: argparse.Namespace) -> int:
    if parsed.command == "up":
        return _up(parsed)
    if parsed.command == "status":
        return _status(parsed)
    if parsed.command == "down":
        return _down(parsed)
    name = _pick(parsed.name)
    if parsed.command == "log":
        return _log(_node(state.load(name), parsed.node), parsed.lines, parsed.follow)
    with state.lock(name):
        cluster = state.load(name)
        nodes = [_node(cluster, number) for number in parsed.node] or cluster.nodes
        _act(parsed.command, cluster, nodes)
        _show(name, cluster)
    return 0


def _up(parsed: argparse.Namespace) -> int:
    options = ClusterOptions(
        nodes=parsed.nodes,
        authentication=parsed.auth,
        authorization=parsed.auth,
        tls=parsed.tls,
        settings=dict(_setting(text) for text in parsed.setting),
        heap=parsed.heap,
        version=parsed.release,
        jvm=("-XX:TieredStopAtLevel=4",) if parsed.fast else (),
    )
    begun = time.monotonic()
    with state.lock(parsed.name):
        cluster = state.create(parsed.name, options)
        _show(parsed.name, cluster)
    again = "" if parsed.name == _DEFAULT_NAME else f" --name {parsed.name}"
    print(f"Ready in {time.monotonic() - begun:.1f} s; it stays up until `down{again}`.")
    return 0


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ClusterError(f"--setting takes KEY=VALUE, not {text!r}")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _down(parsed: argparse.Namespace) -> int:
    for name in state.names() if parsed.all else [_pick(parsed.name)]:
        with state.lock(name):
            state.end(name)
        print(f"Cluster {name!r} is down, and its data removed.")
    return 0


def _status(parsed: argparse.Namespace) -> int:
    names = [_pick(parsed.name)] if parsed.name else state.names()
    clusters = {name: state.load(name) for name in names}
    if parsed.json:
        print(json.dumps({name: describe(cluster) for name, cluster in clusters.items()}, indent=1))
        return 0
    if not clusters:
        print("No cluster is up. Start one with `up`.")
    for name, cluster in clusters.items():
        _show(name, cluster)
    return 0


def _act(command: str, cluster: Cluster, nodes: list[Node]) -> None:
    if command == "start":
        hung = [str(node.number) for node in nodes if node.state == "hung"]
        if hung:
            raise ClusterError(f"node {', '.join(hung)} hangs and is not down: use `resume`")
        cluster.launch_and_wait([node for node in nodes if node.state == "down"])
        cluster.settle()
        return
    for node in nodes:
        getattr(node, command)()


def describe(cluster: Cluster) -> dict[str, Any]:
    """What a script needs to know to connect."""
    tls = cluster.tls
    return {
        "contact_points": cluster.contact_points,
        "port": cluster.port,
        "version": cluster.version,
        "username": cluster.username,
        "password": cluster.password,
        "ca_cert": str(tls.ca_cert) if tls else None,
        "client_cert": str(tls.client_cert) if tls else None,
        "client_key": str(tls.client_key) if tls else None,
        "nodes": [
            {"address": node.address, "state": node.state, "pid": node.pid, "log": str(node.log)}
            for node in cluster.nodes
        ],
    }


def _show(name: str, cluster: Cluster) -> None:
    count = len(cluster.nodes)
    print(f"Cluster {name!r}: Cassandra {cluster.version}, {count} node{'s'[: count > 1]}")
    for node in cluster.nodes:
        process = f"pid {node.pid}" if node.running else ""
        print(f"  {node.number}  {node.address}:{node.port}  {node.state:5} {process}")
    if cluster.username:
        print(f"  login: {cluster.username} / {cluster.password}")
    if cluster.tls:
        print(f"  authority: {cluster.tls.ca_cert}")
    if cluster.tls and cluster.options.tls == "mutual":
        print(f"  client: {cluster.tls.client_cert} {cluster.tls.client_key}")


def _pick(name: str | None) -> str:
    """The name given, else the default one, else the only one."""
    known = state.names()
    if name is None and _DEFAULT_NAME not in known and len(known) > 1:
        raise ClusterError(f"say which cluster with --name: {', '.join(known)}")
    if name is None and len(known) == 1:
        return known[0]
    return name or _DEFAULT_NAME


def _node(cluster: Cluster, number: int) -> Node:
    if not 1 <= number <= len(cluster.nodes):
        raise ClusterError(f"there is no node {number}: they are 1 to {len(cluster.nodes)}")
    return cluster.nodes[number - 1]


def _log(node: Node, lines: int, follow: bool) -> int:
    print(node.log_tail(lines), end="")
    if follow:
        with node.log.open(errors="replace") as log:
            log.seek(0, 2)
            while True:
                print(log.read(), end="", flush=True)
                time.sleep(0.2)
    return 0
