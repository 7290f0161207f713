"""Looking up names without stopping the loop."""

from __future__ import annotations

import socket

from cql_driver.core.pending import Pending
from cql_driver.core.runtime import Address

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.core.runtime import Runtime

__all__ = ["is_literal", "literal_addresses", "resolve"]


def is_literal(host: str) -> bool:
    """Say whether `host` is an IP address."""
    return literal_addresses(host, 0) is not None


def literal_addresses(host: str, port: int) -> list[Address] | None:
    """Return the address that `host` spells out, or None for a name."""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        pass
    else:
        return [(host, port)]
    if ":" not in host:
        return None
    try:
        # With a scope (fe80::1%eth0) too. As bytes, which need no codec of host names.
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except OSError:
        return None


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    try:
        name = host.encode("ascii") if host.isascii() else host
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)
    except ValueError as exc:  # a label of no or of too many characters, a NUL
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is no host name: {exc}") from exc
    addresses: dict[Address, None] = dict.fromkeys(entry[4] for entry in found)
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} has no address")
    return list(addresses)


def resolve(runtime: Runtime, host: str, port: int) -> Pending[list[Address]]:
    """Look up a name in a thread of its own, which ends with the answer; an IP at once."""
    pending: Pending[list[Address]] = Pending()
    literal = literal_addresses(host, port)
    if literal is not None:
        pending.set_result(literal)
        return pending

    def look_up() -> None:
        try:
            addresses = _look_up(host, port)
        except OSError as exc:
            why = socket.gaierror(exc.errno or socket.EAI_FAIL, f"{exc.strerror}: {host!r}")
            runtime.call_soon_threadsafe(pending.set_error, why)
        else:
            runtime.call_soon_threadsafe(pending.set_result, addresses)

    # A daemon, as a resolver may take half a minute, which a program's end need not wait for.
    from threading import Thread

    Thread(target=look_up, name="cql-driver-lookup", daemon=True).start()
    return pending
