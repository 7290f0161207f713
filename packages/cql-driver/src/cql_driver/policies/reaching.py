"""Reaching nodes: when one counts as down or sick, when to try again, and at which address."""

from __future__ import annotations

from itertools import repeat

from cql_driver.errors import InvalidArgument
from cql_driver.policies.base import check_count, check_seconds, jittered
from cql_protocol.errors import OperationTimedOut

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.pools.host import Host

__all__ = [
    "AddressTranslator",
    "ConstantReconnectionPolicy",
    "ConvictionPolicy",
    "EC2MultiRegionTranslator",
    "ExponentialReconnectionPolicy",
    "IdentityTranslator",
    "NeverSickNodePolicy",
    "ReconnectionPolicy",
    "SickNodePolicy",
    "SimpleConvictionPolicy",
]


class ConvictionPolicy:
    """Judges the failures of one host's connections; each `Host` gets one of its own.

    Give the class, or any function of a host, to ``Cluster(conviction_policy_factory=...)``.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    def add_failure(self, connection_exc: BaseException) -> bool:
        """Return whether the host counts as down now, after this failure."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget the failures: the host is up."""
        raise NotImplementedError


class SimpleConvictionPolicy(ConvictionPolicy):
    """Any failure counts, but a timeout: a slow node is not down."""

    def add_failure(self, connection_exc: BaseException) -> bool:
        """Return True unless it is an `OperationTimedOut`."""
        return not isinstance(connection_exc, OperationTimedOut)

    def reset(self) -> None:
        """Do nothing, since nothing was kept."""


class ReconnectionPolicy:
    """Says when to try again to reach a node that is down; subclass it for other schedules."""

    def new_schedule(self) -> Iterator[float]:
        """Return the delays before each attempt, in seconds; where they end, attempts end."""
        raise NotImplementedError


class ConstantReconnectionPolicy(ReconnectionPolicy):
    """Waits `delay` seconds before every attempt.

    `max_attempts` ends it; with None, the default, it goes on until the node answers, which
    is what you want unless something else tells the driver of the node. Raises
    `InvalidArgument` or `InvalidArgumentType` for arguments that cannot be used.
    """

    def __init__(self, delay: float, max_attempts: int | None = None) -> None:
        self.delay = check_seconds("delay", delay)
        self.max_attempts = _check_attempts(max_attempts)

    def new_schedule(self) -> Iterator[float]:
        """Return the delay again and again."""
        if self.max_attempts is None:
            return repeat(self.delay)
        return repeat(self.delay, self.max_attempts)


class ExponentialReconnectionPolicy(ReconnectionPolicy):
    """Waits `base_delay` seconds, then each time twice as long, `max_delay` at most.

    Each delay is varied by up to 15 %, so that many clients do not all come back at once,
    but stays within the two. See `ConstantReconnectionPolicy` for `max_attempts`. Raises
    `InvalidArgument` or `InvalidArgumentType` for arguments that cannot be used.

    Example::

        policy = ExponentialReconnectionPolicy(base_delay=1, max_delay=60)
    """

    def __init__(
        self, base_delay: float, max_delay: float, max_attempts: int | None = None
    ) -> None:
        self.base_delay = check_seconds("base_delay", base_delay)
        self.max_delay = check_seconds("max_delay", max_delay)
        if max_delay < base_delay:
            raise InvalidArgument(
                f"max_delay is {max_delay}: give base_delay, {base_delay}, or more"
            )
        self.max_attempts = _check_attempts(max_attempts)

    def new_schedule(self) -> Iterator[float]:
        """Return the growing delays."""
        delay = self.base_delay
        attempts = repeat(None) if self.max_attempts is None else repeat(None, self.max_attempts)
        for _ in attempts:
            yield jittered(delay, self.base_delay, self.max_delay)
            # Doubling what is capped never overflows, unlike a power of the attempt's number.
            delay = min(delay * 2, self.max_delay)


class SickNodePolicy:
    """Says when a node that is connected counts as sick, so that others are asked first.

    - `silence`, `patience`: after so many seconds in which a node that owes answers sent
      nothing at all, it is asked whether it lives; after so many more it is sick, until
      anything comes from it. What it was asked is asked of other nodes too, where it reads or
      is idempotent.
    - `failures`: it is sick when so many requests in a row ran out of time, or so many of
      late took `slowness` times as long as is usual at the other nodes, and `silence` seconds
      at least. It is tried again after `base_delay` seconds, then after ever longer delays up
      to `max_delay`, each time with a few requests.
    - `max_share`: of the nodes of the local data centre, or of the others, not more than
      this part is held to be sick, and never all of them

    Sick nodes are asked where no other is left, stay connected, and have `Host.is_sick`.
    Raises `InvalidArgument` or `InvalidArgumentType` for arguments that cannot be used.

    Example::

        cluster = Cluster(sick_node_policy=SickNodePolicy(silence=2.0, max_delay=600))
    """

    def __init__(
        self,
        silence: float = 0.5,
        patience: float = 0.5,
        failures: int = 5,
        slowness: float = 10.0,
        max_share: float = 2 / 3,
        base_delay: float = 1.0,
        max_delay: float = 60.0,
    ) -> None:
        self.silence = check_seconds("silence", silence)
        self.patience = check_seconds("patience", patience)
        self.failures = check_count("failures", failures, 1)
        self.slowness = check_seconds("slowness", slowness)
        self.max_share = check_seconds("max_share", max_share)
        self._delays = ExponentialReconnectionPolicy(base_delay, max_delay)
        if slowness <= 1 or max_share > 1 or not base_delay:
            raise InvalidArgument(
                "give a slowness above 1, a max_share from 0 to 1, and a base_delay above 0"
            )

    def new_trials(self) -> Iterator[float]:
        """Return the delays before each trial, in seconds."""
        return self._delays.new_schedule()


class NeverSickNodePolicy(SickNodePolicy):
    """Holds no node to be sick: each is asked in its turn, as long as it is connected."""

    def __init__(self) -> None:
        super().__init__(max_share=0)


def _check_attempts(max_attempts: int | None) -> int | None:
    return None if max_attempts is None else check_count("max_attempts", max_attempts)


class AddressTranslator:
    """Translates the address that a node announces, where clients need another one.

    Example::

        class Tunnel(AddressTranslator):
            def translate(self, addr):
                return {"10.0.0.1": "192.168.7.1"}.get(addr, addr)
    """

    def translate(self, addr: str) -> str:
        """Return the address to connect to."""
        raise NotImplementedError


class IdentityTranslator(AddressTranslator):
    """Uses addresses as they are; the default."""

    def translate(self, addr: str) -> str:
        """Return `addr`."""
        return addr


class EC2MultiRegionTranslator(AddressTranslator):
    """For clusters over several AWS regions: private addresses within the client's own.

    Nodes then announce public addresses. The name of such an address, looked up within its
    region, leads to the private one, which is cheaper and faster.
    """

    def translate(self, addr: str) -> str:
        """Return the address that the name of `addr` has here, or `addr` if there is none.

        Asks the DNS twice, which blocks the calling thread, for as long as the system's
        resolver is configured to wait.
        """
        import socket  # here, since most programs never translate

        try:
            name = socket.gethostbyaddr(addr)[0]
            family = socket.AF_INET6 if ":" in addr else socket.AF_INET
            found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return addr
        return str(found[0][4][0]) if found else addr
