"""The one place that looks for the compiled twin of this library, `cql_speedups`.

A module that has compiled functions rebinds its own at its foot::

    murmur3 = compiled("murmur3", "murmur3", murmur3)

The compiled function lives in ``cql_speedups.<module>`` under the same name; the name is
the contract. ``CQL_PROTOCOL_IMPL=python`` keeps the Python code, ``=cython`` insists on the
compiled one and raises when it cannot be used. Without the variable an extension that is
installed but broken, or of another version, is reported once as a warning, and Python runs.
"""

from __future__ import annotations

import os

from cql_protocol._version import __version__
from cql_protocol.errors import PluginError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from types import ModuleType
    from typing import TypeVar

    _T = TypeVar("_T")

__all__ = ["IMPLEMENTATION", "REASON", "compiled"]

_VARIABLE = "CQL_PROTOCOL_IMPL"


def _load(wanted: str | None) -> tuple[ModuleType | None, str]:
    """Return the extension package, or None with the reason why it is not used."""
    if wanted not in (None, "", "python", "cython"):
        raise PluginError(f"{_VARIABLE}={wanted!r} is unknown: use 'python' or 'cython'")
    if wanted == "python":
        return None, f"{_VARIABLE}=python"
    try:
        import cql_speedups
    except ModuleNotFoundError as exc:
        if exc.name == "cql_speedups":
            return _refuse(wanted, "cql-speedups is not installed", installed=False)
        return _refuse(wanted, f"cql-speedups is broken: {exc}")
    except Exception as exc:  # noqa: BLE001 - it is reported, and Python still works
        return _refuse(wanted, f"cql-speedups is broken: {type(exc).__name__}: {exc}")
    found = getattr(cql_speedups, "__version__", None)
    if found != __version__:
        why = f"cql-speedups is version {found}, cql-protocol {__version__}"
        return _refuse(wanted, why)
    return cql_speedups, "cql-speedups is installed"


def _refuse(wanted: str | None, why: str, installed: bool = True) -> tuple[None, str]:
    cure = f"pip install 'cql-speedups=={__version__}'"
    if wanted == "cython":
        raise PluginError(f"{_VARIABLE}=cython, but {why}: {cure}")
    if installed:
        import warnings

        warnings.warn(f"{why}; running pure Python. Cure: {cure}", RuntimeWarning, stacklevel=2)
    return None, why


_extension, REASON = _load(os.environ.get(_VARIABLE))

IMPLEMENTATION = "python" if _extension is None else "cython"
"""Which implementation runs: ``'python'`` or ``'cython'``; `REASON` says why."""


def compiled(module: str, name: str, fallback: _T) -> _T:
    """Return `cql_speedups.<module>.<name>`, or `fallback` when Python code is to run."""
    if _extension is None:
        return fallback
    lacks = f"it lacks {module}.{name}"
    found: _T | None = None
    try:
        found = getattr(getattr(_extension, module, None), name, None)
    except Exception as exc:  # noqa: BLE001 - as of the package itself
        lacks += f" ({type(exc).__name__}: {exc})"
    if found is None:
        _refuse(os.environ.get(_VARIABLE), f"cql-speedups is broken: {lacks}")
        return fallback
    return found
