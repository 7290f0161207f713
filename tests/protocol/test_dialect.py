"""What a connection speaks: versions, extensions from SUPPORTED and back, shards of tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.dialect import Dialect, Features, ShardingInfo
from cql_protocol.errors import LocalProtocolError, RemoteProtocolError

SCYLLA = {
    "CQL_VERSION": ["3.3.1"],
    "COMPRESSION": ["lz4", "snappy"],
    "SCYLLA_SHARD": ["2"],
    "SCYLLA_NR_SHARDS": ["12"],
    "SCYLLA_PARTITIONER": ["org.apache.cassandra.dht.Murmur3Partitioner"],
    "SCYLLA_SHARDING_ALGORITHM": ["biased-token-round-robin"],
    "SCYLLA_SHARDING_IGNORE_MSB": ["12"],
    "SCYLLA_SHARD_AWARE_PORT": ["19042"],
    "SCYLLA_SHARD_AWARE_PORT_SSL": ["19142"],
    "SCYLLA_LWT_ADD_METADATA_MARK": ["LWT_OPTIMIZATION_META_BIT_MASK=2147483648"],
    "SCYLLA_RATE_LIMIT_ERROR": ["ERROR_CODE=61440"],
    "SCYLLA_USE_METADATA_ID": [""],
    "TABLETS_ROUTING_V1": [""],
}
"""What a ScyllaDB node announces; Cassandra announces the first two only."""

CASSANDRA = {
    "CQL_VERSION": ["3.4.7"],
    "COMPRESSION": ["lz4", "snappy"],
    "PROTOCOL_VERSIONS": ["3/v3", "4/v4", "5/v5", "6/v6-beta"],
}

SHARDS = (1, 2, 3, 8, 14, 96, 256)


def _plain(value: Any) -> Any:
    """Return the fields of an object without equality, for comparing."""
    if isinstance(value, Features | ShardingInfo):
        return {name: _plain(getattr(value, name)) for name in type(value).__slots__}
    return value


# --- features ----------------------------------------------------------------------------


def test_everything_a_sharded_node_announces() -> None:
    assert _plain(Features.from_supported(SCYLLA)) == {
        "rate_limit_error": 0xF000,
        "lwt_mask": 1 << 31,
        "tablets_v1": True,
        "metadata_id": True,
        "sharding": {
            "shard": 2,
            "shards": 12,
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "algorithm": "biased-token-round-robin",
            "ignore_msb": 12,
            "shard_aware_port": 19042,
            "shard_aware_port_tls": 19142,
        },
    }


def test_cassandra_announces_no_extension() -> None:
    features = Features.from_supported(CASSANDRA)
    assert _plain(features) == _plain(Features())
    assert features.startup_options() == {}
    assert features.supported_options() == {}


def test_startup_turns_on_what_is_offered_and_repeats_no_argument() -> None:
    assert Features.from_supported(SCYLLA).startup_options() == {
        "SCYLLA_RATE_LIMIT_ERROR": "",
        "SCYLLA_LWT_ADD_METADATA_MARK": "",
        "TABLETS_ROUTING_V1": "",
        "SCYLLA_USE_METADATA_ID": "",
    }


def test_a_server_announces_what_a_client_reads() -> None:
    announced = Features.from_supported(SCYLLA).supported_options()
    assert announced == {key: SCYLLA[key] for key in SCYLLA if key not in CASSANDRA}


def test_a_node_without_shard_aware_ports() -> None:
    supported = {key: value for key, value in SCYLLA.items() if "PORT" not in key}
    features = Features.from_supported(supported)
    assert features.sharding is not None
    assert features.sharding.shard_aware_port is None
    assert features.sharding.shard_aware_port_tls is None
    assert "SCYLLA_SHARD_AWARE_PORT" not in features.supported_options()


@given(st.sets(st.sampled_from(sorted(SCYLLA))))
def test_any_subset_goes_there_and_back(keys: set[str]) -> None:
    features = Features.from_supported({key: SCYLLA[key] for key in keys})
    again = Features.from_supported(features.supported_options())
    assert _plain(again) == _plain(features)


@pytest.mark.parametrize("key", ["SCYLLA_SHARD", "SCYLLA_NR_SHARDS"])
def test_half_of_a_sharding_is_none(key: str) -> None:
    supported = {name: value for name, value in SCYLLA.items() if name != key}
    assert ShardingInfo.from_supported(supported) is None


def test_both_sides_know_what_startup_turned_on() -> None:
    offered = Features.from_supported(SCYLLA)
    enabled = offered.enabled_by({"CQL_VERSION": "3.0.0", "SCYLLA_RATE_LIMIT_ERROR": ""})
    assert enabled.rate_limit_error == 0xF000
    assert (enabled.lwt_mask, enabled.tablets_v1, enabled.metadata_id) == (None, False, False)
    assert enabled.sharding is offered.sharding
    assert _plain(offered.enabled_by(offered.startup_options())) == _plain(offered)


def test_what_was_not_offered_cannot_be_turned_on() -> None:
    everything = Features.from_supported(SCYLLA).startup_options()
    assert _plain(Features().enabled_by(everything)) == _plain(Features())


# --- bad numbers -------------------------------------------------------------------------


NUMBERS = [key for key in SCYLLA if key.startswith("SCYLLA_SHARD_AWARE") or key == "SCYLLA_SHARD"]
NUMBERS += ["SCYLLA_NR_SHARDS", "SCYLLA_SHARDING_IGNORE_MSB"]


@pytest.mark.parametrize("text", ["", "four", "1.5", "0x10", "1" * 21, "9" * 10_000])
@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_that_is_none(key: str, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"{key}=.*not a number") as caught:
        Features.from_supported({**SCYLLA, key: [text]})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("key", "argument"),
    [
        ("SCYLLA_RATE_LIMIT_ERROR", "ERROR_CODE"),
        ("SCYLLA_LWT_ADD_METADATA_MARK", "LWT_OPTIMIZATION_META_BIT_MASK"),
    ],
)
def test_an_argument_that_is_no_number_or_lacks(key: str, argument: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"{key}=.*not a number"):
        Features.from_supported({key: [f"{argument}=much"]})
    for values in ([], [""], ["OTHER=5"]):
        assert _plain(Features.from_supported({key: values})) == _plain(Features())
    found = Features.from_supported({key: ["OTHER=x", f"{argument}=5"]})
    assert 5 in (found.rate_limit_error, found.lwt_mask)


@pytest.mark.parametrize(("shard", "shards"), [(0, 0), (4, 4), (5, 4), (-1, 4), (0, -1)])
def test_a_shard_that_cannot_be(shard: int, shards: int) -> None:
    supported = {**SCYLLA, "SCYLLA_SHARD": [str(shard)], "SCYLLA_NR_SHARDS": [str(shards)]}
    with pytest.raises(RemoteProtocolError, match=f"SCYLLA_SHARD={shard}, but SCYLLA_NR_SHARDS="):
        ShardingInfo.from_supported(supported)


@pytest.mark.parametrize("bits", [-1, 64, 65, 1000, 10**19])
def test_bits_to_ignore_that_a_token_does_not_have(bits: int) -> None:
    with pytest.raises(RemoteProtocolError, match="SCYLLA_SHARDING_IGNORE_MSB"):
        ShardingInfo.from_supported({**SCYLLA, "SCYLLA_SHARDING_IGNORE_MSB": [str(bits)]})


def test_an_empty_list_of_values_says_nothing() -> None:
    features = Features.from_supported({key: [] for key in SCYLLA})
    assert features.sharding is None
    assert features.tablets_v1  # the key alone announces it


@given(st.dictionaries(st.sampled_from(sorted(SCYLLA)), st.lists(st.text(max_size=30), max_size=3)))
def test_whatever_is_announced_only_protocol_errors_are_raised(
    supported: dict[str, list[str]],
) -> None:
    try:
        features = Features.from_supported(supported)
    except RemoteProtocolError:
        return
    assert set(features.startup_options()) <= set(supported)
    if features.sharding is not None:
        assert 0 <= features.sharding.shard_of(0) < features.sharding.shards


# --- the shard of a token ----------------------------------------------------------------

VECTORS = [
    (-9223372036854775808, 0, "0 0 0 0 0 0 0"),
    (-9223372036854775808, 1, "0 0 0 0 0 0 0"),
    (-9223372036854775808, 12, "0 0 0 0 0 0 0"),
    (-9223372036854775808, 20, "0 0 0 0 0 0 0"),
    (-9223372036854775807, 0, "0 0 0 0 0 0 0"),
    (-9223372036854775807, 1, "0 0 0 0 0 0 0"),
    (-9223372036854775807, 12, "0 0 0 0 0 0 0"),
    (-9223372036854775807, 20, "0 0 0 0 0 0 0"),
    (-9219783007514621794, 0, "0 0 0 0 0 0 0"),
    (-9219783007514621794, 1, "0 0 0 0 0 0 0"),
    (-9219783007514621794, 12, "0 1 2 6 11 76 204"),
    (-9219783007514621794, 20, "0 0 0 0 0 1 3"),
    (-4611686018427387904, 0, "0 0 0 2 3 24 64"),
    (-4611686018427387904, 1, "0 1 1 4 7 48 128"),
    (-4611686018427387904, 12, "0 0 0 0 0 0 0"),
    (-4611686018427387904, 20, "0 0 0 0 0 0 0"),
    (-4611686018427387905, 0, "0 0 0 1 3 23 63"),
    (-4611686018427387905, 1, "0 0 1 3 6 47 127"),
    (-4611686018427387905, 12, "0 1 2 7 13 95 255"),
    (-4611686018427387905, 20, "0 1 2 7 13 95 255"),
    (-1, 0, "0 0 1 3 6 47 127"),
    (-1, 1, "0 1 2 7 13 95 255"),
    (-1, 12, "0 1 2 7 13 95 255"),
    (-1, 20, "0 1 2 7 13 95 255"),
    (0, 0, "0 1 1 4 7 48 128"),
    (0, 1, "0 0 0 0 0 0 0"),
    (0, 12, "0 0 0 0 0 0 0"),
    (0, 20, "0 0 0 0 0 0 0"),
    (1, 0, "0 1 1 4 7 48 128"),
    (1, 1, "0 0 0 0 0 0 0"),
    (1, 12, "0 0 0 0 0 0 0"),
    (1, 20, "0 0 0 0 0 0 0"),
    (4611686018427387903, 0, "0 1 2 5 10 71 191"),
    (4611686018427387903, 1, "0 0 1 3 6 47 127"),
    (4611686018427387903, 12, "0 1 2 7 13 95 255"),
    (4611686018427387903, 20, "0 1 2 7 13 95 255"),
    (1234567890123456789, 0, "0 1 1 4 7 54 145"),
    (1234567890123456789, 1, "0 0 0 1 1 12 34"),
    (1234567890123456789, 12, "0 0 0 1 1 12 33"),
    (1234567890123456789, 20, "0 0 0 0 0 5 15"),
    (-7468325962851647638, 0, "0 0 0 0 1 9 24"),
    (-7468325962851647638, 1, "0 0 0 1 2 18 48"),
    (-7468325962851647638, 12, "0 1 2 5 9 67 178"),
    (-7468325962851647638, 20, "0 1 2 6 11 78 209"),
    (9223372036854775806, 0, "0 1 2 7 13 95 255"),
    (9223372036854775806, 1, "0 1 2 7 13 95 255"),
    (9223372036854775806, 12, "0 1 2 7 13 95 255"),
    (9223372036854775806, 20, "0 1 2 7 13 95 255"),
    (9223372036854775807, 0, "0 1 2 7 13 95 255"),
    (9223372036854775807, 1, "0 1 2 7 13 95 255"),
    (9223372036854775807, 12, "0 1 2 7 13 95 255"),
    (9223372036854775807, 20, "0 1 2 7 13 95 255"),
]
"""(token, ignored bits, shard by number of shards as in `SHARDS`).

