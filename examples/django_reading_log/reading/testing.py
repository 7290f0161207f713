"""How the tests of this project get a keyspace."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.test.runner import DiscoverRunner

from cqlengine import connection, management
from reading.apps import connect


class KeyspaceRunner(DiscoverRunner):
    """Run tests in a keyspace of their own, made before them and dropped behind them.

    Within a run tests share it. To empty tables between them takes a second each; rather let
    each test use partitions of its own.
    """

    def setup_databases(self, **kwargs: Any) -> list[Any]:
        """Make the keyspace and its tables."""
        self.keyspace = f"test_{settings.CQLENGINE['KEYSPACE']}"
        settings.CQLENGINE["KEYSPACE"] = self.keyspace
        connect(self.keyspace)
        management.drop_keyspace(self.keyspace)  # of a run that was killed
        call_command("migrate_cql", verbosity=0)
        return []

    def teardown_databases(self, old_config: list[Any], **kwargs: Any) -> None:
        """Drop the keyspace and disconnect."""
        management.drop_keyspace(self.keyspace)
        connection.unregister_connection("default")
