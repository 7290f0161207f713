"""An authority, what it signs, and the TLS servers that show it; made with ``openssl``."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

from tests.cassandra.tools import find_openssl, run_tool
from tests.runtimes.peers import PATIENCE, listen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]


class Authority:
    """Files of an authority in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.certificate = folder / "ca.pem"
        config = folder / "ca.cnf"
        config.write_text(
            "[req]\ndistinguished_name=name\nprompt=no\nx509_extensions=ca\n"
            "[name]\nCN=authority of the tests\n"
            "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
            "subjectKeyIdentifier=hash\n"
        )
        command: list[str | Path] = [find_openssl(), "req", "-x509", *_KEY, "-config", config]
        run_tool([*command, "-keyout", folder / "ca.key", "-out", self.certificate])

    def sign(self, name: str, names: str = "DNS:localhost") -> tuple[str, str]:
        """Return the paths of a certificate for these names and of its key."""
        folder = self.folder
        key, certificate, request = (folder / f"{name}.{kind}" for kind in ("key", "pem", "csr"))
        config = folder / f"{name}.cnf"
        config.write_text(
            f"[req]\ndistinguished_name=name\nprompt=no\n[name]\nCN={name}\n"
            "[leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            f"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName={names}\n"
        )
        openssl = find_openssl()
        run_tool([openssl, "req", "-config", config, *_KEY, "-keyout", key, "-out", request])
        sign: list[str | Path] = [openssl, "x509", "-req", "-in", request, "-CA", self.certificate]
        sign += ["-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "30"]
        run_tool([*sign, "-extfile", config, "-extensions", "leaf", "-out", certificate])
        return str(certificate), str(key)

    def server_context(self, names: str, *, verify: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.sign("server-" + names.replace(":", "-"), names))
        if verify:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificate)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


class TlsServer:
    """Serves connections one after another, each by `serve`. A context manager."""

    def __init__(self, context: ssl.SSLContext, serve: Callable[[ssl.SSLSocket], object]) -> None:
        self._context = context
        self._serve = serve
        self.listener = listen()
        self.address = self.listener.getsockname()
        self.failures: list[BaseException] = []
        self.resumed: list[bool] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> TlsServer:
        self._thread.start()
        return self

    def _run(self) -> None:
        self.listener.settimeout(None)
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE)
            try:
                # Not wrapped at once: a failed handshake would leave the socket to itself.
                with self._context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                ) as encrypted:
                    encrypted.do_handshake()
                    self.resumed.append(bool(encrypted.session_reused))
                    self._serve(encrypted)
            except OSError as exc:
                self.failures.append(exc)

    def __exit__(self, *exc: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self.listener.close()


def echo(sock: ssl.SSLSocket) -> None:
    while data := sock.recv(65536):
        sock.sendall(data)
