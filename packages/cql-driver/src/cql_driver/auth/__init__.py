"""How the driver proves to a server who it is.

Give ``Cluster(auth_provider=...)`` a provider: it is asked for an authenticator for each new
connection, so one of your own can hand out credentials that change.

Example::

    >>> from cql_driver.auth import PlainTextAuthProvider
    >>> PlainTextAuthProvider("reader", "secret")
    PlainTextAuthProvider(username='reader', password=***)
"""

from __future__ import annotations

from cql_driver.auth.plain import (
    Authenticator,
    AuthProvider,
    BaseDSEAuthenticator,
    DSEPlainTextAuthProvider,
    PlainTextAuthenticator,
    PlainTextAuthProvider,
    TransitionalModePlainTextAuthenticator,
    TransitionalModePlainTextAuthProvider,
)
from cql_driver.auth.sasl import SaslAuthenticator, SaslAuthProvider
from cql_driver.errors import InvalidArgumentType
from cql_protocol.errors import DriverException, PluginError
from cql_protocol.registry import Registry

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "AuthProvider",
    "Authenticator",
    "PlainTextAuthProvider",
    "PlainTextAuthenticator",
    "SaslAuthProvider",
    "SaslAuthenticator",
    "BaseDSEAuthenticator",
    "DSEPlainTextAuthProvider",
    "TransitionalModePlainTextAuthProvider",
    "TransitionalModePlainTextAuthenticator",
    "AUTHENTICATORS",
    "auth_provider",
    "PROXY_EXECUTE_KEY",
]

PROXY_EXECUTE_KEY = "ProxyExecute"
"""The key of a request's custom payload that names the role to run it as (``execute_as``)."""

AUTHENTICATORS = Registry(
    "cql_driver.authenticators",
    "authenticator",
    {
        "plain": "cql_driver.auth:PlainTextAuthProvider",
        "sasl": "cql_driver.auth:SaslAuthProvider",
        "transitional": "cql_driver.auth:TransitionalModePlainTextAuthProvider",
    },
)
"""Providers (callables that return an `AuthProvider`) by the name that settings give them."""


def auth_provider(name: str, **options: Any) -> AuthProvider:
    """Return the provider that is called `name`, made with `options`.

    For programs whose settings name the way to log in. Raises `PluginError` when nobody
    offers the name, and what the provider itself raises.

    Example::

        >>> auth_provider("plain", username="reader", password="secret")
        PlainTextAuthProvider(username='reader', password=***)
    """
    if not isinstance(name, str):
        raise InvalidArgumentType(f"name must be a str, not {type(name).__name__}")
    factory = AUTHENTICATORS.load(name)
    try:
        provider: AuthProvider = factory(**options)
    except DriverException:
        raise
    except TypeError as exc:  # the options do not fit its parameters
        raise InvalidArgumentType(f"authenticator {name!r}: {exc}") from exc
    if not callable(getattr(provider, "new_authenticator", None)):
        raise PluginError(f"authenticator {name!r} ({factory!r}) makes no AuthProvider")
    return provider
