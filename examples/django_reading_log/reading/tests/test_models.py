"""The models, without views."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.core.management import call_command
from django.test import SimpleTestCase

from cqlengine import ValidationError, migrations
from cqlengine.query import BatchQuery, LWTException
from reading.models import MODELS, Book, Entry, PagesRead, Reader

EMMA = Book(title="Emma", author="Jane Austen")


class ReaderTests(SimpleTestCase):
    """Rows that are there once."""

    def test_a_name_is_taken_once(self) -> None:
        name = f"Ann {uuid4()}"[:40]
        Reader.if_not_exists().create(name=name, interests={"novels"})
        with self.assertRaises(LWTException) as caught:
            Reader.if_not_exists().create(name=name)
        self.assertEqual(caught.exception.existing["interests"], {"novels"})

    def test_a_name_has_an_end(self) -> None:
        with self.assertRaises(ValidationError):
            Reader.create(name="n" * 41)

    def test_interests_are_added_and_removed(self) -> None:
        reader = Reader.create(name=f"Ben {uuid4()}"[:40], interests={"novels", "poems"})
        reader.interests.add("plays")
        reader.interests.remove("poems")
        reader.save()
        self.assertEqual(Reader.get(name=reader.name).interests, {"novels", "plays"})


class EntryTests(SimpleTestCase):
    """Rows in the order of their time."""

    def setUp(self) -> None:
        """Take a partition that no other test has."""
        self.reader = str(uuid4())

    def test_the_newest_comes_first(self) -> None:
        with BatchQuery() as batch:
            for pages in (1, 2, 3):
                Entry.batch(batch).create(reader=self.reader, book=EMMA, pages=pages)
        found = list(Entry.objects(reader=self.reader))
        self.assertEqual([each.pages for each in found], [3, 2, 1])
        self.assertEqual(found[0].book, EMMA)
        self.assertLess(datetime.now(UTC) - found[0].read_at, timedelta(minutes=5))

    async def test_it_can_be_awaited(self) -> None:
        entry = await Entry.acreate(reader=self.reader, book=EMMA, pages=7, quotes=["It is."])
        entry.quotes.append("It was.")
        await entry.asave()
        found = [each async for each in Entry.objects(reader=self.reader)]
        self.assertEqual([each.quotes for each in found], [["It is.", "It was."]])
        await entry.adelete()
        self.assertEqual(await Entry.objects(reader=self.reader).acount(), 0)

    def test_pages_are_added_up(self) -> None:
        for pages in (10, 5):
            count = PagesRead(reader=self.reader, title="Emma")
            count.pages += pages
            count.save()
        self.assertEqual(PagesRead.get(reader=self.reader, title="Emma").pages, 15)


class SchemaTests(SimpleTestCase):
    """The tables."""

    def test_to_migrate_again_changes_nothing(self) -> None:
        call_command("migrate_cql", verbosity=0)
        self.assertFalse(migrations.plan(MODELS))
