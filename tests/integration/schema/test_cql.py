"""The comparison of statements: it must not take different ones for the same."""

from __future__ import annotations

import pytest

from tests.integration.schema.cql import normal, statements, uncommented

TABLE = "CREATE TABLE a.b (k int PRIMARY KEY) WITH x = 1 AND m = {'a': '1', 'b': '2'}"


@pytest.mark.parametrize(
    "same",
    [
        TABLE + ";",
        "CREATE  TABLE a.b(\n  k int PRIMARY KEY\n)\n WITH x=1\n  AND m={'a':'1','b':'2'}",
        "CREATE TABLE a.b (k int PRIMARY KEY) WITH m = {'b': '2', 'a': '1'} AND x = 1",
        "CREATE TABLE a.b (k int PRIMARY KEY) -- more\nWITH x = 1 AND m = {'a': $$1$$, 'b': '2'}",
    ],
)
def test_white_space_and_the_order_of_options_do_not_matter(same: str) -> None:
    assert normal(same) == normal(TABLE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("k int", "k text"),
        ("k int", '"k" int'),
        ("k int", "K int"),
        ("a.b", "a.c"),
        ("x = 1", "x = 2"),
        ("x = 1", "x = '1'"),
        ("x = 1 AND ", ""),
        ("'1'", "'1 '"),
        ("'a': '1'", "'a': '2'"),
        (", 'b': '2'", ""),
        (" PRIMARY KEY", ", PRIMARY KEY (k)"),
    ],
)
def test_all_else_does(old: str, new: str) -> None:
    assert old in TABLE
    assert normal(TABLE.replace(old, new)) != normal(TABLE)


def test_the_order_of_columns_and_conditions_matters() -> None:
    assert normal("CREATE TABLE t (a int, b int)") != normal("CREATE TABLE t (b int, a int)")
    assert normal("SELECT * WHERE a = 1 AND b = 2") != normal("SELECT * WHERE b = 2 AND a = 1")


def test_a_script_is_cut_at_its_semicolons() -> None:
    script = """
        -- one; two
        CREATE 'a;b' "c;""d" $$e;
        f$$; /* g; */
        DROP h;;
    """
    assert [" ".join(text.split()) for text in statements(script)] == [
        """CREATE 'a;b' "c;""d" $$e; f$$""",
        "DROP h",
    ]


def test_what_ends_within_a_statement_is_no_script() -> None:
    with pytest.raises(AssertionError, match="ends within"):
        statements("CREATE a; DROP b")


def test_approximate_statements_are_taken_out_of_their_comment() -> None:
    note = "/*\nWarning: …\n(this should not be used to reproduce this schema)\n\nCREATE a;\n*/"
    assert normal(uncommented(note)) == normal("CREATE a")
    assert uncommented("CREATE a") == "CREATE a"
    virtual = "/*\nVIRTUAL TABLE a;\n*/"
    assert uncommented(virtual) == virtual
