"""Three tables and a user type."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from cql_driver.util import datetime_from_uuid1
from cqlengine import columns
from cqlengine.models import Model
from cqlengine.usertype import UserType


class Book(UserType):
    """A book, as a part of other rows."""

    title = columns.Text(required=True)
    author = columns.Text()


class Reader(Model):
    """Who reads. A name is taken once in the whole cluster: see `views.readers`."""

    __table_name__ = "readers"

    name = columns.Text(primary_key=True, required=True, max_length=40)
    interests = columns.Set(columns.Text, strict=False)  # takes the lists of JSON, too
    joined = columns.DateTime(default=lambda: datetime.now(UTC))


class Entry(Model):
    """What somebody read in one sitting.

    All entries of a reader are one partition, the newest first, so that a page of the log is a
    slice of what lies side by side on disk. A log of a lifetime is some ten thousand rows; of
    something that grows faster the month would be in the partition key, too.
    """

    __table_name__ = "entries"

    reader = columns.Text(partition_key=True)
    id = columns.TimeUUID(primary_key=True, clustering_order="DESC", default=uuid.uuid1)
    book = columns.UserDefinedType(Book)
    pages = columns.Integer(required=True)
    quotes = columns.List(columns.Text)

    @property
    def read_at(self) -> datetime:
        """When it was written down; the id knows."""
        return datetime_from_uuid1(self.id).replace(tzinfo=UTC)


class PagesRead(Model):
    """How many pages of a book somebody has read. Beside its key it may have counters only."""

    __table_name__ = "pages_read"

    reader = columns.Text(partition_key=True)
    title = columns.Text(primary_key=True)
    pages = columns.Counter()


MODELS = [Reader, Entry, PagesRead]
"""All that have a table. Types come with the tables that use them."""
