"""Certificates of a cluster: an authority of its own, a server's and a client's certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

from tests.cassandra.tools import find_keytool, find_openssl, run_tool

_DAYS = "30"
_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class TlsFiles:
    """Paths of a cluster's certificates (PEM) and of the stores that its servers read (PKCS12)."""

    __slots__ = ("folder",)

    store_password = "cassandra"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def ca_cert(self) -> Path:
        """The authority's certificate, for clients to verify servers with."""
        return self.folder / "ca.pem"

    @property
    def ca_key(self) -> Path:
        """The authority's key, for tests that sign more certificates."""
        return self.folder / "ca.key"

    @property
    def client_cert(self) -> Path:
        """A client's certificate, signed by the authority."""
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        """The key of the client's certificate, without a password."""
        return self.folder / "client.key"

    @property
    def keystore(self) -> Path:
        """The servers' key and certificate."""
        return self.folder / "server.p12"

    @property
    def truststore(self) -> Path:
        """The authority, as the servers verify clients with it."""
        return self.folder / "truststore.p12"

    def client_context(self, *, with_certificate: bool = True) -> ssl.SSLContext:
        """A context that verifies the servers and their addresses, and shows our certificate."""
        context = ssl.create_default_context(cafile=str(self.ca_cert))
        if with_certificate:
            context.load_cert_chain(str(self.client_cert), str(self.client_key))
        return context


def make_tls_files(folder: Path, addresses: list[str]) -> TlsFiles:
    """Make an authority, one server certificate for all ``addresses``, and a client certificate.

    :raises ServerUnavailable: ``openssl`` or ``keytool`` is missing or failed.
    """
    folder.mkdir(parents=True, mode=0o700)
    files = TlsFiles(folder)
    _make_authority(files)
    names = ",".join(["DNS:localhost", *(f"IP:{address}" for address in addresses)])
    _sign(files, "server", f"subjectAltName=critical,{names}\nextendedKeyUsage=serverAuth\n")
    _sign(files, "client", "extendedKeyUsage=clientAuth\n")
    secret = f"pass:{files.store_password}"
    openssl: list[str | Path] = [find_openssl(), "pkcs12", "-export", "-name", "server"]
    openssl += ["-in", folder / "server.pem", "-inkey", folder / "server.key"]
    run_tool([*openssl, "-out", files.keystore, "-passout", secret])
    # Only keytool marks a certificate as trusted in the way that Java asks for.
    keytool: list[str | Path] = [find_keytool(), "-importcert", "-noprompt", "-alias", "ca"]
    keytool += ["-file", files.ca_cert, "-keystore", files.truststore, "-storetype", "PKCS12"]
    run_tool([*keytool, "-storepass", files.store_password])
    return files


def _make_authority(files: TlsFiles) -> None:
    # Named extensions, as RFC 5280 asks of an authority, and ssl.VERIFY_X509_STRICT with it.
    config = files.folder / "ca.cnf"
    config.write_text(
        "[req]\ndistinguished_name=name\nprompt=no\nx509_extensions=ca\n"
        "[name]\nCN=cql tests authority\n"
        "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\n"
    )
    command: list[str | Path] = [find_openssl(), "req", "-x509", "-config", config, *_NEW_KEY]
    run_tool([*command, "-days", _DAYS, "-keyout", files.ca_key, "-out", files.ca_cert])


def _sign(files: TlsFiles, name: str, extensions: str) -> None:
    openssl, folder = find_openssl(), files.folder
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    request, config = folder / f"{name}.csr", folder / f"{name}.cnf"
    config.write_text(
        f"[req]\ndistinguished_name=name\nprompt=no\n[name]\nCN=cql tests {name}\n[leaf]\n"
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        f"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{extensions}"
    )
    run_tool([openssl, "req", "-config", config, *_NEW_KEY, "-keyout", key, "-out", request])
    command: list[str | Path] = [openssl, "x509", "-req", "-in", request, "-days", _DAYS]
    command += ["-CA", files.ca_cert, "-CAkey", files.ca_key, "-CAcreateserial"]
    run_tool([*command, "-extfile", config, "-extensions", "leaf", "-out", certificate])
