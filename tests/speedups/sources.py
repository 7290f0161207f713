"""What the sources say of the compiled twins: who is bound by whom, and what is public."""

from __future__ import annotations

import ast
import os
import re
import sysconfig
from functools import cache
from typing import NamedTuple

import pytest

from cql_protocol._accel import IMPLEMENTATION
from tests.architecture.source import IMPORT_NAMES, ROOT, modules

FOLDER = ROOT / "packages" / "cql-speedups" / "src" / "cql_speedups"
COMPILED = any(FOLDER.glob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"))

needs_extension = pytest.mark.skipif(
    not COMPILED and not os.environ.get("CI"),
    reason="cql_speedups is not compiled for this Python",
)
beside_python = pytest.mark.skipif(
    IMPLEMENTATION != "python",
    reason="compares twins with the Python code, which the run with CQL_PROTOCOL_IMPL=python has",
)


class Twin(NamedTuple):
    """One ``name = compiled("module", "name", name)``."""

    owner: str
    """The module that binds it, with dots."""
    module: str
    name: str
    fallback: str
    """What runs without the extension, as it is written."""

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


@cache
def twins() -> tuple[Twin, ...]:
    """Return every twin that is bound somewhere."""
    found = []
    for distribution in IMPORT_NAMES:
        for owner, path in modules(distribution).items():
            if path.suffix == ".py" and "compiled(" in path.read_text():
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Call) and ast.unparse(node.func) == "compiled":
                        module, name, fallback = map(ast.unparse, node.args)
                        parts = ast.literal_eval(module), ast.literal_eval(name)
                        found.append(Twin(owner, *parts, fallback))
    return tuple(found)


@cache
def public_names() -> dict[str, tuple[str, ...]]:
    """Return ``__all__`` of every compiled module by its name; () where there is none."""
    found = {}
    for path in sorted(FOLDER.glob("*.pyx")):
        match = re.search(r"^__all__ = (\[.*?\])", path.read_text(), re.M | re.S)
        found[path.stem] = tuple(ast.literal_eval(match[1])) if match else ()
    return found
