from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.errors import InvalidArgument
from cql_driver.query import SimpleStatement, markers
from cql_driver.query.markers import first_word, marker_style

SERVER = [
    "SELECT * FROM t WHERE k = ?",
    "SELECT * FROM t WHERE k=:key",
    "SELECT * FROM t WHERE k= :_key",
    'SELECT * FROM t WHERE k = :"Key"',
    "SELECT * FROM t WHERE k IN :keys",
    "SELECT * FROM t WHERE k IN (:a,:b)",
    "SELECT * FROM t WHERE (a,b)>(:a, :b)",
    "SELECT * FROM t LIMIT :l",
    "SELECT * FROM t PER PARTITION LIMIT :l",
    "SELECT m[:k] FROM t",
    "SELECT m[:a..:b] FROM t",
    "SELECT s['a'..:b] FROM t",
    "SELECT cast((int):x as text) FROM t",
    "SELECT a+:x, a-:x FROM t",
    "SELECT * FROM t WHERE token(k) > token(:k)",
    "INSERT INTO t (k) VALUES (1) USING TTL :ttl AND TIMESTAMP :ts",
    "INSERT INTO t JSON :doc",
    "INSERT INTO t JSON ? DEFAULT UNSET",
    "UPDATE t SET m = {:k::v} WHERE k = 1",
    "UPDATE t SET m = {:k : :v} WHERE k = 1",
    "UPDATE t SET m = {'a':1, 'b'::v} WHERE k = 1",
    "UPDATE t SET m = {1::x}",
    "UPDATE t SET m = { 1 : :x }",
    "UPDATE t SET m = {'a': [1, :x]}",
    "UPDATE t SET m = {'a': {b: :x}}",
    "UPDATE t SET m = {'a': (int):x}",
    "UPDATE t SET m = {f(:a): 1}",
    "UPDATE t SET m = {(1, :a): 1}",
    "UPDATE t SET m = {-1::x}",
    "UPDATE t SET u = {street: 'x', zip: :zip}",
    "UPDATE t SET s = {:a, :b}",
    "UPDATE t SET s = s + {1, :b}",
    "UPDATE t SET m = {?:?}",
    "UPDATE t SET m = {'a': 1}, v = :v",
    "SELECT ':a' FROM t WHERE k = 'it''s' AND c = :c",
    "SELECT * FROM t -- 'no end\nWHERE k = ?",
    "SELECT * FROM t /* ' */ WHERE k = ?",
    "SELECT * FROM t WHERE c LIKE '%s%' AND k = ?",
    'SELECT "%s" FROM t WHERE k = :k',
]

NONE = [
    "",
    "SELECT * FROM t",
    "SELECT * FROM t WHERE k = '?'",
    "SELECT * FROM t WHERE k = 'it''s ? :a'",
    'SELECT "a?:b" FROM t',
    'SELECT "a""?" FROM t',
    "SELECT $$ ? :a ' $$ FROM t",
    "SELECT * FROM t -- ? :a",
    "SELECT * FROM t // ? :a\r",
    "SELECT * /* ? \n :a */ FROM t",
    "SELECT 'no end ?",
    "SELECT /* no end ?",
    "UPDATE t SET m = {'a': 1, 'b': 2}",
    "UPDATE t SET m = {'a': true, 'b':null, 'c':now()}",
    "UPDATE t SET m = {1:now()}",
    "UPDATE t SET m = {-1:now()}",
    "UPDATE t SET m = {(1, 2):now()}",
    "UPDATE t SET m = {[1]:now()}",
    "UPDATE t SET m = {{1}:now()}",
    "UPDATE t SET m = {'a':{b:now(),c:uuid()}}",
    "UPDATE t SET u = {street:'x', ok:true, at:now()}",
    'UPDATE t SET u = {"Street":now()}',
    "UPDATE t SET m = {'a' /* ? */ : /* :b */ true}",
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    'INSERT INTO t JSON \'{"a": ":b", "c": ?}\'',
    "SELECT * FROM t WHERE a LIKE '100%' AND b LIKE '%%s'",
    "}:",
    "):a}"[:2],
    "a : 1",
]

