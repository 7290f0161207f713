from __future__ import annotations

import datetime
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.errors import InvalidValue, InvalidValueType
from cql_protocol.literals import LiteralEncoder, ValueSequence, bind_literals


@pytest.mark.parametrize(
    ("query", "params", "text"),
    [
        ("SELECT %s", [1], "SELECT 1"),
        ("%s%s", (1, 2), "12"),
        ("a = %s AND b = %s", ["x", None], "a = 'x' AND b = NULL"),
        ("a = %(a)s OR %(a)s = %(b c)s", {"a": 1, "b c": 2, "other": 3}, "a = 1 OR 1 = 2"),
        ("a LIKE '50%%' AND b = %s", [1], "a LIKE '50%' AND b = 1"),
        ("%%s %s %%%%", [1], "%s 1 %%"),
        ("k IN %s", [ValueSequence([1, 2])], "k IN (1, 2)"),
        ("a = %s", ["%s %(x)s %% %d"], "a = '%s %(x)s %% %d'"),
        ("a = %(a)s", types.MappingProxyType({"a": "x"}), "a = 'x'"),
        ("a = %(ü)s", {"ü": 1}, "a = 1"),
        ("a = a -%s", [-1], "a = a - -1"),
        ("a = a - %s", [-1], "a = a - -1"),
        ("a = a -%s", [1], "a = a -1"),
        ("a['k'] = %s", ["x"], "a['k'] = 'x'"),
        ('"it\'s" = %s', ["x"], "\"it's\" = 'x'"),
        ("a -- don't\n = %s", ["x"], "a -- don't\n = 'x'"),
        ("a /* don't */ = %s", ["x"], "a /* don't */ = 'x'"),
        ("a = 'it''s' AND b = %s", ["x"], "a = 'it''s' AND b = 'x'"),
        ("a = $$it's$$ AND b = %s", ["x"], "a = $$it's$$ AND b = 'x'"),
        ("a = '%s'", [5], "a = '5'"),
        ("a = 'n-%s'", [-5], "a = 'n--5'"),
    ],
)
def test_markers_are_replaced(query, params, text):
    assert bind_literals(query, params) == text
    assert bind_literals(query, params) == text, "and so when the statement comes again"


def test_parameters_can_come_from_an_iterator():
    assert bind_literals("%s, %s", iter(["x", 1])) == "'x', 1"


@pytest.mark.parametrize("params", [None, (), [], {}])
def test_without_parameters_nothing_is_touched(params):
    assert bind_literals("a LIKE '%d %% %s'", params) == "a LIKE '%d %% %s'"


@pytest.mark.parametrize(
    ("query", "params", "why"),
    [
        ("%s", [1, 2], "1 markers, but there are 2 parameters"),
        ("%s %s", [1], "2 markers, but there are 1 parameters"),
        ("no marker", [1], "0 markers"),
        ("%s", {"a": 1}, "not a mapping"),
        ("%(a)s", [1], "are a dict"),
        ("%(a)s", {"b": 1}, "no parameter is named 'a'"),
        ("%(a)s %s", {"a": 1}, "cannot be used in one"),
        ("%(a)s %s", [1], "cannot be used in one"),
        ("100% of %s", [1], "'% of %s' is no marker"),
        ("%d", [1], "no marker"),
        ("%r", [1], "no marker"),
        ("%(a)d", {"a": 1}, "no marker"),
        ("%(a", {"a": 1}, "no marker"),
        ("%", [1], "no marker"),
        ("%5s", [1], "no marker"),
    ],
)
def test_markers_and_parameters_must_match(query, params, why):
    with pytest.raises(InvalidValue) as caught:
        bind_literals(query, params)
    assert why in str(caught.value)


@pytest.mark.parametrize("params", ["ab", b"ab", {1, 2}, 5, object()])
def test_parameters_are_a_sequence_or_mapping(params):
    with pytest.raises(InvalidValueType, match="list, tuple or dict"):
        bind_literals("%s %s", params)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("a = '%s'", "x"),
        ("a = '%s'", "' OR '1' = '1"),
        ("a = 'x %s y'", "x"),
        ("a = 'it''s %s'", "x"),
        ("a = '%%%s%%'", "x"),
        ("a = '%s'", ["x"]),
        ("a = '%s'", datetime.date(2020, 1, 1)),
        ("a = '%s'", (1, 2)),
        ("a = $$%s$$", "x$$; DROP"),
        ('"%s" = 1', "x"),
        ("a = 1 -- %s\n", "x\n; DROP TABLE t"),
        ("a = 1 // %s\n", "x\n; DROP TABLE t"),
        ("a = 1 /* %s */", "x */ ; DROP TABLE t /*"),
        ("a = 'b'%s", "x"),
        ("a = %s'b'", "x"),
        ("a = %s%s", "x"),
    ],
)
def test_text_does_not_go_into_quotes_or_comments(query, value):
    count = query.replace("%%", "").count("%s")
    with pytest.raises(InvalidValue, match="quotes"):
        bind_literals(query, [value] * count)


def test_a_key_of_a_mapping_is_only_looked_up():
    class Spy(dict):
        def __missing__(self, key):
            return "default"

    assert bind_literals("%(a)s", Spy(b=1)) == "'default'"


def test_an_encoder_of_your_own():
    encoder = LiteralEncoder(tuple_as_list=True)
    assert bind_literals("a = %s", [(1,)], encoder) == "a = [1]"
    assert encoder.bind("a = %(a)s", {"a": (1,)}) == "a = [1]"


def test_long_statements_work_too():
    query = "%s, " * 5000
    assert bind_literals(query, ["x"] * 5000) == "'x', " * 5000


_TEXT = st.text(st.sampled_from("ab'\"%s()$-/*\n? ")).filter(lambda text: "\ud800" not in text)


@given(st.lists(_TEXT, min_size=1, max_size=5))
def test_parameters_never_leave_their_quotes(values):
    query = "INSERT " + ", ".join(["%s"] * len(values)) + " END"
    bound = bind_literals(query, values)
    rest = bound.removeprefix("INSERT ").removesuffix(" END")
    found = []
    while rest:
        assert rest[0] == "'"
        at = 1
        while rest[at] != "'" or rest[at : at + 2] == "''":
            at += 2 if rest[at] == "'" else 1
        found.append(rest[1:at].replace("''", "'"))
        rest = rest[at + 1 :].removeprefix(", ")
    assert found == values


@given(st.text(), st.lists(st.one_of(st.integers(), st.text()), max_size=3))
def test_any_statement_is_bound_or_refused(query, values):
    try:
        bound = bind_literals(query, values)
    except InvalidValue:
        bound = None
    assert bound is None or len(bound) >= len(query) - 2 * query.count("%")
