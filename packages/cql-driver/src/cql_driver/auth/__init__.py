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
from cql_driver.auth.registry import AUTHENTICATORS, auth_provider
from cql_driver.auth.sasl import SaslAuthenticator, SaslAuthProvider

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
