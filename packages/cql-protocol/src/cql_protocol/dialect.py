"""What one connection speaks: a protocol version and the extensions both sides agreed on.

ScyllaDB announces extensions in SUPPORTED; a client turns those it knows on by repeating
their keys in STARTUP (docs/dev/protocol-extensions.md of scylladb/scylladb).
"""

from __future__ import annotations

from cql_protocol.errors import LocalProtocolError, RemoteProtocolError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Supported = Mapping[str, Sequence[str]]

__all__ = ["KINDS", "Dialect", "Features", "ShardingInfo"]

KINDS = 6
"""How many kinds of requests there are: see `Dialect.kind`."""

RATE_LIMIT_ERROR = "SCYLLA_RATE_LIMIT_ERROR"
LWT_ADD_METADATA_MARK = "SCYLLA_LWT_ADD_METADATA_MARK"
TABLETS_ROUTING_V1 = "TABLETS_ROUTING_V1"
USE_METADATA_ID = "SCYLLA_USE_METADATA_ID"

_ERROR_CODE = "ERROR_CODE"
_LWT_MASK = "LWT_OPTIMIZATION_META_BIT_MASK"
_TOKEN_BIAS = 1 << 63
_TOKEN_MASK = (1 << 64) - 1


class ShardingInfo:
    """How a ScyllaDB node spreads partitions over its shards, and the shard reached.

    `shard` is the shard this connection ended at, `shard_aware_port` and
    `shard_aware_port_tls` the ports on which the client's own port chooses the shard
    (None where there is none).
    """

    __slots__ = (
        "algorithm",
        "ignore_msb",
        "partitioner",
        "shard",
        "shard_aware_port",
        "shard_aware_port_tls",
        "shards",
    )

    def __init__(
        self,
        shard: int,
        shards: int,
        partitioner: str,
        algorithm: str,
        ignore_msb: int,
        shard_aware_port: int | None = None,
        shard_aware_port_tls: int | None = None,
    ) -> None:
        self.shard = shard
        self.shards = shards
        self.partitioner = partitioner
        self.algorithm = algorithm
        self.ignore_msb = ignore_msb
        self.shard_aware_port = shard_aware_port
        self.shard_aware_port_tls = shard_aware_port_tls

    @classmethod
    def from_supported(cls, supported: Supported) -> ShardingInfo | None:
        """Read the sharding keys of SUPPORTED; None when the node is not sharded.

        A number that is not one, or no shards at all, is a `RemoteProtocolError`.
        """
        shard = _number(supported, "SCYLLA_SHARD")
        shards = _number(supported, "SCYLLA_NR_SHARDS")
        if shard is None or shards is None:
            return None
        if not 0 <= shard < shards:
            raise RemoteProtocolError(f"SCYLLA_SHARD={shard}, but SCYLLA_NR_SHARDS={shards}")
        ignore_msb = _number(supported, "SCYLLA_SHARDING_IGNORE_MSB") or 0
        if not 0 <= ignore_msb < 64:
            raise RemoteProtocolError(
                f"SCYLLA_SHARDING_IGNORE_MSB={ignore_msb}, but a token has 64 bits"
            )
        return cls(
            shard,
            shards,
            _first(supported, "SCYLLA_PARTITIONER") or "",
            _first(supported, "SCYLLA_SHARDING_ALGORITHM") or "",
            ignore_msb,
            _number(supported, "SCYLLA_SHARD_AWARE_PORT"),
            _number(supported, "SCYLLA_SHARD_AWARE_PORT_SSL"),
        )

    def shard_of(self, token: int) -> int:
        """Return the shard that owns `token`, by the biased-token-round-robin algorithm.

        >>> info = ShardingInfo(0, 4, "Murmur3Partitioner", "biased-token-round-robin", 12)
        >>> info.shard_of(-9219783007514621794)
        3
        """
        biased = ((token + _TOKEN_BIAS) << self.ignore_msb) & _TOKEN_MASK
        return biased * self.shards >> 64

    def __repr__(self) -> str:
        return f"<ShardingInfo shard {self.shard} of {self.shards}>"


