"""The statements that type checkers look at are also true when they are run."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from cqlengine.errors import ValidationError
from tests.mapper.typed_columns import Typed, assignments, attributes

ROOT = Path(__file__).parents[3]


def test_attributes_are_there_without_a_value() -> None:
    typed = Typed(home={"street": "a"})
    attributes(typed)
    assert typed.name is None
    assert typed.tags == set()


def test_what_type_checkers_accept_is_valid_and_the_rest_is_not() -> None:
    typed = Typed()
    assignments(typed)
    for name in ("born", "wakes", "lasts", "seen", "id", "host", "photo", "meaning"):
        column = Typed._columns[name]
        setattr(typed, name, column.validate(getattr(typed, name)))
    assert typed.born == datetime.date(1815, 12, 10)
    assert typed.meaning == [1.0, 2.0, 3.0]
    for name in ("name", "tags", "home"):
        with pytest.raises(ValidationError, match=f"^{name}: "):
            Typed._columns[name].validate(getattr(typed, name))


def test_mypy_is_told_to_check_them() -> None:
    assert '"tests/mapper/typed_columns.py"' in (ROOT / "pyproject.toml").read_text()
