"""``python manage.py migrate_cql``: bring the schema to what the models say."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from cqlengine import management
from reading.models import MODELS


class Command(BaseCommand):
    """Make the keyspace and the tables where they are missing, and change what differs."""

    help = "Brings the keyspace and its tables to what the models say."

    def handle(self, **options: Any) -> None:
        """Do it."""
        where = settings.CASSANDRA
        management.create_keyspace_simple(where["KEYSPACE"], where["REPLICATION_FACTOR"])
        for model in MODELS:
            management.sync_table(model)