class Features:
    """Extensions of the protocol: those a server offers, or those that are turned on.

    `rate_limit_error` is the error code of exceeded rate limits, `lwt_mask` the bit of a
    prepared statement's flags that marks a conditional statement; both are None when the
    extension is absent.
    """

    __slots__ = ("lwt_mask", "metadata_id", "rate_limit_error", "sharding", "tablets_v1")

    def __init__(
        self,
        rate_limit_error: int | None = None,
        lwt_mask: int | None = None,
        tablets_v1: bool = False,
        metadata_id: bool = False,
        sharding: ShardingInfo | None = None,
    ) -> None:
        self.rate_limit_error = rate_limit_error
        self.lwt_mask = lwt_mask
        self.tablets_v1 = tablets_v1
        self.metadata_id = metadata_id
        self.sharding = sharding

    @classmethod
    def from_supported(cls, supported: Supported) -> Features:
        """Read what a server offers from the options of its SUPPORTED message."""
        return cls(
            rate_limit_error=_argument(supported, RATE_LIMIT_ERROR, _ERROR_CODE),
            lwt_mask=_argument(supported, LWT_ADD_METADATA_MARK, _LWT_MASK),
            tablets_v1=TABLETS_ROUTING_V1 in supported,
            metadata_id=USE_METADATA_ID in supported,
            sharding=ShardingInfo.from_supported(supported),
        )

    def startup_options(self) -> dict[str, str]:
        """Return the STARTUP options that turn every one of these extensions on."""
        options = {}
        if self.rate_limit_error is not None:
            options[RATE_LIMIT_ERROR] = ""
        if self.lwt_mask is not None:
            options[LWT_ADD_METADATA_MARK] = ""
        if self.tablets_v1:
            options[TABLETS_ROUTING_V1] = ""
        if self.metadata_id:
            options[USE_METADATA_ID] = ""
        return options

    def supported_options(self) -> dict[str, list[str]]:
        """Return these extensions as a server announces them in SUPPORTED."""
        options = {key: [value] for key, value in self.startup_options().items()}
        if self.rate_limit_error is not None:
            options[RATE_LIMIT_ERROR] = [f"{_ERROR_CODE}={self.rate_limit_error}"]
        if self.lwt_mask is not None:
            options[LWT_ADD_METADATA_MARK] = [f"{_LWT_MASK}={self.lwt_mask}"]
        sharding = self.sharding
        if sharding is not None:
            numbers = {
                "SCYLLA_SHARD": sharding.shard,
                "SCYLLA_NR_SHARDS": sharding.shards,
                "SCYLLA_SHARDING_IGNORE_MSB": sharding.ignore_msb,
                "SCYLLA_SHARD_AWARE_PORT": sharding.shard_aware_port,
                "SCYLLA_SHARD_AWARE_PORT_SSL": sharding.shard_aware_port_tls,
            }
            options.update((k, [str(v)]) for k, v in numbers.items() if v is not None)
            options["SCYLLA_PARTITIONER"] = [sharding.partitioner]
            options["SCYLLA_SHARDING_ALGORITHM"] = [sharding.algorithm]
        return options

    def enabled_by(self, startup: Mapping[str, str]) -> Features:
        """Return those of these extensions that the STARTUP options turn on."""
        return Features(
            self.rate_limit_error if RATE_LIMIT_ERROR in startup else None,
            self.lwt_mask if LWT_ADD_METADATA_MARK in startup else None,
            self.tablets_v1 and TABLETS_ROUTING_V1 in startup,
            self.metadata_id and USE_METADATA_ID in startup,
            self.sharding,
        )


class Dialect:
    """The protocol version of a connection and the extensions in force on it.

    The flags derived from the version say what the messages look like; they are computed
    once, since every message asks for them.
    """

    __slots__ = ("features", "int_flags", "kind", "metadata_id", "version")

    def __init__(self, version: int, features: Features | None = None) -> None:
        if version not in (3, 4, 5):
            raise LocalProtocolError(f"protocol version {version!r} is unknown; there are 3, 4, 5")
        self.version = version
        self.features = features if features is not None else Features()
        self.int_flags = version >= 5
        self.metadata_id = version >= 5 or self.features.metadata_id
        self.kind = version - 3 + (3 if self.metadata_id else 0)
        """A number below `KINDS`; where it is the same, requests have the same bytes."""


def _first(supported: Supported, key: str) -> str | None:
    values = supported.get(key)
    return values[0] if values else None


def _number(supported: Supported, key: str) -> int | None:
    text = _first(supported, key)
    return None if text is None else _parse(key, text)


def _argument(supported: Supported, key: str, name: str) -> int | None:
    """Return the number in ``NAME=VALUE`` among the values of `key`, or None."""
    prefix = name + "="
    for text in supported.get(key, ()):
        if text.startswith(prefix):
            return _parse(key, text[len(prefix) :])
    return None


def _parse(key: str, text: str) -> int:
    if len(text) <= 20:
        try:
            return int(text)
        except ValueError:
            pass
    raise RemoteProtocolError(f"SUPPORTED has {key}={text[:40]!r}, which is not a number")
