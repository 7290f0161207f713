"""Mechanisms of SASL by way of pure-sasl, an optional library."""

from __future__ import annotations

from cql_driver.auth.plain import Authenticator, AuthProvider
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.errors import AuthenticationFailed, DependencyException, DriverException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

__all__ = ["SaslAuthProvider", "SaslAuthenticator"]


class SaslAuthenticator(Authenticator):
    """Speaks one mechanism of SASL on one connection; see `SaslAuthProvider`."""

    def __init__(
        self, host: str, service: str, mechanism: str = "GSSAPI", **sasl_kwargs: Any
    ) -> None:
        client = _puresasl()
        _check_mechanism(client, mechanism)
        self._mechanism = mechanism
        try:
            self.sasl = client.SASLClient(host, service, mechanism, **sasl_kwargs)
        except Exception as exc:
            raise self._failed(exc) from exc

    def initial_response(self) -> bytes | None:
        """Return what the mechanism begins with, or None where the server begins."""
        return self._process()

    def evaluate_challenge(self, challenge: bytes | None) -> bytes | None:
        """Return the mechanism's answer; raises `AuthenticationFailed` when it has none."""
        return self._process(challenge)

    def on_authentication_success(self, token: bytes | None) -> None:
        """Hold the server's last word against what a server must know that we may trust."""
        if token and not self.sasl.complete:
            self._process(token)

    def _process(self, challenge: bytes | None = None) -> bytes | None:
        try:
            answer: bytes | None = self.sasl.process(challenge)
        except Exception as exc:
            raise self._failed(exc) from exc
        return answer

    def _failed(self, exc: Exception) -> DriverException:
        # kerberos raises errors of its own; none of them tells a password.
        return AuthenticationFailed(f"SASL {self._mechanism}: {type(exc).__name__}: {exc}")


class SaslAuthProvider(AuthProvider):
    """Logs in by a mechanism of SASL, such as Kerberos (GSSAPI).

    Takes what ``puresasl.client.SASLClient`` takes, but for `host`, which is that of each
    connection. Needs ``pip install 'cql-driver[sasl]'``, else raises `DependencyException`;
    GSSAPI also needs the library ``kerberos``. Raises `InvalidArgument` for parameters that
    no connection could use.

    Example::

        provider = SaslAuthProvider(service="dse", mechanism="GSSAPI", qops=["auth"])
    """

    def __init__(self, **sasl_kwargs: Any) -> None:
        if "host" in sasl_kwargs:
            raise InvalidArgument("host cannot be given: it is the address of each connection")
        if not isinstance(sasl_kwargs.get("service"), str):
            raise InvalidArgumentType('service must be a str: the server\'s, such as "cassandra"')
        _check_mechanism(_puresasl(), sasl_kwargs.get("mechanism", "GSSAPI"))
        self.sasl_kwargs = sasl_kwargs

    def new_authenticator(self, host: str) -> SaslAuthenticator:
        """Return an authenticator for a connection to `host`."""
        return SaslAuthenticator(host, **self.sasl_kwargs)

    def __repr__(self) -> str:
        mechanism = self.sasl_kwargs.get("mechanism", "GSSAPI")
        service = self.sasl_kwargs["service"]
        return f"{type(self).__name__}(service={service!r}, mechanism={mechanism!r}, ...)"


def _puresasl() -> ModuleType:
    try:
        from puresasl import client
    except ImportError as exc:
        raise DependencyException(
            "SASL needs pure-sasl: pip install 'cql-driver[sasl]'", [exc]
        ) from exc
    module: ModuleType = client
    return module


def _check_mechanism(client: ModuleType, mechanism: Any) -> None:
    known = client.mech_mod.mechanisms
    if mechanism == "GSSAPI" and "GSSAPI" not in known:
        raise DependencyException("the SASL mechanism GSSAPI needs kerberos: pip install kerberos")
    if not isinstance(mechanism, str) or mechanism not in known:
        raise InvalidArgument(
            f"mechanism {mechanism!r} is none that pure-sasl has: {', '.join(sorted(known))}"
        )
