"""Certificates and TLS handshakes in memory, for tests."""

from __future__ import annotations

import ssl
from pathlib import Path

from tests.cassandra.tools import find_openssl, run_tool


class Identity:
    """A certificate that signed itself, and its key, in one PEM file each."""

    __slots__ = ("cert", "key")

    def __init__(self, cert: Path, key: Path) -> None:
        self.cert = cert
        self.key = key

    def server_context(self) -> ssl.SSLContext:
        """A context for a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


def make_identity(folder: Path, name: str, *more: str) -> Identity:
    """Make a certificate for node.test and 127.0.0.1; `more` goes to openssl."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    command: list[str | Path] = [find_openssl(), "req", "-x509", "-newkey", "ec", "-days", "30"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=DNS:node.test,IP:127.0.0.1"]
    run_tool([*command, "-keyout", key, "-out", cert, *(more or ("-nodes",))])
    return Identity(cert, key)


class Ends:
    """Both ends of one TLS connection in memory."""

    __slots__ = ("_from_client", "_from_server", "client", "server")

    def __init__(
        self,
        client: ssl.SSLContext,
        server: ssl.SSLContext,
        hostname: str | None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._from_client, self._from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(
            self._from_server, self._from_client, server_hostname=hostname, session=session
        )
        self.server = server.wrap_bio(self._from_client, self._from_server, server_side=True)

    def shake_hands(self) -> Ends:
        """Run the handshake, then carry a byte, which brings the client its session."""
        waiting = [self.client, self.server]
        while waiting:
            for end in list(waiting):
                try:
                    end.do_handshake()
                    waiting.remove(end)
                except ssl.SSLWantReadError:
                    pass
        self.server.write(b"!")
        assert self.client.read(1) == b"!"
        return self
