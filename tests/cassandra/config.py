"""A node's configuration files: ``cassandra.yaml``, the rack file and ``logback.xml``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cassandra.addresses import CQL_PORT, STORAGE_PORT
from tests.cassandra.options import ClusterOptions
from tests.cassandra.tls import TlsFiles

# Small caches and few threads: a node with a 512 MB heap on a shared machine. High timeouts: a slow
# machine must not turn a test of the driver into a test of the machine.
_BASE: dict[str, Any] = {
    "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
    "endpoint_snitch": "GossipingPropertyFileSnitch",
    "auto_bootstrap": False,
    "storage_port": STORAGE_PORT,
    "native_transport_port": CQL_PORT,
    "native_transport_allow_older_protocols": True,
    "role_manager": "CassandraRoleManager",
    # New features on: nothing here is ever downgraded to 4.x.
    "storage_compatibility_mode": "NONE",
    "user_defined_functions_enabled": True,
    "materialized_views_enabled": True,
    "sasi_indexes_enabled": True,
    "dynamic_data_masking_enabled": True,
    "transient_replication_enabled": False,
    "cdc_enabled": False,
    "auto_snapshot": False,
    "disk_failure_policy": "stop",
    "commitlog_sync": "periodic",
    # A crash loses at most what was acknowledged in this time (the default is 10 s), and writes
    # do not wait for a late flush on a busy machine.
    "commitlog_sync_period": "250ms",
    "periodic_commitlog_sync_lag_block": "10000ms",
    # A mutation may be half a segment: 4 MiB. Tests of larger values raise this in `settings`.
    "commitlog_segment_size": "8MiB",
    "commitlog_total_space": "128MiB",
    "memtable_heap_space": "64MiB",
    "memtable_offheap_space": "64MiB",
    "key_cache_size": "8MiB",
    "counter_cache_size": "4MiB",
    "prepared_statements_cache_size": "10MiB",
    "file_cache_size": "32MiB",
    "networking_cache_size": "16MiB",
    "concurrent_reads": 16,
    "concurrent_writes": 16,
    "concurrent_counter_writes": 16,
    "concurrent_materialized_view_writes": 16,
    "concurrent_compactors": 1,
    "native_transport_max_threads": 64,
    "request_timeout": "15s",
    "read_request_timeout": "15s",
    "range_request_timeout": "20s",
    "write_request_timeout": "15s",
    "counter_write_request_timeout": "15s",
    "cas_contention_timeout": "10s",
    "truncate_request_timeout": "60s",
    "native_transport_timeout": "30s",
    "slow_query_log_timeout": "10s",
}

_LOGBACK = """<configuration>
  <appender name="CONSOLE" class="ch.qos.logback.core.ConsoleAppender">
    <encoder>
      <pattern>%-5level [%thread] %date{ISO8601} %file:%line - %msg%n</pattern>
    </encoder>
  </appender>
  <root level="INFO"><appender-ref ref="CONSOLE"/></root>
  <!-- These advise on a production machine, at every start. -->
  <logger name="org.apache.cassandra.service.StartupChecks" level="ERROR"/>
</configuration>
"""


def initial_tokens(number: int, nodes: int, num_tokens: int) -> list[int]:
    """The tokens of node ``number`` (from 1): the ring cut evenly, dealt to the nodes in turn.

    Tokens given beforehand let the nodes join at the same time, with no choice to race for.

    >>> initial_tokens(1, 2, 2)
    [-6917529027641081856, 2305843009213693952]
    """
    step = 2**64 // (nodes * num_tokens)
    # Half a step aside: -2**63 itself is the partitioner's minimum, not a token.
    first = -(2**63) + step // 2 + step * (number - 1)
    return [first + step * nodes * i for i in range(num_tokens)]


def node_settings(
    options: ClusterOptions,
    number: int,
    *,
    addresses: list[str],
    folder: Path,
    tls: TlsFiles | None,
) -> dict[str, Any]:
    """The settings of ``cassandra.yaml`` for one node; those of ``options.settings`` win."""
    data = folder / "data"
    # The first node brings the others together. Each is a seed for itself too: it then starts
    # even when all others are dead.
    seeds = [{"seeds": ",".join(dict.fromkeys([addresses[0], addresses[number - 1]]))}]
    tokens = initial_tokens(number, options.nodes, options.num_tokens)
    auth = "PasswordAuthenticator" if options.authentication else "AllowAllAuthenticator"
    rights = "CassandraAuthorizer" if options.authorization else "AllowAllAuthorizer"
    settings = _BASE | {
        "num_tokens": options.num_tokens,
        "initial_token": ",".join(map(str, tokens)),
        "seed_provider": [
            {"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": seeds}
        ],
        "listen_address": addresses[number - 1],
        "rpc_address": addresses[number - 1],
        "data_file_directories": [str(data / "data")],
        "commitlog_directory": str(data / "commitlog"),
        "hints_directory": str(data / "hints"),
        "saved_caches_directory": str(data / "saved_caches"),
        "cdc_raw_directory": str(data / "cdc_raw"),
        "authenticator": auth,
        "authorizer": rights,
    }
    if options.authentication:
        # A change of a role or a grant is seen by the next request, so that tests need not wait.
        for cache in ("roles", "permissions", "credentials"):
            settings[f"{cache}_validity"] = "0ms"
    if tls is not None:
        settings["client_encryption_options"] = {
            "enabled": True,
            "optional": False,
            "keystore": str(tls.keystore),
            "keystore_password": tls.store_password,
            "truststore": str(tls.truststore),
            "truststore_password": tls.store_password,
            "store_type": "PKCS12",
            "require_client_auth": options.tls == "mutual",
        }
    return settings | dict(options.settings)


def render_yaml(settings: Mapping[str, Any]) -> str:
    """A line per setting; JSON values are YAML values too.

    >>> render_yaml({"num_tokens": 16, "auto_bootstrap": False, "listen_address": "127.0.10.1"})
    'num_tokens: 16\\nauto_bootstrap: false\\nlisten_address: "127.0.10.1"\\n'
    """
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())


def write_config(folder: Path, settings: Mapping[str, Any], place: tuple[str, str]) -> None:
    """Write the files of a node into ``folder/conf``."""
    conf = folder / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "cassandra.yaml").write_text(render_yaml(settings))
    (conf / "cassandra-rackdc.properties").write_text(f"dc={place[0]}\nrack={place[1]}\n")
    (conf / "logback.xml").write_text(_LOGBACK)
