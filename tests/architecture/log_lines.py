"""What the driver can write to the log, read from its source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from tests.architecture.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Line", "lines_of", "log_lines"]

SOURCES = (
    ROOT / "packages" / "cql-driver" / "src" / "cql_driver",
    ROOT / "packages" / "cql-reactors" / "src" / "cql_reactors",
)
LEVELS = {"info": "INFO", "warning": "WARNING", "error": "ERROR", "exception": "ERROR"}


class Line(NamedTuple):
    """A line: the logger's name without ``cql_driver.``, the level, and the text with ``%s``."""

    logger: str
    level: str
    text: str


def log_lines() -> set[Line]:
    """All lines at INFO and above."""
    found: set[Line] = set()
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            found.update(lines_of(path))
    return found


def lines_of(path: Path) -> Iterator[Line]:
    """The lines that one module writes by its `log`."""
    tree = ast.parse(path.read_text())
    logger = _logger(tree)
    if logger is None:
        return
    functions = [
        node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    for function in functions:
        texts = dict(_assigned_texts(function))
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                yield from _of_call(node, logger, texts, path)


def _logger(tree: ast.Module) -> str | None:
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) == "get_logger"
            and isinstance(node.value.args[0], ast.Constant)
        ):
            return str(node.value.args[0].value).removeprefix("cql_driver.")
    return None


def _assigned_texts(function: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                    yield target.id, node.value.value


def _of_call(call: ast.Call, logger: str, texts: dict[str, str], path: Path) -> Iterator[Line]:
    level = _level(call.func)
    arguments = call.args
    if level is None and call.args:
        # A line of `Seldom`: its first argument writes, its third is the text.
        level, arguments = _level(call.args[0]), call.args[2:]
    if level is None:
        return
    text = arguments[0]
    if isinstance(text, ast.Constant):
        yield Line(logger, level, str(text.value))
    elif isinstance(text, ast.Name) and text.id in texts:
        yield Line(logger, level, texts[text.id])
    else:
        where = f"{path.relative_to(ROOT)}:{call.lineno}"
        raise AssertionError(f"{where}: the text of a log line must stand where it is written")


def _level(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "log":
        return LEVELS.get(node.attr)
    return None
