"""From the addresses that nodes tell to those that this client reaches them by."""

from __future__ import annotations

__all__ = ["AddressTranslator", "EC2MultiRegionTranslator", "IdentityTranslator"]


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
