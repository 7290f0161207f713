"""Where the command line gets its connection and its models from.

What is said by an option comes first, then the environment, then the settings module, then what
the application has set up by itself when its modules were imported.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cqlengine.migrations.discovery import discover, import_named
from cqlengine.migrations.errors import MigrationError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping
    from typing import Any

    from cqlengine.connection.connections import Connection

__all__ = ["PREFIX", "Settings", "gather"]

PREFIX = "CQLENG_"
"""What names of environment variables begin with: ``CQLENG_HOSTS`` is ``--hosts``."""

_NAME = "CQLENGINE"
"""The dict of a settings module."""
_KNOWN = ("HOSTS", "PORT", "KEYSPACE", "MODELS", "USER", "PASSWORD_FILE", "OPTIONS")


@dataclass
class Settings:
    """What a command works with."""

    models: list[Any] = field(default_factory=list)
    keyspace: str | None = None
    connection: Connection | None = None
    """A connection of the command's own, which it closes; None for the application's."""


def gather(arguments: Namespace, environment: Mapping[str, str]) -> Settings:
    """Return the settings of a command; raise `MigrationError` for what is missing or wrong."""
    module = _from_module(arguments, environment)

    def told(name: str) -> Any:
        given = getattr(arguments, name.lower())
        if given not in (None, []):
            return given
        return environment.get(PREFIX + name) or module.get(name)

    names = _as_list(told("MODELS"), "MODELS", separator=" ")
    models = discover(names) if names else _models_of_django()
    hosts = _as_list(told("HOSTS"), "HOSTS")
    keyspace = told("KEYSPACE")
    connection = None
    if hosts or not _is_set_up():
        connection = _connect(hosts, told, module.get("OPTIONS"))
    return Settings(models, keyspace, connection)


def _from_module(arguments: Namespace, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the dict ``CQLENGINE`` of the settings module, of Django's where it is in use."""
    name = arguments.settings or environment.get(f"{PREFIX}SETTINGS")
    found: Any
    if name:
        found = getattr(import_named(name), _NAME, None)
        if found is None:
            raise MigrationError(f"module {name} has no {_NAME}: let it be a dict as in {_EXAMPLE}")
    elif environment.get("DJANGO_SETTINGS_MODULE"):
        found = getattr(_django_settings(), _NAME, {})
    else:
        return {}
    if not isinstance(found, dict) or (unknown := found.keys() - set(_KNOWN)):
        wrong = f"has {', '.join(sorted(unknown))}" if isinstance(found, dict) else "is no dict"
        raise MigrationError(
            f"{_NAME} of the settings {wrong}: it is a dict of {', '.join(_KNOWN)}, as "
            f"in {_EXAMPLE}"
        )
    return found


_EXAMPLE = (
    'CQLENGINE = {"HOSTS": ["10.0.0.1"], "KEYSPACE": "shop", "MODELS": ["shop.models"], '
    '"OPTIONS": {"ssl_context": context}}'
)


def _django_settings() -> Any:
    """Set Django up, as `manage.py` does, and return its settings."""
    try:
        django: Any = import_named("django")
        settings = import_named("django.conf").settings
    except MigrationError as error:
        raise MigrationError(
            "DJANGO_SETTINGS_MODULE is set, but Django cannot be imported: run this in the "
            "project's environment, or unset it"
        ) from error
    django.setup()
    return settings


def _models_of_django() -> list[Any]:
    """Return the models of all apps of Django; none where Django is not in use."""
    import sys

    apps = sys.modules.get("django.apps")
    if apps is None or not apps.apps.ready:
        return []
    from cqlengine.migrations.discovery import models_in

    modules = [app.models_module for app in apps.apps.get_app_configs()]
    return [model for module in modules if module is not None for model in models_in(module)]


def _is_set_up() -> bool:
    from cqlengine.connection.registry import known_connection

    return known_connection(None) is not None


def _as_list(value: Any, name: str, separator: str = ",") -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        value = [part.strip() for part in value.split(separator)]
    if not isinstance(value, list | tuple):
        raise MigrationError(f"{name}={value!r}: give a list of texts")
    return [part for part in value if part]


def _connect(hosts: list[str], told: Any, options: dict[str, Any] | None) -> Connection:
    from cqlengine.connection.connections import Connection

    cluster_options = dict(options or {})
    if (port := told("PORT")) is not None:
        try:
            cluster_options["port"] = int(port)
        except ValueError:
            raise MigrationError(f"port {port!r} is no number") from None
    if (user := told("USER")) is not None:
        from cql_driver.auth import PlainTextAuthProvider

        password = _password(told("PASSWORD_FILE"))
        cluster_options["auth_provider"] = PlainTextAuthProvider(user, password)
    return Connection("migrations", hosts or None, cluster_options=cluster_options)


def _password(path: str | None) -> str:
    """Read a password from a file, which other users of the machine cannot see in a list."""
    if path is None:
        raise MigrationError(
            "a user is given and no password: name the file that has it by --password-file, or "
            f"{PREFIX}PASSWORD_FILE"
        )
    with open(os.fspath(path), encoding="utf-8") as file:
        return file.read().rstrip("\r\n")
