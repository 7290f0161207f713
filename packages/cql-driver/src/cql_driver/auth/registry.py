"""Authentication by name: what this package has, and what other distributions offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cql_driver.errors import InvalidArgumentType
from cql_protocol.errors import DriverException, PluginError
from cql_protocol.registry import Registry

if TYPE_CHECKING:
    from cql_driver.auth.plain import AuthProvider

__all__ = ["AUTHENTICATORS", "auth_provider"]

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
        provider = factory(**options)
    except DriverException:
        raise
    except TypeError as exc:  # the options do not fit its parameters
        raise InvalidArgumentType(f"authenticator {name!r}: {exc}") from exc
    if not callable(getattr(provider, "new_authenticator", None)):
        raise PluginError(f"authenticator {name!r} ({factory!r}) makes no AuthProvider")
    return cast("AuthProvider", provider)
