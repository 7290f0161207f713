"""What the tests of the architecture look at: the files of the tree and what they import."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

IMPORT_NAMES = {
    "cql-protocol": "cql_protocol",
    "cql-driver": "cql_driver",
    "cql-reactors": "cql_reactors",
    "cqlengine": "cqlengine",
    "cql-speedups": "cql_speedups",
    "cql-compat": "cassandra",
}
"""Import name by distribution; the distribution is also the folder in packages/."""

SOURCE_SUFFIXES = {".py", ".pyx", ".pxd", ".pxi"}
BUILT_SUFFIXES = {".so", ".pyd", ".c", ".pyc"}

_PYX_IMPORT = re.compile(r"^(\s*)(?:from\s+([\w.]+)\s+c?import\s|c?import\s+([\w.]+))", re.M)


class Import(NamedTuple):
    """One import: where it stands, what it names, and when it runs."""

    importer: str
    """The module it stands in, with dots."""
    target: str
    """What it names, with dots; of ``from a import b`` it is ``a.b``."""
    line: int
    when: str
    """``"import"`` when the module is imported, ``"call"`` in a function, ``"typing"`` never."""

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def tree_files() -> list[Path]:
    """Return every file of the tree that git does not ignore, or all where there is no git."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return sorted(_walk())
    names = listed.decode().split("\0")
    return sorted(path for name in names if name and (path := ROOT / name).is_file())


def _walk() -> Iterator[Path]:
    """Find the files of an exported tree: all but hidden folders and what a build leaves."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in ("build", "dist", "__pycache__") and not name.startswith(".")
        ]
        for path in (Path(folder, name) for name in names if name != "_version.py"):
            if path.suffix not in BUILT_SUFFIXES:
                yield path


@cache
def source_files() -> tuple[Path, ...]:
    """Return the Python and Cython files of the tree."""
    return tuple(path for path in tree_files() if path.suffix in SOURCE_SUFFIXES)


def package_files(distribution: str) -> list[Path]:
    """Return the source files that a distribution ships."""
    folder = ROOT / "packages" / distribution / "src"
    return [path for path in source_files() if path.is_relative_to(folder)]


def pyproject(distribution: str) -> dict[str, Any]:
    """Return the pyproject.toml of a distribution."""
    return tomllib.loads((ROOT / "packages" / distribution / "pyproject.toml").read_text())


def module_name(path: Path) -> str:
    """Return the dotted name of a file below a ``src`` folder.

    >>> module_name(ROOT / "packages/cqlengine/src/cqlengine/__init__.py")
    'cqlengine'
    """
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[parts.index("src") + 1 :]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules(distribution: str) -> dict[str, Path]:
    """Return the files of a distribution by module name."""
    return {module_name(path): path for path in package_files(distribution)}


@cache
def imports_of(distribution: str) -> tuple[Import, ...]:
    """Return every import that stands anywhere in a distribution's source."""
    found: list[Import] = []
    for name, path in modules(distribution).items():
        if path.suffix == ".py":
            found += _python_imports(name, path)
        else:
            found += _cython_imports(name, path)
    return tuple(found)


def _python_imports(name: str, path: Path) -> Iterator[Import]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node, when in _walk_code(ast.parse(path.read_text()), "import"):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno, when)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, base]).rstrip(".")
            if base != "__future__":
                for alias in node.names:
                    yield Import(name, f"{base}.{alias.name}", node.lineno, when)
        elif isinstance(node, ast.Call) and _imports_by_name(node):
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield Import(name, argument.value, node.lineno, when)


def _imports_by_name(node: ast.Call) -> bool:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else None
    called = node.func.id if isinstance(node.func, ast.Name) else called
    return called in ("import_module", "__import__") and bool(node.args)


def _walk_code(node: ast.AST, when: str) -> Iterator[tuple[ast.AST, str]]:
    """Walk a tree and tell of each node when it runs."""
    for child in ast.iter_child_nodes(node):
        yield child, when
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _walk_code(child, "typing" if when == "typing" else "call")
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            for statement in child.body:
                yield statement, "typing"
                yield from _walk_code(statement, "typing")
            for statement in child.orelse:
                yield statement, when
                yield from _walk_code(statement, when)
        else:
            yield from _walk_code(child, when)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _cython_imports(name: str, path: Path) -> Iterator[Import]:
    text = path.read_text()
    for match in _PYX_IMPORT.finditer(text):
        target = match[2] or match[3]
        if target != "__future__":
            line = text.count("\n", 0, match.start()) + 1
            yield Import(name, target, line, "call" if match[1].strip("\n") else "import")


def elsewhere(program: str) -> Any:
    """Run a program in a process of its own; it leaves its answer (for JSON) in `answer`.

    Frameworks are imported there: they change how the process behaves, when it forks for instance.
    """
    code = f"{program}\nimport json; print(json.dumps(answer))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def resolve(target: str, known: dict[str, Path]) -> str:
    """Return the module that `target` names: itself, or the one that has it as attribute."""
    return target if target in known else target.rpartition(".")[0]
