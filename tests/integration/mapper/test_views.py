"""Materialized views as models, on a real node."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from cqlengine import columns, management
from cqlengine.models import Model
from cqlengine.query.requests import run
from cqlengine.schema import Kind, MaterializedView, compare_models, read_keyspace
from tests.integration.driver.support import until

if TYPE_CHECKING:
    from cql_driver.cluster import Session

pytestmark = pytest.mark.usefixtures("connection")


class Member(Model):
    id = columns.Integer(primary_key=True)
    at = columns.Integer(primary_key=True)
    email = columns.Text(db_field="Mail")
    age = columns.Integer()
    tags = columns.Set(columns.Text)


class MemberByEmail(MaterializedView):
    __base_model__ = Member

    email = columns.Text(partition_key=True)
    at = columns.Integer(primary_key=True, clustering_order="DESC")
    id = columns.Integer(primary_key=True)
    tags = columns.Set(columns.Text)


def kinds(*models: type[Model], keyspace: str) -> list[Kind]:
    found = compare_models(models, run(read_keyspace(keyspace)), extras=False)
    return [difference.kind for difference in found]


def test_a_view_is_made_with_its_table_and_read_as_a_model(session: Session, keyspace: str) -> None:
    management.sync_table(MemberByEmail)
    assert kinds(Member, MemberByEmail, keyspace=keyspace) == []
    for at in range(3):
        Member.create(id=1, at=at, email="zoe@example.org", age=30, tags={str(at)})
    Member.create(id=2, at=0, age=3)
    rows = until(
        lambda: len(found := list(MemberByEmail.filter(email="zoe@example.org"))) == 3 and found,
        "the view has the rows",
    )
    assert [(row.at, row.tags) for row in rows] == [(2, {"2"}), (1, {"1"}), (0, {"0"})]
    assert all(isinstance(row, MemberByEmail) for row in rows)
    query = MemberByEmail.objects.filter(email="zoe@example.org", at__lt=2).order_by("at")
    assert [row.at for row in query] == [0, 1]
    plain = session.execute("SELECT * FROM member_by_email WHERE \"Mail\" = 'zoe@example.org'")
    assert {(row.at, row.id) for row in plain} == {(0, 1), (1, 1), (2, 1)}


async def test_a_view_is_awaited(keyspace: str) -> None:
    await management.async_table(MemberByEmail)
    await Member.acreate(id=7, at=0, email="x@example.org")
    for _ in range(1000):
        found = [row.id async for row in MemberByEmail.objects.filter(email="x@example.org")]
        if found:
            break
    assert found == [7]


def test_a_changed_view_is_told_of_and_left(
    keyspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Wider(MemberByEmail):
        __table_name__ = "member_by_email"

        age = columns.Integer()

    management.sync_table(MemberByEmail)
    assert kinds(Member, Wider, keyspace=keyspace) == [Kind.VIEW_CHANGED]
    with caplog.at_level(logging.INFO, "cqlengine.management"):
        management.sync_table(Wider)
    assert "member_by_email is otherwise: it has no age: it is left as it is" in caplog.text
    assert kinds(Member, MemberByEmail, keyspace=keyspace) == []


def test_options_and_conditions_and_dropping(keyspace: str) -> None:
    class Adult(MaterializedView):
        __base_model__ = Member
        __where__ = "id > 17"

        at = columns.Integer(partition_key=True)
        id = columns.Integer(primary_key=True)

    class AdultWithOptions(Adult):
        __table_name__ = "adult"
        __options__ = {"gc_grace_seconds": 100}  # noqa: RUF012 - as models have it

    management.sync_table(Adult)
    assert kinds(Member, Adult, keyspace=keyspace) == []
    management.sync_table(AdultWithOptions)
    assert run(read_keyspace(keyspace)).views["adult"].options["gc_grace_seconds"] == 100
    management.drop_table(Adult)
    assert "adult" not in run(read_keyspace(keyspace)).views
    assert "member" in run(read_keyspace(keyspace)).tables
    management.drop_table(Adult)
