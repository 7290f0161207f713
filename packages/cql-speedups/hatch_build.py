"""Compile every .pyx of this package: the build hook, and by itself a rebuild in place.

One function serves the wheel, the editable install and the developer who edited a .pyx file.

libev.pyx is compiled where libev's header and library are found. ``CQL_SPEEDUPS_LIBEV=0`` does
without them, and with ``=1`` a build that does not find them fails. What the C compiler is told by
CC, CFLAGS, CPPFLAGS and LDFLAGS counts.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from setuptools import Extension

HERE = Path(__file__).resolve().parent
SRC = HERE / "src"
PACKAGE = "cql_speedups"
DIRECTIVES = {"language_level": 3, "freethreading_compatible": True, "auto_pickle": False}

LIBEV = "libev.pyx"
LIBEV_CHOICE = "CQL_SPEEDUPS_LIBEV"
HOW_TO_GET_LIBEV = (
    "install libev's headers (Debian: libev-dev, Fedora: libev-devel, macOS: brew install libev) "
    "and build cql-speedups anew"
)
_PLACES: list[tuple[list[str], list[str]]] = [
    ([], []),
    (["/usr/include/libev"], []),
    (["/opt/homebrew/include"], ["/opt/homebrew/lib"]),
    (["/usr/local/include"], ["/usr/local/lib"]),
    (["/opt/local/include"], ["/opt/local/lib"]),
]
"""Folders of headers and of libraries that are added to the compiler's own, by turns."""
_PROGRAM = "#include <ev.h>\nint main(void) { return ev_loop_new(EVFLAG_AUTO) == 0; }\n"

_HEADER = re.compile(r'"(\w+\.h)"')
_CIMPORTED = re.compile(r"from cql_speedups\.(\w+) cimport")


def compile_extensions(stripped: bool = False) -> list[Path]:
    """Build each extension next to its source, if that is newer, and return all their files.

    Those that are `stripped` of their symbols, as a wheel has them, go into a folder of the build:
    who looks with a profiler where the time goes wants the names.
    """
    from Cython.Build import cythonize
    from setuptools import Distribution

    # Cython and setuptools name what they generate after paths relative to the working directory.
    with contextlib.chdir(HERE):
        modules = cythonize(
            _extensions(stripped),
            build_dir="build/cython",
            compiler_directives=DIRECTIVES,
            quiet=True,
        )
        command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
        python = sysconfig.get_config_var("SOABI")
        command.build_lib = f"build/stripped-{python}" if stripped else str(SRC)
        command.build_temp = f"build/temp-{python}"
        command.parallel = os.cpu_count()
        command.ensure_finalized()
        command.run()
    return [HERE / name for name in command.get_outputs()]


def _extensions(stripped: bool = False) -> list[Extension]:
    from setuptools import Extension

    # Python's own flags carry -g, which makes the library four times as large.
    flags = [] if sys.platform == "win32" else ["-O3", "-g0"]
    if sys.platform == "linux":
        flags.append("-fno-plt")  # what is called from Python is so at once
    links = ["-Wl,-s"] if stripped and sys.platform == "linux" else []
    libev = find_libev()
    return [
        Extension(
            ".".join(source.relative_to(SRC).with_suffix("").parts),
            [str(source.relative_to(HERE))],
            depends=_headers_of(source),
            extra_compile_args=flags,
            extra_link_args=links,
            **(libev or {} if source.name == LIBEV else {}),
        )
        for source in sorted(SRC.rglob("*.pyx"))
        if source.name != LIBEV or libev is not None
    ]


def _headers_of(source: Path) -> list[str]:
    """Return the headers that a module includes, itself or by what it cimports."""
    seen: set[Path] = set()
    left = [source, source.with_suffix(".pxd")]
    while left:
        path = left.pop()
        if path not in seen and path.exists():
            seen.add(path)
            text = path.read_text(encoding="utf-8")
            left += [path.with_name(name) for name in _HEADER.findall(text)]
            left += [path.with_name(f"{name}.pxd") for name in _CIMPORTED.findall(text)]
    return sorted(str(path.relative_to(HERE)) for path in seen if path.suffix == ".h")


def find_libev() -> dict[str, list[str]] | None:
    """Return what an extension that uses libev is built with; say so and return None without it."""
    choice = os.environ.get(LIBEV_CHOICE, "")
    if choice not in ("", "0", "1"):
        raise SystemExit(f"{LIBEV_CHOICE}={choice!r}: use 0 to build without libev, 1 to insist")
    if choice != "0" and sys.platform != "win32":
        for headers, libraries in _PLACES:
            if all(map(os.path.isdir, headers)) and _compiles(headers, libraries):
                return {"include_dirs": headers, "library_dirs": libraries, "libraries": ["ev"]}
    if choice == "1":
        raise SystemExit(f"{LIBEV_CHOICE}=1, but libev is not found: {HOW_TO_GET_LIBEV}")
    why = f"as {LIBEV_CHOICE}=0 asks for" if choice else f"which is not found: {HOW_TO_GET_LIBEV}"
    print(f"cql-speedups is built without libev, {why}", file=sys.stderr)
    return None


def _compiles(headers: list[str], libraries: list[str]) -> bool:
    """Say whether a program that needs libev is compiled with these folders."""
    import_module("setuptools")  # brings distutils, which is no part of Python any more
    from distutils.ccompiler import new_compiler
    from distutils.sysconfig import customize_compiler

    compiler: Any = new_compiler()
    customize_compiler(compiler)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(_PROGRAM)
        command = [*compiler.compiler, *(f"-I{name}" for name in headers), str(source)]
        command += ["-o", str(source.with_suffix(""))]
        command += [*compiler.linker_exe[1:], *(f"-L{name}" for name in libraries), "-lev"]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False  # no compiler: the build will say so


class CythonBuildHook(BuildHookInterface[Any]):
    """Put the extensions of this Python, and no other's, into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; `version` is "standard" for a wheel and "editable" for a development install."""
        outputs = compile_extensions(stripped=version == "standard")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version == "standard":  # an editable install finds the file beside its source
            for path in outputs:
                build_data["force_include"][str(path)] = f"{PACKAGE}/{path.name}"


if __name__ == "__main__":
    for built in compile_extensions():
        print(built)
