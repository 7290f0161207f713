"""The views, by the test client and by the one that awaits."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.test import SimpleTestCase

from cqlengine import connection
from reading.models import Entry, Reader
from reading.views import PAGE

JSON = "application/json"


class ReaderTests(SimpleTestCase):
    """Who reads."""

    def setUp(self) -> None:
        """Take a name that no other test has."""
        self.name = str(uuid4())
        self.url = f"/readers/{self.name}/"

    def join(self, name: str, *interests: str) -> Any:
        """Ask for a name."""
        return self.client.post("/readers/", {"name": name, "interests": interests}, JSON)

    def test_a_reader_joins(self) -> None:
        answer = self.join(self.name, "novels")
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(self.client.get(self.url).json()["interests"], ["novels"])

    def test_a_name_that_is_taken(self) -> None:
        self.join(self.name, "novels")
        answer = self.join(self.name, "poems")
        self.assertEqual(answer.status_code, 409)
        self.assertEqual(answer.json(), {"error": f"{self.name} is taken"})
        self.assertEqual(Reader.get(name=self.name).interests, {"novels"})

    def test_interests_change(self) -> None:
        self.join(self.name, "novels", "poems")
        change = {"add": ["plays"], "remove": ["poems"]}
        answer = self.client.patch(self.url, change, JSON)
        self.assertEqual(answer.json()["interests"], ["novels", "plays"])

    def test_nobody(self) -> None:
        self.assertEqual(self.client.get(self.url).status_code, 404)
        change = self.client.patch(self.url, {"add": ["plays"]}, JSON)
        self.assertEqual(change.status_code, 404)

    def test_what_does_not_fit(self) -> None:
        lacks = ("no JSON", "[]", "{}", '{"interests": ["novels"]}')
        wrong = ('{"name": ""}', '{"name": 5}', '{"name": "a", "interests": "novels"}')
        for body in (*lacks, *wrong):
            with self.subTest(body=body):
                answer = self.client.post("/readers/", body, JSON)
                self.assertEqual(answer.status_code, 400)
                self.assertTrue(answer.json()["error"])

    def test_all_pages_together_have_each_once(self) -> None:
        names = {f"{self.name}-{number}"[-40:] for number in range(PAGE + 1)}
        for name in names:
            Reader.create(name=name)
        found: list[str] = []
        url = "/readers/"
        while url:
            page = self.client.get(url).json()
            found += page["readers"]
            url = page["next"] and f"/readers/?after={page['next']}"
        self.assertEqual(len(found), len(set(found)))
        self.assertLessEqual(names, set(found))


class EntryTests(SimpleTestCase):
    """What they read, by both clients of Django's."""

    def setUp(self) -> None:
        """Have a reader whom no other test has."""
        self.name = Reader.create(name=str(uuid4())).name
        self.url = f"/readers/{self.name}/entries/"
        self.page = f"/readers/{self.name}/log/"

    async def write(self, **more: Any) -> Any:
        """Write an entry."""
        body = {"title": "Emma", "author": "Jane Austen", "pages": 12, **more}
        return await self.async_client.post(self.url, body, JSON)

    async def test_an_entry_is_written_and_read(self) -> None:
        answer = await self.write(quotes=["It is."])
        self.assertEqual(answer.status_code, 201)
        found = (await self.async_client.get(self.url)).json()
        self.assertEqual(found, {"entries": [answer.json()], "next": None})
        self.assertEqual(found["entries"][0]["quotes"], ["It is."])

    async def test_page_by_page(self) -> None:
        for pages in range(1, 2 * PAGE):
            await self.write(pages=pages)
        first = (await self.async_client.get(self.url)).json()
        second = (await self.async_client.get(self.url, {"before": first["next"]})).json()
        self.assertEqual(len(first["entries"]), PAGE)
        self.assertIsNone(second["next"])
        pages = [each["pages"] for each in first["entries"] + second["entries"]]
        self.assertEqual(pages, list(range(2 * PAGE - 1, 0, -1)))

    async def test_an_entry_for_a_while(self) -> None:
        await self.write(keep=3600)
        select = f"SELECT ttl(pages) AS seconds FROM {Entry.column_family_name()} WHERE reader = %s"
        (row,) = connection.execute(select, [self.name])
        self.assertGreater(row["seconds"], 3000)

    async def test_what_does_not_fit(self) -> None:
        for wrong in ({"pages": "many"}, {"title": None}, {"quotes": [None]}, {"keep": "long"}):
            with self.subTest(wrong=wrong):
                self.assertEqual((await self.write(**wrong)).status_code, 400)
        for before in ("5", str(uuid4())):
            answer = await self.async_client.get(self.url, {"before": before})
            self.assertEqual(answer.status_code, 400)
        self.assertEqual(await Entry.objects(reader=self.name).acount(), 0)

    async def test_nobody(self) -> None:
        answer = await self.async_client.get(f"/readers/{uuid4()}/entries/")
        self.assertEqual(answer.status_code, 404)

    def test_the_page_for_people(self) -> None:
        for pages in (12, 13):
            self.client.post(self.url, {"title": "Emma", "pages": pages}, JSON)
        page = self.client.get(self.page)
        self.assertTemplateUsed(page, "reading/log.html")
        self.assertContains(page, "<li>Emma: 25 pages</li>", html=True)
        self.assertContains(page, "<h2>Emma</h2>", count=2, html=True)
        self.assertNotContains(page, "older")

    def test_the_page_for_people_goes_on(self) -> None:
        for pages in range(PAGE + 1):
            Entry.create(reader=self.name, book={"title": f"Volume {pages}"}, pages=pages)
        first = self.client.get(self.page)
        self.assertNotContains(first, "<h2>Volume 0</h2>", html=True)
        second = self.client.get(self.page, {"before": first.context["next"]})
        self.assertContains(second, "<h2>Volume 0</h2>", html=True)