PERCENT = [
    "SELECT * FROM t WHERE k = %s",
    "SELECT * FROM t WHERE k = %(key)s",
    "SELECT * FROM t WHERE k = '%s'",
    "SELECT * FROM t WHERE k = '?' AND c = %s",
    "UPDATE t SET m = {'a': %s, %s: now()}",
    "SELECT * FROM t WHERE k = %s -- what? %%",
]


@pytest.mark.parametrize("query", SERVER)
def test_markers_of_the_server(query: str) -> None:
    assert marker_style(query) == "server"


@pytest.mark.parametrize("query", NONE)
def test_no_markers(query: str) -> None:
    assert marker_style(query) == "none"


@pytest.mark.parametrize("query", PERCENT)
def test_markers_of_the_driver(query: str) -> None:
    assert marker_style(query) == "percent"


@pytest.mark.parametrize(
    "query", ["SELECT * FROM t WHERE a = %s AND b = ?", "UPDATE t SET a = :a WHERE k = %(k)s"]
)
def test_both_kinds_are_refused_each_time(query: str) -> None:
    for _ in range(2):
        with pytest.raises(InvalidArgument, match="use one kind"):
            marker_style(query)


def test_the_answer_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, str] = {}
    monkeypatch.setattr(markers, "_known", known)
    for number in range(3000):
        assert marker_style(f"SELECT {number}, ?") == "server"
        assert len(known) <= 1024
    known.clear()
    assert marker_style("SELECT ?" + " " * 5000) == "server"
    assert known == {}
    known["SELECT 1"] = "server"
    assert marker_style("SELECT 1") == "server"


QUOTED = st.text(alphabet="?:a%s -/*$\n", max_size=12)


@given(st.lists(QUOTED), st.booleans())
def test_what_stands_in_quotes_is_no_marker(texts: list[str], marked: bool) -> None:
    quoted = [f"'{text}' \"{text}\"" for text in texts if "%" not in text]
    query = "SELECT " + ", ".join(quoted) + (" FROM t WHERE k = ?" if marked else " FROM t")
    assert marker_style(query) == ("server" if marked else "none")


VALUES = st.recursive(
    st.sampled_from(["1", "'a:b'", "true", "now()", "-1", "$$:x$$", "(int)1"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1).map(lambda items: f"[{','.join(items)}]"),
        st.lists(inner, min_size=1).map(lambda items: f"({','.join(items)})"),
        st.lists(st.tuples(inner, inner), min_size=1).map(
            lambda items: "{" + ",".join(f"{key}:{value}" for key, value in items) + "}"
        ),
    ),
    max_leaves=10,
)


@given(VALUES, VALUES, st.sampled_from(["", " "]))
def test_a_colon_in_a_map_is_no_marker(key: str, value: str, space: str) -> None:
    assert marker_style(f"UPDATE t SET m = {{{key}{space}:{space}{value}}}") == "none"
    assert marker_style(f"UPDATE t SET m = {{{key}{space}:{space}:v}}") == "server"
    assert marker_style(f"UPDATE t SET m = {{{key}:{value},:k{space}:{value}}}") == "server"


@given(st.text(alphabet="{}[]():?'\"%s-/*$a1, \n"))
def test_any_text_gets_an_answer(query: str) -> None:
    try:
        assert marker_style(query) in ("none", "percent", "server")
    except InvalidArgument:
        assert "%" in query


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("select * FROM t", "SELECT"),
        (" \n-- UPDATE\n/* DELETE */ // x\n SELECT 1", "SELECT"),
        ("SELECTED", "SELECTED"),
        ("INSERT INTO t", "INSERT"),
        ("", ""),
        ("/* SELECT", ""),
        ("'SELECT'", ""),
    ],
)
def test_the_first_word(query: str, word: str) -> None:
    assert first_word(query) == word


def test_a_statement_knows_its_markers() -> None:
    assert SimpleStatement("SELECT ?").marker_style == "server"
    assert SimpleStatement("SELECT 1").is_read
    assert not SimpleStatement("DELETE FROM t").is_read
