from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.identifiers import (
    RESERVED_WORDS,
    escape_name,
    is_valid_name,
    maybe_escape_name,
    protect_name,
    protect_names,
    protect_type_name,
    protect_value,
    quote_text,
)


@pytest.mark.parametrize("name", ["a", "users", "user_id", "t1", "key", "ttl", "int", "values"])
def test_plain_names_stand_as_they_are(name):
    assert is_valid_name(name)
    assert protect_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a\n",
        "Users",
        "1a",
        "_a",
        "a-b",
        "é",
        "a.b",
        "a;",
        "ａ",
        "table",
        "select",
        "token",
        "nan",
        "infinity",
        "true",
        "false",
        "ann",
        "unset",
        "scylla_clustering_bound",
    ],
)
def test_all_others_are_quoted(name):
    assert not is_valid_name(name)
    assert protect_name(name) == f'"{name}"'


def test_no_name_at_all_is_not_valid():
    assert not is_valid_name(None)


def test_quotes_inside_are_doubled():
    assert escape_name('a"; DROP TABLE t; --') == '"a""; DROP TABLE t; --"'
    assert protect_name('"') == '""""'


def test_escape_always_quotes():
    assert escape_name("users") == '"users"'


def test_many_names_at_once():
    assert protect_names(["a", "B", "table"]) == ["a", '"B"', '"table"']
    assert protect_names(iter(())) == []


def test_user_types_are_not_taken_for_other_types():
    assert protect_type_name("address") == "address"
    assert protect_type_name("Address") == '"Address"'
    for name in ("int", "map", "frozen", "vector", "date", "table", "json"):
        assert protect_type_name(name) == f'"{name}"'


def test_the_words_are_lower_case():
    assert all(re.fullmatch("[a-z_]+", word) for word in RESERVED_WORDS)


@given(st.text())
def test_a_quoted_name_reads_back_as_itself(name):
    quoted = escape_name(name)
    assert quoted[0] == quoted[-1] == '"'
    inner = quoted[1:-1]
    assert inner.replace('""', "").count('"') == 0
    assert inner.replace('""', '"') == name


class Tricky(str):
    __slots__ = ()

    def replace(self, *_):
        return "' OR '"


def test_a_subclass_of_str_cannot_change_the_quoting():
    assert quote_text(Tricky("it's")) == "'it''s'"
    assert escape_name(Tricky('a"b')) == '"a""b"'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (-0.5, "-0.5"),
        ("it's", "'it''s'"),
        ({"a": 1}, "'{''a'': 1}'"),
    ],
)
def test_values_of_options(value, text):
    assert protect_value(value) == text


def test_protecting_has_another_name_too() -> None:
    assert maybe_escape_name is protect_name
