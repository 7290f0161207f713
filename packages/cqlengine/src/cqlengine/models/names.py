"""The name of a table, where a model gives none."""

from __future__ import annotations

__all__ = ["LONGEST_NAME", "default_table_name"]

LONGEST_NAME = 48
"""Servers refuse longer names of tables."""


def default_table_name(class_name: str) -> str:
    """Return the table's name for a class: in snake case, the last 48 characters of it.

    Example::

        >>> default_table_name("UserByEmail"), default_table_name("HTTPLog")
        ('user_by_email', 'http_log')
    """
    letters: list[str] = []
    for index, letter in enumerate(class_name):
        before = class_name[index - 1] if index else ""
        after = class_name[index + 1 : index + 2]
        starts_word = letter.isupper() and (
            before.islower() or before.isdigit() or (before.isupper() and after.islower())
        )
        if starts_word and before != "_":
            letters.append("_")
        letters.append(letter.lower())
    return "".join(letters)[-LONGEST_NAME:].lstrip("_")
