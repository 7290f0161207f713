"""C of the benchmarks, compiled when it is first needed, by the interpreter's own compiler.

What is made is kept below ``.hatch``, one for each interpreter.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@cache
def compiled(name: str) -> Any:
    """Return the extension module that ``NAME.c`` is; compile it if its source is newer."""
    source = HERE / f"{name}.c"
    tag = "{}.{}".format(*sys.version_info[:2])
    folder = HERE.parent / ".hatch" / tag / "compiled"
    target = folder / (name + str(sysconfig.get_config_var("EXT_SUFFIX")))
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        compiler = shlex.split(str(sysconfig.get_config_var("CC") or "cc"))
        include = sysconfig.get_path("include")
        flags = ["-O3", "-fPIC", "-shared", "-Wall", "-fno-strict-aliasing", "-I", include]
        # Under a name of its own until it is whole: another process may be about to load it.
        made = target.with_suffix(f".{os.getpid()}")
        subprocess.run([*compiler, *flags, str(source), "-o", str(made)], check=True)
        made.replace(target)
    spec = importlib.util.spec_from_file_location(name, target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
