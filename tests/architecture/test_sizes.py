"""No file is too long to be read in one go, and no function too long to be seen at once."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.architecture.source import ROOT, source_files

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 500
MOST_LINES_OF_A_FUNCTION = 60

_CYTHON_DEF = re.compile(r"^(\s*)(?:async\s+def|cp?def|def)\s(?!class\s)[^=]*?(\w+)\s*\(")


def test_the_tree_is_seen() -> None:
    shown = {path.relative_to(ROOT).parts[0] for path in source_files()}
    assert {"packages", "tests", "tools", "examples"} <= shown
    assert any(path.suffix == ".pyx" for path in source_files())


def test_no_file_is_longer_than_500_lines() -> None:
    lengths = {
        str(path.relative_to(ROOT)): path.read_bytes().count(b"\n") for path in source_files()
    }
    assert {name: size for name, size in lengths.items() if size > MOST_LINES} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{line} {name}": size
        for path in source_files()
        for name, line, size in _functions(path.read_text(), path.suffix)
    }
    assert {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION} == {}


def _functions(text: str, suffix: str) -> Iterator[tuple[str, int, int]]:
    """Find (name, first line, number of lines) of every function."""
    if suffix != ".py":
        yield from _cython_functions(text.splitlines())
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def _cython_functions(lines: list[str]) -> Iterator[tuple[str, int, int]]:
    """Find the functions of Cython code, which `ast` cannot read, by their indentation."""
    for start, line in enumerate(lines):
        match = _CYTHON_DEF.match(line)
        if match is None or not _has_body(lines[start:]):
            continue
        last = start
        depth = 0
        for at, text in enumerate(lines[start:], start):
            indent = len(text) - len(text.lstrip())
            if at > start and text.strip() and depth <= 0 and indent <= len(match[1]):
                break
            depth += sum(text.count(c) for c in "([{") - sum(text.count(c) for c in ")]}")
            last = at if text.strip() else last
        yield match[2], start + 1, last - start + 1


def _has_body(lines: list[str]) -> bool:
    """Tell a definition from a declaration, which ends without a colon."""
    depth = 0
    for line in lines:
        code = line.partition("#")[0].rstrip()
        depth += sum(code.count(c) for c in "([{") - sum(code.count(c) for c in ")]}")
        if depth <= 0:
            return code.endswith(":")
    return False


PYTHON = """
class C:
    def long(
        a,
    ):
        x = 1

        return x

y = 2
"""

CYTHON = """
cdef extern from 'a.h':
    int declared(int)

cdef class C(B):
    cdef inline long long long(
        int a,
    ) noexcept nogil:
        x = 1

        return x

y = f(1)
"""


@pytest.mark.parametrize(("suffix", "text"), [(".py", PYTHON), (".pyx", CYTHON)])
def test_functions_are_measured_with_their_head_and_without_the_blank_after(
    suffix: str, text: str
) -> None:
    sizes = [(name, size) for name, _, size in _functions(text, suffix)]
    assert sizes == [("long", 6)]