They come from the formula of ScyllaDB's docs/dev/protocol-extensions.md, compiled from C: the
token is biased by 2**63, shifted left by the ignored bits within 64 bits, multiplied by the
number of shards in 128 bits, and the upper half of it is the shard.
"""


def _sharding(shards: int, ignore_msb: int) -> ShardingInfo:
    return ShardingInfo(0, shards, "Murmur3Partitioner", "biased-token-round-robin", ignore_msb)


@pytest.mark.parametrize(("token", "ignore_msb", "wanted"), VECTORS)
def test_shards_of_tokens(token: int, ignore_msb: int, wanted: str) -> None:
    found = [_sharding(shards, ignore_msb).shard_of(token) for shards in SHARDS]
    assert found == [int(shard) for shard in wanted.split()]


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 1000), st.integers(0, 63))
def test_a_shard_is_always_one_of_them(token: int, shards: int, ignore_msb: int) -> None:
    assert 0 <= _sharding(shards, ignore_msb).shard_of(token) < shards


@given(st.integers(1, 300), st.integers(-(2**63), 2**63 - 2))
def test_without_ignored_bits_shards_are_consecutive_ranges(shards: int, token: int) -> None:
    sharding = _sharding(shards, 0)
    assert sharding.shard_of(token + 1) - sharding.shard_of(token) in (0, 1)


def test_how_it_shows_itself() -> None:
    assert repr(Features.from_supported(SCYLLA).sharding) == "<ShardingInfo shard 2 of 12>"


# --- dialects ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "int_flags", "metadata_id"), [(3, False, False), (4, False, False), (5, True, True)]
)
def test_what_follows_from_the_version(version: int, int_flags: bool, metadata_id: bool) -> None:
    dialect = Dialect(version)
    assert (dialect.version, dialect.int_flags, dialect.metadata_id) == (
        version,
        int_flags,
        metadata_id,
    )
    assert _plain(dialect.features) == _plain(Features())


def test_scylla_has_metadata_ids_in_version_4() -> None:
    features = Features(metadata_id=True)
    assert Dialect(4, features).metadata_id is True
    assert Dialect(4, features).int_flags is False
    assert Dialect(4, features).features is features


@pytest.mark.parametrize("version", [0, 1, 2, 6, 0x41, 0x85, -1, None, "4"])
def test_versions_that_are_not_spoken(version: Any) -> None:
    with pytest.raises(LocalProtocolError, match="there are 3, 4, 5"):
        Dialect(version)
