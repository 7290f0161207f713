"""``python manage.py migrate_cql``: bring the schema to what the models say."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cql_driver import DriverException
from cqlengine import management, migrations
from reading.models import MODELS


class Command(BaseCommand):
    """Make the keyspace if it is missing, and then change in it what differs from the models."""

    help = "Brings the keyspace and its tables to what the models say."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument("--plan", action="store_true", help="show what there is to do")
        text = "drop what the models do not have any more, too"
        parser.add_argument("--allow-destructive", action="store_true", help=text)

    def handle(self, *, plan: bool, allow_destructive: bool, **options: Any) -> None:
        """Do it, or show it."""
        try:
            done = migrations.plan(MODELS) if plan else self._apply(allow_destructive)
        except DriverException as error:
            raise CommandError(str(error)) from error
        if options["verbosity"]:
            self.stdout.write(str(done))

    def _apply(self, allow_destructive: bool) -> migrations.Applied:
        keyspace = settings.CQLENGINE["KEYSPACE"]
        management.create_keyspace_simple(keyspace, settings.REPLICATION_FACTOR)
        return migrations.apply(MODELS, allow_destructive=allow_destructive)
