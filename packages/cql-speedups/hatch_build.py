"""Compile every .pyx of this package: the build hook, and by itself a rebuild in place.

One function serves the wheel, the editable install and the developer who edited a .pyx file.
"""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from setuptools import Extension

HERE = Path(__file__).resolve().parent
SRC = HERE / "src"
DIRECTIVES = {"language_level": 3, "freethreading_compatible": True}


def compile_extensions() -> list[Path]:
    """Build each extension next to its source, if that is newer, and return all their files."""
    from Cython.Build import cythonize
    from setuptools import Distribution

    # Cython and setuptools name what they generate after paths relative to the working directory.
    with contextlib.chdir(HERE):
        modules = cythonize(
            _extensions(), build_dir="build/cython", compiler_directives=DIRECTIVES, quiet=True
        )
        command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
        command.build_lib = str(SRC)
        command.build_temp = f"build/temp-{sysconfig.get_config_var('SOABI')}"
        command.ensure_finalized()
        command.run()
    return [HERE / name for name in command.get_outputs()]


def _extensions() -> list[Extension]:
    from setuptools import Extension

    # Python's own flags carry -g, which makes the library four times as large.
    flags = [] if sys.platform == "win32" else ["-O3", "-g0"]
    return [
        Extension(
            ".".join(source.relative_to(SRC).with_suffix("").parts),
            [str(source.relative_to(HERE))],
            extra_compile_args=flags,
        )
        for source in sorted(SRC.rglob("*.pyx"))
    ]


class CythonBuildHook(BuildHookInterface[Any]):
    """Put the extensions of this Python, and no other's, into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; `version` is "standard" for a wheel and "editable" for a development install."""
        outputs = compile_extensions()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version == "standard":  # an editable install finds the file beside its source
            for path in outputs:
                build_data["force_include"][str(path)] = str(path.relative_to(SRC))


if __name__ == "__main__":
    for built in compile_extensions():
        print(built)
