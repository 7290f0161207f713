"""The app, which knows where the data is once Django is set up."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from cqlengine import connection


class ReadingConfig(AppConfig):
    """The reading log."""

    name = "reading"

    def ready(self) -> None:
        """Say which cluster the models are in; the first query connects.

        A server that forks its workers after this is fine for that reason: each worker has
        connections of its own.
        """
        connect(settings.CQLENGINE["KEYSPACE"])


def connect(keyspace: str) -> None:
    """Have all models use this keyspace from now on."""
    where = settings.CQLENGINE
    connection.setup(where["HOSTS"], keyspace, lazy_connect=True, port=where["PORT"])
