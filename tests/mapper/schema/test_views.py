"""Models of materialized views."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from cqlengine import columns
from cqlengine.errors import ModelDefinitionException, ModelException
from cqlengine.models import Model
from cqlengine.schema import Kind, MaterializedView, Safety, create_view
from tests.mapper.schema.models import Order, OrderByCustomer
from tests.mapper.schema.support import differences, live_of, only


class Plain(Model):
    __keyspace__ = "shop"
    __connection__ = "reports"

    id = columns.Integer(primary_key=True)
    email = columns.Text(db_field="Mail")
    age = columns.Integer()
    shared = columns.Text()


class PlainByEmail(MaterializedView):
    __base_model__ = Plain
    __where__ = "age > 17"

    email = columns.Text(partition_key=True)
    id = columns.Integer(primary_key=True)
    age = columns.Integer()


def view(base: Any = Plain, **named: Any) -> Any:
    """A view called `Seen`."""
    return type(MaterializedView)("Seen", (MaterializedView,), {"__base_model__": base, **named})


def test_a_view_is_in_its_tables_keyspace_with_its_names() -> None:
    assert PlainByEmail.column_family_name() == "shop.plain_by_email"
    assert PlainByEmail._get_connection() == "reports"
    assert PlainByEmail._columns["email"].db_field_name == "Mail"
    assert create_view(PlainByEmail) == (
        'CREATE MATERIALIZED VIEW IF NOT EXISTS shop.plain_by_email AS SELECT "Mail", "id", "age" '
        'FROM shop.plain WHERE "Mail" IS NOT NULL AND "id" IS NOT NULL AND age > 17 '
        'PRIMARY KEY (("Mail"), "id")'
    )


def test_a_view_is_queried_as_any_model() -> None:
    query = str(PlainByEmail.objects.filter(email="zoe@example.org"))
    assert "FROM shop.plain_by_email" in query
    assert '"Mail" = ' in query


@pytest.mark.parametrize(
    "verb", ["save", "asave", "update", "aupdate", "delete", "adelete", "create", "acreate"]
)
def test_an_instance_is_not_saved(verb: str) -> None:
    instance = PlainByEmail(id=1, email="zoe@example.org")
    with pytest.raises(ModelException, match=r"PlainByEmail is a materialized view.*of Plain"):
        getattr(instance, verb)()


@pytest.mark.parametrize(
    "verb",
    ["create", "acreate", "update", "aupdate", "delete", "adelete", "create_json", "acreate_json"],
)
def test_rows_are_not_written(verb: str) -> None:
    query = PlainByEmail.objects.filter(email="zoe@example.org", id=1)
    with pytest.raises(ModelException, match="write rows of Plain"):
        getattr(query, verb)()


def test_it_is_not_written_in_a_batch_or_with_an_option() -> None:
    with pytest.raises(ModelException, match="write rows of Plain"):
        PlainByEmail.if_not_exists().create(id=1)
    with pytest.raises(ModelException, match="write rows of Plain"):
        PlainByEmail(id=1).ttl(5).save()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"id": columns.Integer(primary_key=True), "__base_model__": None}, "__base_model__"),
        ({"id": columns.Integer(primary_key=True), "__base_model__": PlainByEmail}, "which model"),
        ({"no": columns.Integer(primary_key=True)}, "Plain has no column no; it has id, email"),
        ({"id": columns.Text(primary_key=True)}, "Seen.id is a text, but a int in Plain"),
        ({"age": columns.Integer(primary_key=True)}, "id must have primary_key=True"),
        (
            {name: columns.Integer(primary_key=True) for name in ("id", "age")}
            | {"email": columns.Text(primary_key=True)},
            "at most one column.*Mail and age",
        ),
        ({"id": columns.Integer(primary_key=True, index=True)}, "no indexes of views"),
        ({}, "Seen has no columns"),
    ],
)
def test_what_servers_make_no_view_of(named: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelDefinitionException, match=message):
        view(**named)


def test_static_columns_are_not_shown() -> None:
    with pytest.raises(ModelDefinitionException, match="opening is static"):

        class Opening(OrderByCustomer):
            opening = columns.Time()


def test_an_abstract_view_is_a_base_of_others() -> None:
    class Common(MaterializedView):
        __abstract__ = True
        __base_model__ = Plain

        email = columns.Text()

    class ByAge(Common):
        __options__: ClassVar[dict[str, Any]] = {"comment": "by age"}

        age = columns.Integer(partition_key=True)
        id = columns.Integer(primary_key=True)

    assert create_view(ByAge).endswith('PRIMARY KEY (("age"), "id") WITH comment = \'by age\'')


def test_what_is_different_about_a_view() -> None:
    live = live_of(Plain, PlainByEmail)

    class Other(PlainByEmail):
        __table_name__ = "plain_by_email"
        __where__ = "age > 20"

        shared = columns.Text()

    found = only(differences([Plain, Other], live))
    assert (found.kind, found.safety) == (Kind.VIEW_CHANGED, Safety.DESTRUCTIVE)
    assert "it has no shared; it is WHERE" in found.what
    assert [text.split()[0] for text in found.statements] == ["DROP", "CREATE"]


def test_a_view_of_another_key_or_order() -> None:
    class ById(MaterializedView):
        __base_model__ = Plain
        __table_name__ = "plain_by_email"
        __where__ = "age > 17"

        id = columns.Integer(primary_key=True)
        email = columns.Text(primary_key=True, clustering_order="DESC")
        age = columns.Integer()

    class ByIdUp(ById):
        __table_name__ = "plain_by_email"

        email = columns.Text(primary_key=True)

    live = live_of(Plain, PlainByEmail)
    assert (
        'its key is ("Mail", id), not (id, "Mail")' in only(differences([Plain, ById], live)).what
    )
    found = only(differences([Plain, ById], live_of(Plain, ByIdUp)))
    assert 'its clustering order is ("Mail" ASC), not ("Mail" DESC)' in found.what


def test_options_of_a_view_are_altered() -> None:
    class Commented(PlainByEmail):
        __table_name__ = "plain_by_email"
        __options__: ClassVar[dict[str, Any]] = {"comment": "seen"}

    found = only(differences([Plain, Commented], live_of(Plain, PlainByEmail)))
    assert (found.kind, found.safety) == (Kind.OPTION_CHANGED, Safety.SAFE)
    assert found.statements == (
        "ALTER MATERIALIZED VIEW shop.plain_by_email WITH comment = 'seen'",
    )


def test_a_view_of_a_table_with_rows_costs_something() -> None:
    found = only(differences([Order, OrderByCustomer], live_of(Order)))
    assert (found.kind, found.safety) == (Kind.VIEW_MISSING, Safety.COSTLY)
