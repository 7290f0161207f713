"""Print pip's index and certificate as shell lines that set them for uv, where nothing has.

Hatch installs by uv, which reads neither pip's files nor its variables; on a machine where pip is
set up for an index or a certificate of its own, uv would find nothing. Run by a Python with pip.
"""

from __future__ import annotations

import ast
import shlex
import subprocess
import sys

UV_NAMES = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
# From the weakest to the strongest; "pip config list" has merged pip's files into the first two.
SECTIONS = ("global", "install", ":env:")


def pip_settings() -> dict[str, str]:
    """Return what `pip config list` says: "section.name" to value."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    pairs = (line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {key: str(ast.literal_eval(value)) for key, value in pairs}


def main() -> None:
    """Print one line for each setting that pip has."""
    settings = pip_settings()
    for pip_name, uv_name in UV_NAMES.items():
        found = [settings[key] for s in SECTIONS if (key := f"{s}.{pip_name}") in settings]
        if found:
            value = shlex.quote(found[-1])
            print(f'[ -n "${uv_name}" ] || export {uv_name}={value}')


if __name__ == "__main__":
    main()
